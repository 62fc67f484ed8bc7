"""`xml`: elements of a document as records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from typing import Annotated, BinaryIO, ClassVar, Literal

from engine.errors import OptionError
from engine.kinds import Limits, Needs
from engine.language.elements import Names, Plan
from engine.language.paths import Path
from engine.language.picking import Name
from engine.parsers._document import Reading
from engine.parsers._encodings import Encoding
from engine.parsers._input import Packed
from engine.records import Batch
from engine.registry import Doc, component

XmlEncoding = Literal["", Encoding]


@component(
    "xml",
    "parser",
    examples=[
        {"type": "xml", "record_path": "orders.order"},
        {"type": "xml", "record_path": "o:orders.o:order", "namespaces": {"o": "urn:example:orders"}},
        {"type": "xml", "namespaces": "strip"},
    ],
)
class Xml(Packed):
    """Elements of an XML document, each a record; every value is text until a resolver names another type.

    With `record_path: orders.order` every `order` directly in the root `orders` is a record, and what stands around
    them is not read. Without it the whole document is one record whose key is its root, held to `limits.record`.

    - An element without attributes and child elements is its text, exactly as it stands: `<a> 07 </a>` is ` 07 `,
      `<a/>` and `<a></a>` are empty text. CDATA is text, comments and processing instructions are none.
    - Any other is an object: attributes are `@name`, child elements their names, in the order of the document. White
      space between elements is dropped. Text beside attributes is `#text`, and such an element is still its text
      wherever a text is wanted: `price` of `<price currency="EUR">1.50</price>` goes into `decimal`, a comparison, a
      cell or a file name as `1.50`, `price.@currency` is `EUR`, and copied as it is it is the object. `x.#text` is the
      text of both kinds.
    - Children of one name are a list, in their order. One that the mapping uses as a list (`[0]`, `[*]`, `[?..]`,
      `each`, `explode`, a loop, `count`, a resolver of lists such as `first` or `join`) is one in the whole record,
      also where it occurs once, and an empty one where it does not occur in an element that is there.
    - Prefixes are part of the names as they are written (`cbc:ID`), declared or not; `namespaces: strip` takes them
      off, and `namespaces: {p: uri}` gives those of a namespace the prefix `p` (`''` for none), whatever the document
      calls it; a name that would be mistaken for one of them is written as `{uri}name`. Declarations (`xmlns`) are no
      attributes.

    A record is a reject where an element that the mapping reads has text beside child elements, where names of two
    namespaces are one without their prefixes, where it nests more than `limits.depth` elements or has more bytes than
    `limits.record`. The unit fails, with line and byte, where the document is not well-formed or is cut off, declares a
    type (`<!DOCTYPE`: no entity but the five of XML and references to characters is read, and nothing over a network),
    or has another root than `record_path` says. Every byte is checked, also of what the mapping does not read.

    UTF-8, UTF-16 and encodings of one byte a character are read as the document declares them; `encoding` goes before
    that, and is needed for others.

    Memory is bounded by the largest record. Records of plain tags and text are read about three times as fast as those
    with comments, CDATA, or (unless prefixes are kept) declarations of namespaces inside, and as all of UTF-16.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".xml",)

    record_path: Annotated[
        Path | None, Doc("Names of elements from the root to the records, as in `orders.order`: every one is a record.")
    ] = None
    namespaces: Annotated[
        Literal["keep", "strip"] | dict[str, str],
        Doc("Prefixes as they are written, or without them, or `{prefix: uri}`: those that names get instead."),
    ] = "keep"
    encoding: Annotated[XmlEncoding, Doc("How the text is encoded, whatever the document declares.")] = ""
    needs: Needs = field(default=Needs(), metadata={"made": True})

    def __post_init__(self) -> None:
        super().__post_init__()
        path = self.record_path
        if path and (path.head or path.query or not all(isinstance(step, Name) for step in path.steps)):
            help = "write the names of elements from the root: `orders.order`"
            raise OptionError("S209", f"`{path.text}` is no path of names", help)

    def bound(self, needs: Needs) -> Xml:
        """The same parser for steps that need no more than this."""
        return replace(self, needs=needs)

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream."""
        steps = self.record_path.steps if self.record_path else ()
        path = tuple(step.text for step in steps if isinstance(step, Name))
        names, plan = Names(self.namespaces), Plan.of(self.needs)
        return Reading(path, names, plan, limits, stream, "utf-8" if self.encoding else "").batches()
