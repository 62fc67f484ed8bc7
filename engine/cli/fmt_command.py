"""Put specs, mapping files and engine.yaml into house style: their layout changes, never what they say.

Comments, quotes and the blanks that align values stay. The files that changed are named on stdout, a line each.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final

from engine.cli.console import out, out_bytes, out_json
from engine.errors import GoldenError, SpecError, UsageError
from engine.spec.document import Document
from engine.spec.formatting import formatted
from engine.spec.mapping_files import converted
from engine.spec.problems import Problem
from engine.spec.reader import BYTES, read, read_bytes

STDIN: Final = "-"


@dataclass(frozen=True)
class Sheet:
    """One file: what it says now and what it should look like, or why that cannot be said."""

    path: str
    name: str
    old: str = ""
    new: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it is not in house style."""
        return self.old != self.new


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="YAML, or JSON where its name ends so; `-` is stdin")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 10 where a file would change")
    parser.add_argument("--diff", action="store_true", help="change nothing; print what would change")
    parser.add_argument("--stdout", action="store_true", help="change nothing; print the texts in house style")
    parser.add_argument("--convert", action="store_true", help="print mapping files of the SDK in our language")
    parser.add_argument("--json", action="store_true", help="say of every file whether it changed, as JSON to stdout")
    parser.add_argument("--name", metavar="FILE", default="<stdin>", help="what the text of `-` is called")


def run(options: argparse.Namespace) -> int:
    """Lay out every file, then write or show; a file that does not parse is left as it is."""
    if options.convert:
        return _convert(options)
    sheets = [_sheet(path, options.name) for path in options.files]
    changed = [sheet for sheet in sheets if sheet.changed]
    for sheet in changed:
        if sheet.path != STDIN and not (options.check or options.diff or options.stdout):
            _replace(sheet.path, sheet.new)
    _show(sheets, options)
    problems = [problem for sheet in sheets for problem in sheet.problems]
    if problems:
        raise SpecError(problems)
    if changed and options.check:
        names = ", ".join(sheet.name for sheet in changed)
        again = " ".join(sheet.path for sheet in changed)
        raise GoldenError("U111", f"not in house style: {names}", f"engine fmt {again}")
    return 0


def _convert(options: argparse.Namespace) -> int:
    """Each file in our language, in house style; nothing is written."""
    for path in options.files:
        out_bytes(converted(_document(path, options.name if path == STDIN else path)).encode())
    return 0


def _sheet(path: str, name: str) -> Sheet:
    name = name if path == STDIN else path
    try:
        document = _document(path, name)
    except SpecError as error:
        return Sheet(path, name, problems=tuple(error.problems))
    return Sheet(path, name, document.text, formatted(document, json=name.lower().endswith(".json")))


def _document(path: str, name: str) -> Document:
    if path != STDIN:
        return read(path)
    return read_bytes(sys.stdin.buffer.read(BYTES + 1), name, json=name.lower().endswith(".json"))


def _show(sheets: list[Sheet], options: argparse.Namespace) -> None:
    """The listing for machines, or the texts that were asked for, or the names of what changed."""
    if options.json:
        out_json([_as_json(sheet) for sheet in sheets])
        return
    for sheet in sheets:
        if options.diff:
            _show_diff(sheet)
        elif options.stdout or (sheet.path == STDIN and not options.check):
            out_bytes(sheet.new.encode())
        elif sheet.changed:
            out(sheet.name)


def _as_json(sheet: Sheet) -> dict[str, Any]:
    problems = [problem.to_json() for problem in sheet.problems]
    return {"file": sheet.name, "changed": sheet.changed, "problems": problems}


def _show_diff(sheet: Sheet) -> None:
    name = f"{sheet.name} (house style)"
    for line in unified_diff(sheet.old.splitlines(), sheet.new.splitlines(), sheet.name, name, lineterm=""):
        out(line)


def _replace(path: str, text: str) -> None:
    """Put the text in the place of a file in one step; its mode stays, and a link stays a link."""
    path = os.path.realpath(path)
    staged = ""
    try:
        handle, staged = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
        with open(handle, "wb") as file:
            file.write(text.encode())
            os.fchmod(file.fileno(), os.stat(path).st_mode & 0o7777)
        os.replace(staged, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(staged)
        message = f"`{path}` cannot be written: {error.strerror or error}"
        raise UsageError("U110", message, "the files after it are as they were") from error
