"""The command line: one file a command, imported only when it is asked for."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

COMMANDS = {
    "run": "run a pipeline: every unit that is due, from source to sink",
    "check": "check specs like a compiler: all problems at once, nothing is run",
    "preview": "show the first records of a sample beside what becomes of them",
    "map": "map records of a file or of standard input by a mapping or a spec",
    "test": "compare pipelines with their golden files",
    "fmt": "put specs into house style: layout only, comments stay",
    "show": "show a spec as it is resolved, or its graph",
    "explain": "explain a spec field by field, one field by an example, or an error code",
    "rejects": "list and show rejected records",
    "state": "remove what runs left behind and nobody needs",
    "schema": "print, write or check the schemas and the reference page",
}
"""Each command and what it does; `engine/cli/<command>_command.py` holds it."""

GARBAGE = 50_000
"""Objects before the collector looks: what is imported stays, and records go by themselves."""


def main(argv: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    gc.set_threshold(GARBAGE, 20, 20)
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(usage())
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        from importlib.metadata import version

        sys.stdout.write(f"engine {version('pipeline-engine')}\n")
        return 0
    if words[0] not in COMMANDS:
        from engine.spelling import suggest

        near = suggest(words[0], COMMANDS)
        hint = f"did you mean `engine {near}`?" if near else "`engine --help` lists the commands"
        sys.stderr.write(f"error[U101]: `{words[0]}` is not a command\n = help: {hint}\n")
        return 2
    from engine.cli.console import guarded

    return guarded(import_module(f"engine.cli.{words[0]}_command"), words[0], words[1:])


def usage() -> str:
    """The overview of all commands."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items())
    return (
        "usage: engine COMMAND ...\n\n"
        "Declarative data pipelines: a spec is checked like a program, and every record is accounted for.\n\n"
        f"{lines}\n\n"
        "`engine COMMAND --help` shows a command's options, `engine explain CODE` what an error means.\n"
    )
