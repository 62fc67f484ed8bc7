"""What a plan is known by: the scope that binds its state, the hash of what it says, how it may be shown again."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from engine.options import Pointer
from engine.spec.variables import Variables


def scope_of(name: str, env: str, vars: Variables) -> str:
    """`pipeline@env[var=value]`: what runs of one scope share is theirs alone, so no value may look like two."""
    scope = name + (f"@{quote(env)}" if env else "")
    return scope + "".join(f"[{each}={quote(str(vars.values[each]))}]" for each in sorted(vars.scoped))


def hash_of(said: Mapping[str, Any]) -> str:
    """The hash of what a spec says, secrets masked: another spec is tried again where this one was refused."""
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True).encode()).hexdigest()[:16]


def asked(env: str, given: Mapping[str, str], secret: Collection[str]) -> str:
    """The options that a command needs to mean this plan again, without secrets."""
    values = {name: "***" if name in secret else value for name, value in given.items()}
    options = [("--env", env)] if env else []
    options += [("--set", f"{name}={value}") for name, value in values.items()]
    return "".join(f" {option} {shlex.quote(value)}" for option, value in options)


def masked(value: Any, pointer: Pointer, interpolated: Collection[Pointer]) -> Any:
    """A part of the document as it may be shown: what was interpolated is not."""
    if pointer in interpolated:
        return "***"
    if isinstance(value, dict):
        return {key: masked(item, (*pointer, key), interpolated) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, (*pointer, i), interpolated) for i, item in enumerate(value)]
    return value
