"""A mapping file as a document of our language: in ours it is held against the schema, in the SDK's it is turned."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from engine.dialect.words import is_sdk, mixed, ours_for
from engine.errors import SpecError
from engine.language.scopes import Scope
from engine.language.shapes import Shape
from engine.options import Pointer
from engine.spec.document import Document
from engine.spec.located import Located, Problems
from engine.spec.problems import Problem, in_file
from engine.spec.reader import read_text
from engine.spec.validate import validate
from engine.steps.map import Map


def is_spec(value: Any) -> bool:
    """A file with ends of its own; `source` alone is a key of mappings too, where it is a path."""
    ends = ("pipelines", "sink", "steps", "lookups")
    return isinstance(value, dict) and (isinstance(value.get("source"), dict) or any(key in value for key in ends))


def checked_map(
    document: Document, shape: Shape, vars: Shape, dialect: str = "", given: Collection[str] = ()
) -> tuple[Map, list[Problem]]:
    """The map that a mapping file says, held against what comes in, and the warnings; SpecError where it fails."""
    if not isinstance(document.value, dict):
        raise SpecError([in_file(document.path, "S203", "a mapping is a map of keys", help="start with `fields:`")])
    problems = Problems(Located(document, document.value))
    doc = mapping_of(document, (), problems, given, dialect)
    step, _ = Map.from_spec(doc, (), problems).check(Scope(shape, vars, shape, shape), (), problems)
    if problems.errors:
        raise SpecError([*problems.errors, *problems.warnings])
    return step, problems.warnings


def mapping_of(
    document: Document, pointer: Pointer, problems: Problems, variables: Collection[str] = (), dialect: str = ""
) -> Any:
    """What the file says; `pointer` is where it stands in the spec. Its problems carry its own positions."""
    if not dialect and _is_mixed(document, pointer, problems):
        return {}
    if dialect != "sdk" and (dialect or not is_sdk(document.value)):
        validate(document.value, "mapping", problems, pointer)
        return document.value
    from engine.dialect.structure import convert  # only files of that dialect need it

    converted = convert(document.value, problems, pointer, variables)
    for here, there in converted.places.items():
        problems.located.graft((*pointer, *here), document, there)
    return converted.value


def _is_mixed(document: Document, pointer: Pointer, problems: Problems) -> bool:
    """Whether words of both languages stand in the file, and nothing says which of them it is in."""
    found = mixed(document.value)
    if found:
        word, other = found
        whose, others = ("the SDK's", "ours") if word.sdk else ("ours", "the SDK's")
        line = document.key_mark(other.at).line
        sdk = word.said if word.sdk else other.said
        problems(
            "S345",
            (*pointer, *word.at),
            f"words of two languages: `{word.said}` is {whose}, `{other.said}` (line {line}) is {others}",
            f"write `dialect: sdk` or `dialect: engine`; in ours `{sdk}` is {ours_for(sdk)}",
            key=word.said == word.at[-1],
        )
    return bool(found)


def converted(document: Document) -> str:
    """A mapping file of the SDK in our language and in house style; SpecError where it does not check."""
    from engine.dialect.converting import converted_text
    from engine.spec.formatting import formatted

    if not is_sdk(document.value):
        help = "it says `dialect: sdk`, or has keys and resolvers that only the SDK has"
        raise SpecError([in_file(document.path, "S344", "this is no mapping file of the SDK", help=help)])
    problems = Problems(Located(document, document.value))
    text = "" if _is_mixed(document, (), problems) else converted_text(document.value, problems)
    if problems.errors:
        raise SpecError(problems.errors)
    return formatted(read_text(text, f"{document.path}.yaml"))
