"""A table that is read once a run and asked by name for each record: by the resolver `lookup`, or in an expression.

```yaml
lookups:
  prices:
    type: files
    path: data/prices-*.csv
    parser: {type: csv, delimiter: ";"}
    index: [sku, size]
    many: first
    miss: blank
  sizes: {values: {S: small, L: large}, default: other}
mapping:
  fields:
    size: {source: size, resolver: {type: lookup, table: sizes}}
    price: {source: sku, resolver: {type: lookup, table: prices, key: [sku, size], field: price}}
    worth: =int(qty) * decimal(lookup(sku, "prices", key=["sku", "size"], field="price"))
```

An index of one part finds by the value itself; one of several takes a `key` for each part, in the order of `index`.
In an expression a key is a path in quotes. What one use says of `miss`, `many` and `default` goes before what stands
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from engine.errors import EngineError
from engine.kinds import Limits, Source
from engine.language.paths import Path
from engine.language.scopes import Known, Scope
from engine.language.shapes import ANY, SAMPLE_RECORDS, Lost, Shape, follow, of_records, of_texts
from engine.language.tables import Policy
from engine.language.values import Picked, pick_shape
from engine.options import INVALID, Pointer, Report, build_component, convert
from engine.plan import End, Lookup
from engine.records import Value
from engine.registry import class_options
from engine.rows.needs import needs_of_keys
from engine.spec.ends import check_lookup_source
from engine.spec.evidence import records_in
from engine.spec.settings import IndexOptions, ValueOptions
from engine.spelling import a, akin, listed, suggest


class Ends(Protocol):
    """What lookups need of the compiler: where a source is, which parser its path names, where problems go."""

    problems: Any

    def end(self, at: Pointer, component: Source) -> End:
        """Where a source is."""

    def inferred(self, source: Any, at: Pointer) -> Any:
        """The parser that a source's path names."""


def build_lookup(doc: Mapping[str, Any], at: Pointer, ends: Ends) -> Lookup | None:
    """The lookup that a spec says, None where it has a problem."""
    report: Report = ends.problems
    if "values" in doc:
        said = convert(ValueOptions, doc, at, report)
        return None if said is INVALID else Lookup(values=said.values, policy=_policy(said))
    own = {option.name for option in class_options(IndexOptions)}
    source = build_component("source", {key: each for key, each in doc.items() if key not in own}, at, report)
    said = convert(IndexOptions, {key: each for key, each in doc.items() if key in own}, at, report)
    if INVALID in (source, said):
        return None
    check_lookup_source(source, at, report)
    parser = said.parser or ends.inferred(source, at)
    if parser is INVALID:
        return None
    index = tuple(said.index) if isinstance(said.index, Sequence) else (said.index,)
    parser = parser.bound(needs_of_keys(index))
    return Lookup(source=source, end=ends.end(at, source), parser=parser, index=index, policy=_policy(said))


def _policy(said: Any) -> Policy:
    return Policy(said.miss, said.many, said.default)


def known_of(lookup: Lookup, at: Pointer, limits: Limits, report: Report) -> Known:
    """What its values, or the records that are there now, show of it; an index that leads nowhere is reported."""
    if lookup.values is not None:
        return Known.of_values(lookup.values, lookup.policy)
    texts = bool(lookup.parser and lookup.parser.text_values)
    records = _sample(lookup, limits)
    if records is None:
        help = "put one there before the run, or mend the path"
        report("M507", (*at, "path"), "no file of the lookup is there", help, level="warning")
    found = of_records(records or (), texts=texts)
    shape = found if found.type == "object" else of_texts() if texts else ANY
    known = Known([], shape, [path.text for path in lookup.index], lookup.policy)
    known.keys = [_key_shape(path, i, known, at, report) for i, path in enumerate(lookup.index)]
    return known


def _key_shape(path: Picked, index: int, known: Known, at: Pointer, report: Report) -> Shape:
    """The type of one part of the key; no record could be found by a part that none has."""
    if not isinstance(path, Path) or path.query or path.head:
        return pick_shape(path, (*at, "index"), Scope(known.found, Shape(), known.found, known.found), report)
    found = follow(known.found, path.steps)
    if not isinstance(found, Lost):
        return found
    names = list(found.shape.fields)
    near = suggest(path.text, names) or akin(path.text, names)
    place = (*at, "index", index) if len(known.index) > 1 else (*at, "index")
    here = f"its records have {listed(names)}" if names else f"it leads into {a(found.shape.type)}"
    help = f"did you mean `{near}`?" if near else here
    report("M316", place, f"`{path.text}` is in no record of the lookup", help)
    return ANY


def _sample(lookup: Lookup, limits: Limits) -> list[Value] | None:
    """The first records of its first file, where it can be read; None where there is no file."""
    try:
        assert lookup.source  # noqa: S101 - a lookup without values has one
        assert lookup.end  # noqa: S101
        assert lookup.parser  # noqa: S101
        records = records_in(lookup.source, lookup.end.store(), lookup.parser, limits)
        return None if records is None else list(islice(records, SAMPLE_RECORDS))
    except (EngineError, OSError):
        return []  # the run says what is wrong with a file; `check` looks at what it can see
