"""The only place that prints: data to stdout, talk to stderr, errors to exit codes."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Iterable
from types import FrameType, ModuleType
from typing import Any, Final, NoReturn

from engine.errors import EngineError, Interrupted, SpecError, Stop, UsageError, internal
from engine.spec.problems import Problem, render

LINE_EVERY: Final = 10.0
LIVE_EVERY: Final = 0.2
TRACEBACK: Final = "ENGINE_TRACEBACK"
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\x1b(?!\\[[0-9]{0,2}m)")
_COLOURS: Final = {"error": "31", "warning": "33", "strong": "1", "ok": "32"}


class Parser(argparse.ArgumentParser):
    """Arguments whose mistakes are typed errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise UsageError("U101", message, f"see `{self.prog} --help`")


def guarded(command: ModuleType, name: str, words: list[str]) -> int:
    """Run a command; whatever it raises becomes a text and an exit code, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell may have it ignored
        signal.signal(signal.SIGINT, _stop)
    try:
        parser = Parser(prog=f"engine {name}", description=command.__doc__)
        command.arguments(parser)
        return int(command.run(parser.parse_intermixed_args(words)))
    except SpecError as error:
        say_problems(error.problems)
        return error.exit_code
    except Interrupted as error:
        say(str(error))
        return error.exit_code
    except EngineError as error:
        say(coloured(str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        say(str(Interrupted.by(signal.SIGINT)))
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback for a user
        return _internal(error)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted.by(number)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stop


def _internal(error: Exception) -> int:
    """A fault of the engine: say so; the traceback only for those who ask."""
    if os.environ.get(TRACEBACK):
        raise error
    fault = internal(error)
    say(coloured(str(fault)))
    return fault.exit_code


def out(text: str) -> None:
    """Data, a line of it."""
    print(shown(text))


def out_bytes(data: bytes) -> None:
    """Data as it is."""
    sys.stdout.buffer.write(data)


def out_json(value: Any) -> None:
    """Data for machines: one JSON document."""
    from engine.language.jsontext import pretty

    out_bytes(pretty(value) + b"\n")


def say(text: str) -> None:
    """Talk."""
    print(shown(text), file=sys.stderr)


def shown(text: str) -> str:
    """The text without signs that a terminal would obey, but for our own colours: names and values are not ours."""
    return _CONTROL.sub("\ufffd", text)


def cut(line: str, width: int) -> str:
    """A line in no more than so many columns; 0 is as many as it takes."""
    return line if not width or len(line) <= width else f"{line[: width - 1]}…"


def one_line(text: str) -> str:
    """The text with its line ends written out."""
    return text.replace("\n", "\\n").replace("\r", "\\r")


def say_problems(problems: Iterable[Problem]) -> None:
    """Every problem of a spec as a compiler shows it, and how many there are."""
    problems = list(problems)
    for problem in problems:
        say(coloured(render(problem)) + "\n")
    errors = sum(problem.level == "error" for problem in problems)
    warnings = len(problems) - errors
    counts = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    if counts:
        say(", ".join(counts))


def coloured(text: str) -> str:
    """The head of an error in its colour, on a terminal that wants colours."""
    word, bracket, rest = text.partition("[")
    return f"{paint(word + bracket.rstrip('['), word)}[{rest}" if bracket and word in _COLOURS else text


def paint(text: str, style: str) -> str:
    """A text in a colour, where stderr is a terminal and NO_COLOR is not set."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m"


def progress_line(attempt: Any) -> str:
    """How far a unit has come: records, rate, bytes, rejects, and how long the rest will take."""
    counts, size = attempt.books.counts, attempt.unit.part.size if attempt.unit.part else attempt.unit.stat.size
    rate = counts["read"] / max(attempt.elapsed, 1e-6)
    said = f"{attempt.unit.id}: {counts['read']:,} records, {rate:,.0f}/s, {attempt.bytes / 1e6:,.1f}"
    if size < 0:  # a pipe: nobody knows how much is to come
        return f"{said} MB, {counts['rejected']:,} rejects"
    left = attempt.elapsed * max(size - attempt.bytes, 0) / attempt.bytes if attempt.bytes else 0.0
    return f"{said} of {size / 1e6:,.1f} MB, {counts['rejected']:,} rejects, {left:,.0f} s left"


class Progress:
    """One live line on a terminal, a plain line every 10 s elsewhere, nothing for a run that is shorter."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and not os.environ.get("CI")
        self._last = time.monotonic()

    def __call__(self, attempt: Any) -> None:
        """Show how far a unit has come."""
        now = time.monotonic()
        if now - self._last < (LIVE_EVERY if self._live else LINE_EVERY):
            return
        self._last = now
        text = progress_line(attempt)
        if self._live:
            sys.stderr.write(f"\r\x1b[K{shown(text)}")
            sys.stderr.flush()
        else:
            say(text)

    def end(self) -> None:
        """Take the live line away."""
        if self._live:
            sys.stderr.write("\r\x1b[K")
