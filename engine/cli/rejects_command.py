"""List and show rejected records: what was wrong with each, and its raw bytes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from typing import Any

from engine.cli.console import one_line, out, out_bytes, out_json, say
from engine.cli.explain_command import known_code
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.cli.summary import place_of, said_error
from engine.delivery.rejects import read_rejects
from engine.errors import UsageError
from engine.language.jsontext import encode
from engine.plan import Plan
from engine.spec.compile import load
from engine.state.kv import KV


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("action", choices=["ls", "show"], help="a line each, or one of them whole")
    parser.add_argument("spec", help="the spec whose rejects they are")
    parser.add_argument("id", nargs="?", help="show: its id, or the front of it; the first one when left out")
    parser.add_argument("--code", help="ls: only those with this code")
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    add_spec_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """List them, or show one."""
    if options.code:
        options.code = known_code(options.code)
    plan, _ = load(options.spec, options.env, given_values(options.set))
    found = rejects_of(plan)
    return _list(found, plan, options) if options.action == "ls" else _show(found, options)


def rejects_of(plan: Plan) -> Iterator[Mapping[str, Any]]:
    """The rejects that stand for the pipeline's units now, unit by unit."""
    if not os.path.exists(os.path.join(plan.state_folder, "cache.db")):
        return
    with KV.open(plan.state_folder) as kv:
        found = [reject for _, entry in kv.list(plan.scope, "unit/") for reject in entry.value["rejects"]]
    paths = [reject["path"] for reject in found if reject["store"].get("base") == plan.state_folder]  # no reports
    for path in paths:
        yield from read_rejects(os.path.join(plan.state_folder, path))


def _list(found: Iterator[Mapping[str, Any]], plan: Plan, options: argparse.Namespace) -> int:
    none = True
    for reject in found:
        codes = [error["code"] for error in reject["errors"]]
        if options.code and options.code not in codes:
            continue
        none = False
        if options.json:
            out_bytes(encode(reject) + b"\n")
        else:
            shown = codes.index(options.code) if options.code else 0
            more = f" (and {len(codes) - 1} more)" if len(codes) > 1 else ""
            what = said_error(reject["errors"][shown]) + more
            out(one_line(f"{reject['id']}  {codes[shown]}  {place_of(reject, plan)}  {what}"))
    if none:
        say(f"no rejects with {options.code}" if options.code else "no rejects")
    return 0


def _show(found: Iterator[Mapping[str, Any]], options: argparse.Namespace) -> int:
    wanted = options.id or ""
    reject = next((each for each in found if each["id"].startswith(wanted)), None)
    if reject is None:
        raise UsageError(
            "U106",
            f"there is no reject `{wanted}`" if wanted else "there are no rejects",
            f"`engine rejects ls {options.spec}` lists them",
        )
    if options.json:
        out_json(reject)
        return 0
    where = f", line {reject['line']}, byte {reject['offset']:,}" if reject["line"] else ""
    out(f"reject {reject['id']}: record {reject['number']} of {reject['unit']}{where}")
    out(f"stage  {reject['stage']}, run {reject['run']}")
    for error in reject["errors"]:
        out(f"error  [{error['code']}] {error['field'] or 'record'}: {error['message']}")
    out(f"record {encode(reject['record']).decode()}")
    if reject["line"]:
        out(f"raw    {reject.get('raw', reject.get('raw_base64'))}")
    return 0
