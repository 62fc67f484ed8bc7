"""What is said of a file in the dialect: refusals and intended differences, each with its place in that file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.dialect.sources import Step
from engine.options import Pointer, Report
from engine.spelling import akin, listed, suggest


@dataclass(frozen=True)
class Inside:
    """Where a configuration stands: the style, what its paths start at, how many objects are around it."""

    style: str
    prefix: tuple[Step, ...] = ()
    depth: int = 0
    in_item: bool = False
    relative: bool = True
    item: str = ""

    @property
    def universal(self) -> bool:
        """Whether the universal mapper runs it; the others belong to the mutation mapper."""
        return self.style == "universal"


@dataclass(frozen=True)
class Hearing:
    """Passes problems to the report; `at` is where the file stands in the spec."""

    report: Report
    at: Pointer

    def refuse(self, there: Pointer, message: str, help: str, *, code: str = "S342") -> None:
        """An error at a value of the file."""
        self.report(code, (*self.at, *there), message, help)

    def warn(self, code: str, there: Pointer, message: str, help: str) -> None:
        """A difference at a value of the file."""
        self.report(code, (*self.at, *there), message, help, level="warning")

    def warn_key(self, code: str, there: Pointer, message: str, help: str) -> None:
        """A difference at a key of the file."""
        self.report(code, (*self.at, *there), message, help, key=True, level="warning")

    def strange(self, there: Pointer, what: str, help: str) -> None:
        """A form that stands in the SDK's examples and that no mapper of it runs."""
        self.warn_key("M618", there, f"no mapper of the SDK reads {what} here", help)

    def unknown_keys(self, config: Mapping[str, Any], known: Sequence[str], there: Pointer) -> None:
        """Keys that the SDK would ignore; those that begin with `_` are its notes."""
        for name in config:
            if name not in known and not str(name).startswith(("_", "x-")):
                near = suggest(str(name), known) or akin(str(name), known)
                help = f"did you mean `{near}`?" if near else f"known: {listed(known)}"
                self.warn_key("M613", (*there, name), f"the SDK does not know `{name}`, and ignores it", help)
