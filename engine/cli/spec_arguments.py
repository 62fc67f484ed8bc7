"""What every command that reads a spec takes; apart from `run`, so that `check` need not import what runs."""

from __future__ import annotations

import argparse
from typing import Any

from engine.errors import UsageError


def add_spec_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command that reads a spec takes."""
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="give a variable a value")
    parser.add_argument("--env", default="", metavar="NAME", help="lay an environment of engine.yaml over it")
    add_allowance(parser)


def add_allowance(parser: argparse.ArgumentParser) -> None:
    """Which modules the resolver `python` may call: the operator says so, never a spec."""
    help = "let specs call functions of this module, and of no other (also ENGINE_ALLOW_PYTHON=a,b.c)"
    parser.add_argument("--allow-python", action=_Allow, metavar="MODULE", help=help)


class _Allow(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        from engine.resolvers.code import allow

        named = [*(getattr(namespace, self.dest) or ()), values]
        setattr(namespace, self.dest, named)
        allow(named)


def given_values(words: list[str]) -> dict[str, str]:
    """`--set name=value` as a map."""
    given = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError("U102", f"`--set {word}` has no value", "write `--set name=value`")
        given[name] = value
    return given
