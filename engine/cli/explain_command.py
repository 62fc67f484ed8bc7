"""Explain an error code: what it means, what causes it, what to do."""

from __future__ import annotations

import argparse

from engine.catalogue import catalogue, page
from engine.cli.console import out, out_json
from engine.errors import UsageError
from engine.spelling import suggest


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("code", nargs="?", help="such as M204; all codes with a line each when left out")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the page of one code, or the list of all."""
    codes = catalogue()
    if not options.code:
        if options.json:
            out_json(codes)
        for code, entry in codes.items() if not options.json else ():
            out(f"{code}  {entry['title']}")
        return 0
    code = options.code.upper()
    if code not in codes:
        near = suggest(code, codes)
        help = f"did you mean `{near}`?" if near else "`engine explain` lists all codes"
        raise UsageError("U105", f"`{options.code}` is not an error code", help)
    if options.json:
        out_json({"code": code, **codes[code]})
    else:
        out(page(code, codes[code]))
    return 0
