"""Explain a spec, one of its fields, or an error code: what it means, what it does, what to do."""

from __future__ import annotations

import argparse
import os
import re
from typing import Final

from engine.catalogue import catalogue, page
from engine.cli.console import out, out_json
from engine.cli.spec_arguments import add_spec_arguments
from engine.errors import UsageError
from engine.spelling import suggest

CODE: Final = re.compile(r"[A-Za-z]{1,2}[0-9]{1,4}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    what = "a spec (file, or file:pipeline), or a code such as M204; all codes when left out"
    parser.add_argument("what", nargs="?", metavar="SPEC|CODE", help=what)
    record = "the record of the sample that FIELD is worked through for; the first that comes to it when left out"
    field = "one field, such as `customer.email`: with an example, step by step, from a record of the sample"
    parser.add_argument("field", nargs="?", metavar="FIELD", help=field)
    parser.add_argument("--record", type=int, metavar="N", help=record)
    add_spec_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what a spec does, the page of one code, or the list of all."""
    _check_record(options)
    codes = catalogue()
    if not options.what:
        if options.json:
            out_json(codes)
        for code, entry in codes.items() if not options.json else ():
            out(f"{code}  {entry['title']}")
        return 0
    code = options.what.upper()
    if code not in codes:
        return _spec(options)
    if options.json:
        out_json({"code": code, **codes[code]})
    else:
        out(page(code, codes[code]))
    return 0


def _check_record(options: argparse.Namespace) -> None:
    if options.record is None:
        return
    if not options.field:
        message = f"`--record {options.record}` is the record that a field is worked through for"
        raise UsageError("U101", message, "name the field: `engine explain SPEC FIELD --record N`")
    if options.record < 1:
        raise UsageError("U101", f"`--record {options.record}`: records count from 1", "write `--record 1`")


def known_code(word: str) -> str:
    """A word as a code of the catalogue; UsageError where it is none."""
    if word.upper() not in catalogue():
        raise _no_code(word)
    return word.upper()


def _no_code(word: str) -> UsageError:
    near = suggest(word.upper(), catalogue())
    help = f"did you mean `{near}`?" if near else "`engine explain` lists all codes"
    return UsageError("U105", f"`{word}` is not an error code", help)


def _spec(options: argparse.Namespace) -> int:
    from engine.cli.explained import explain  # a code needs none of it
    from engine.spec.project import split

    path, name = split(options.what)
    if not os.path.isfile(path):
        raise _unknown(options.what, path, name)
    return explain(options)


def _unknown(what: str, path: str, name: str) -> UsageError:
    """Neither a code nor a file: the nearest of what the word looks like."""
    if CODE.fullmatch(what):
        return _no_code(what)
    near = _near_file(path)
    help = f"did you mean `{near}{name and f':{name}'}`?" if near else "name a spec, or a code such as `M204`"
    return UsageError("U114", f"`{what}` is neither a file nor an error code", help)


def _near_file(path: str) -> str:
    """The file of a near name in the same folder, or of this name with an extension."""
    folder, name = os.path.split(path)
    files = sorted(os.listdir(folder or ".")) if os.path.isdir(folder or ".") else []
    near = suggest(name, files) or next((file for file in files if os.path.splitext(file)[0] == name), "")
    return near and os.path.join(folder, near)
