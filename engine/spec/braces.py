"""Paths that name something else than was meant: braces that are no slot, and a folder where a file is to be."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from engine.language.frames import RUN_KEYS, UNIT_KEYS
from engine.language.templates import Template, strays
from engine.options import Pointer, Report
from engine.spelling import suggest

GLOBS: Final = ("source", "lookups")
"""Where `{a,b}` stands for several names."""
_NAME: Final = re.compile(r"\w+")


def check_braces(
    template: Template, pointer: Pointer, roots: Collection[str], vars: Collection[str], report: Report
) -> None:
    """Warn of braces that would be a part of a file's name."""
    for inner, span in strays(template.text):
        if "," in inner and pointer[0] in GLOBS:
            continue
        meant = _meant(inner.strip(), roots, vars)
        did = f"did you mean `{{{meant}}}`? " if meant else ""
        said = template.text[span[0] : sum(span)]
        message = f"`{said}` is no slot: it becomes a part of the name as it stands"
        report("M405", pointer, message, f"{did}`{{{{` writes a brace", span=span, level="warning")


def _meant(said: str, roots: Collection[str], vars: Collection[str]) -> str:
    """The slot that was probably meant; empty where nothing is near."""
    keys: Mapping[str, Collection[str]] = {"unit": UNIT_KEYS, "run": RUN_KEYS, "vars": vars}
    first, dot, rest = said.partition(".")
    if dot and rest and (root := first if first in roots else suggest(first, roots)):
        name = _NAME.match(rest)
        return f"{root}.{name[0] if root in keys and name else rest}"
    found = next((root for root in roots if said in keys.get(root, ())), "")
    root = found or ("record" if "record" in roots and _NAME.match(said) else "")
    return f"{root}.{said}" if root else ""


def check_names_file(template: Template, pointer: Pointer, report: Report) -> None:
    """Each file has a name of its own; none is called like its folder."""
    if template.text.endswith("/"):
        message = f"`{template.text}` names a folder, and a file goes there by its own name"
        report("S209", pointer, message, f"write `{template.text}{{unit.name}}`")
