"""Every exception of the engine, under one base.

    EngineError                 code, message, help; `exit_code` is what the command line returns
    ├── UsageError              2   the command line asks for something that is not there
    ├── SpecError               3   a spec does not check; carries every problem
    ├── OptionError             3   the text of one option does not parse (`check` gives it a place)
    ├── UnitError               4   one unit fails on its data: damaged stream, refused by a limit
    │   └── ChangedError        4   a file changed while it was read; the attempt is abandoned
    ├── BooksError              5   the books of a unit do not balance; nothing is published
    ├── StoreError              6   a source, a sink or the state cannot be reached, read or written
    │   ├── TransientError      6   for a reason that may pass: worth another try
    │   └── AccessError         7   a credential or a secret is missing or refused
    ├── LockedError             8   another run holds the pipeline
    ├── GoldenError             10  a golden differs
    └── Interrupted             130 a signal ended the run; the next one resumes
    RecordError                     one record fails: a reject, never the end of a run

Leaves say what failed; the loop says where. Whose mistake is it, and can the run go on: these two
questions choose the class. The catalogue of codes is `codes.toml` beside this file.
"""

from __future__ import annotations

import os
from typing import Any

__all__ = [
    "AccessError",
    "BooksError",
    "ChangedError",
    "EngineError",
    "GoldenError",
    "Interrupted",
    "LockedError",
    "OptionError",
    "RecordError",
    "SpecError",
    "Stop",
    "StoreError",
    "TransientError",
    "UnitError",
    "UsageError",
    "internal",
]


class EngineError(Exception):
    """A failure with a stable code, a sentence that says what was expected and found, and what to do."""

    exit_code = 1

    def __init__(self, code: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help

    def __str__(self) -> str:
        text = f"error[{self.code}]: {self.message}"
        return f"{text}\n   = help: {self.help}" if self.help else text


class UsageError(EngineError):
    """The command line names an option, a file or a pipeline that is not there."""

    exit_code = 2


class SpecError(EngineError):
    """A spec does not check. `problems` holds all of them, in the order of the file."""

    exit_code = 3

    def __init__(self, problems: list[Any]) -> None:
        super().__init__(problems[0].code, problems[0].message)
        self.problems = problems


class OptionError(EngineError):
    """The text of one option does not parse. `span` is (start, length) in that text."""

    exit_code = 3

    def __init__(self, code: str, message: str, help: str = "", span: tuple[int, int] | None = None) -> None:
        super().__init__(code, message, help)
        self.span = span


class UnitError(EngineError):
    """One unit cannot be read to its end, or breaks a limit; the other units go on.

    `option` is the one of the parser that does not fit the input, where that is known.
    """

    exit_code = 4

    def __init__(self, code: str, message: str, help: str = "", option: str = "") -> None:
        super().__init__(code, message, help)
        self.option = option


class ChangedError(UnitError):
    """The input changed while it was read: what was made of it is thrown away, and it is queued again."""


class BooksError(EngineError):
    """Records went in that did not come out under any fate; nothing of the unit is published."""

    exit_code = 5


class StoreError(EngineError):
    """A source, a sink or the state store cannot be reached, read or written now."""

    exit_code = 6


class TransientError(StoreError):
    """It failed for a reason that may pass; `wait` is how many seconds the other side asked to be left alone."""

    def __init__(self, code: str, message: str, help: str = "", wait: float = 0) -> None:
        super().__init__(code, message, help)
        self.wait = wait


class AccessError(StoreError):
    """A credential or a secret is missing, or the other side refuses it."""

    exit_code = 7


class LockedError(EngineError):
    """Another run works on the same pipeline and scope."""

    exit_code = 8


class GoldenError(EngineError):
    """A golden differs from what the pipeline gives."""

    exit_code = 10


class Interrupted(EngineError):
    """A signal asked the run to stop. Nothing half-written is visible; the next run resumes."""

    exit_code = 130

    @classmethod
    def by(cls, signal: int) -> Interrupted:
        """A signal by its number; the command returns 128 and that number."""
        help = "run the same command again: it goes on where this one stopped"
        error = cls("D901", "interrupted: nothing half-written is visible", help)
        error.exit_code = 128 + signal
        return error


class Stop(KeyboardInterrupt):
    """SIGINT, as the command line raises it: one that a component raises by itself is no signal."""


class RecordError(Exception):
    """One record fails at one place: code, what was expected and found, and the value that was found."""

    def __init__(self, code: str, message: str, value: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.value = value


def internal(error: Exception) -> EngineError:
    """A fault of the engine or of a component, with its type and its place."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f"{os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}" if place else "?"
    said = ": ".join(filter(None, (f"internal error: {type(error).__name__} at {where}", str(error))))
    help = "a fault of the engine, nothing half-written is visible; ENGINE_TRACEBACK=1 shows where it comes from"
    return EngineError("X001", said, help)
