"""Problems of a path that stands in an expression, at their places in the whole text."""

from __future__ import annotations

from typing import Any

from engine.language.expressions.nodes import Area, Pick
from engine.language.expressions.refusals import quoted
from engine.options import Pointer, Report


class Placed:
    """A report whose places in a path become places in the expression."""

    def __init__(self, report: Report, node: Pick) -> None:
        self.report = report
        self.node = node

    def __call__(
        self, code: str, pointer: Pointer, message: str, help: str = "", *, span: Area | None = None, **more: Any
    ) -> None:
        """Take one problem; one without a place, or in a text with escapes, is the whole path's."""
        help = self._or_text(help) if code == "M204" else help
        at = self.node.offset
        area = self.node.area if span is None or at is None else (at + span[0], span[1])
        self.report(code, pointer, message, help, span=area, **more)

    def _or_text(self, help: str) -> str:
        """A name that nothing has may be meant as a text, where it is written like one or is near no other."""
        path = self.node.path
        name = path.text if path.head == "" and len(path.steps) == 1 and not self.node.looped else ""
        if help.startswith("a literal is"):
            return f"for the text write `{quoted(name)}`"
        return f"{help} Or `{quoted(name)}` for the text" if name.isupper() and help else help

    def secret(self, text: Any, pointer: Pointer) -> Any:
        """What the report says; no path holds one."""
        return self.report.secret(text, pointer)

    def broken(self, pointer: Pointer) -> bool:
        """What the report says."""
        return self.report.broken(pointer)

    def refused(self, pointer: Pointer) -> bool:
        """What the report says."""
        return self.report.refused(pointer)
