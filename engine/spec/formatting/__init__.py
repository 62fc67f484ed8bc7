"""The house style of specs, mapping files and engine.yaml: layout only, never meaning.

Every scalar, key and comment stays as the author wrote it. What is set right is what stands between them:
two columns of indentation, list items under their key, one blank line at most, `{a: 1, b: [x, y]}` on one
line where it fits and one entry a line where it does not. Blanks that align values or comments stay.
"""

from __future__ import annotations

import re
from typing import Final

from engine.errors import EngineError, SpecError
from engine.spec.document import Document
from engine.spec.formatting.json_layout import json_lines
from engine.spec.formatting.parts import Sheet
from engine.spec.formatting.yaml_layout import Layout
from engine.spec.reader import read_text

__all__ = ["formatted"]

_BREAK: Final = re.compile(r"\r\n?|\n")


def formatted(document: Document, *, json: bool = False) -> str:
    """The text of a document in house style; its line ends are those of its first line."""
    text = _BREAK.sub("\n", document.text)
    new = json_lines(read_text(text, document.path, json=True)) if json else Layout(Sheet(text)).text()
    _guard(document, text, new, json=json)
    first = _BREAK.search(document.text)
    return new if first is None or first[0] == "\n" else new.replace("\n", "\r\n")


def _guard(document: Document, old: str, new: str, *, json: bool) -> None:
    """Refuse a text that says something else, or that lacks a comment."""
    try:
        same = repr(read_text(new, document.path, json=json).value) == repr(document.value)
    except SpecError:
        same = False
    if not same or not (json or _comments(old) == _comments(new)):
        message = f"`{document.path}` would not mean the same in house style: it is left as it is"
        raise EngineError("U112", message, "a fault of `engine fmt`: please report it with the file")


def _comments(text: str) -> list[str]:
    return sorted(comment.text for comment in Sheet(text).comments)
