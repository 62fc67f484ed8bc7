"""A mapping file as a document of our language: in ours it is held against the schema, in the SDK's it is turned."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from engine.dialect.words import is_sdk
from engine.errors import SpecError
from engine.options import Pointer
from engine.spec.document import Document
from engine.spec.located import Located, Problems
from engine.spec.problems import in_file
from engine.spec.reader import read_text
from engine.spec.validate import validate


def mapping_of(
    document: Document, pointer: Pointer, problems: Problems, variables: Collection[str] = (), dialect: str = ""
) -> Any:
    """What the file says; `pointer` is where it stands in the spec. Its problems carry its own positions."""
    if dialect != "sdk" and (dialect or not is_sdk(document.value)):
        validate(document.value, "mapping", problems, pointer)
        return document.value
    from engine.dialect.structure import convert  # only files of that dialect need it

    converted = convert(document.value, problems, pointer, variables)
    for here, there in converted.places.items():
        problems.located.graft((*pointer, *here), document, there)
    return converted.value


def converted(document: Document) -> str:
    """A mapping file of the SDK in our language and in house style; SpecError where it does not check."""
    from engine.dialect.converting import converted_text
    from engine.spec.formatting import formatted

    if not is_sdk(document.value):
        help = "it says `dialect: sdk`, or has keys and resolvers that only the SDK has"
        raise SpecError([in_file(document.path, "S344", "this is no mapping file of the SDK", help=help)])
    problems = Problems(Located(document, document.value))
    text = converted_text(document.value, problems)
    if problems.errors:
        raise SpecError(problems.errors)
    return formatted(read_text(text, f"{document.path}.yaml"))
