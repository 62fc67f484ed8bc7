"""Print a schema, write all of them with the reference page, or check that written ones are fresh."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from typing import Any

from engine.cli.console import out, say
from engine.delivery.rejects import reject_schema
from engine.delivery.report import REPORT_SCHEMA
from engine.errors import GoldenError
from engine.reference import reference
from engine.spec.schema import DRAFT, SCHEMAS


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("name", nargs="?", default="spec", choices=sorted(all_schemas()), help="which schema (spec)")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--write", metavar="DIR", help="write all schemas and the reference page into a folder")
    group.add_argument("--check", metavar="DIR", help="exit 10 where a written one is not what this version makes")


def all_schemas() -> dict[str, Mapping[str, Any]]:
    """Every schema by name."""
    made: dict[str, Mapping[str, Any]] = {name: make() for name, make in SCHEMAS.items()}
    made["reject"] = {"$schema": DRAFT, **reject_schema()}
    made["report"] = {"$schema": DRAFT, **REPORT_SCHEMA}
    return made


def files() -> dict[str, str]:
    """What is generated, by file name."""
    made = {f"{name}.schema.json": text_of(schema) for name, schema in all_schemas().items()}
    return {**made, "REFERENCE.md": reference()}


def text_of(schema: Mapping[str, Any]) -> str:
    """A schema as it is written: the same text every time."""
    return json.dumps(schema, indent=2, ensure_ascii=False, default=str) + "\n"


def run(options: argparse.Namespace) -> int:
    """Print, write or check."""
    if options.write:
        os.makedirs(options.write, exist_ok=True)
        for name, text in files().items():
            with open(os.path.join(options.write, name), "w", encoding="utf-8") as file:
                file.write(text)
        say(f"wrote {len(files())} files to {options.write}")
    elif options.check:
        stale = [name for name, text in files().items() if _read(os.path.join(options.check, name)) != text]
        if stale:
            raise GoldenError(
                "G102",
                f"stale in {options.check}: {', '.join(stale)}",
                f"engine schema --write {options.check}",
            )
        say(f"ok: {len(files())} files are fresh")
    else:
        out(text_of(all_schemas()[options.name]).rstrip())
    return 0


def _read(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()
