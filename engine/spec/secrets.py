"""`${env:..}`, `${file:..}`, `${secret:..}`: where a spec's values from outside come from, one at a time.

A secret is asked of the operator's own command, named in ENGINE_SECRET_COMMAND: it is run without a shell, with the
secret's name as its last argument, and what it prints is the secret. A spec names secrets and never the command.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, get_origin

from engine.errors import OptionError
from engine.options import Pointer, groups_in
from engine.registry import Option, class_options, components
from engine.spelling import suggest

COMMAND: Final = "ENGINE_SECRET_COMMAND"
PATIENCE: Final = 10.0
MOST: Final = 2**20
"""Bytes of a file or of a secret: what is longer is none."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@+=-]*")
_CODE: Final = "S304"


def of_env(name: str) -> str:
    """A variable of the environment."""
    if name in os.environ:
        return os.environ[name]
    near = suggest(name, os.environ)
    help = f"set it, or did you mean `{near}`?" if near else "set it in the environment"
    raise OptionError(_CODE, f"the environment has no `{name}`", help)


def of_file(name: str, folder: str) -> str:
    """The text of a file, without the line end at its end."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return _text(file.read(MOST + 1)).rstrip("\r\n")
    except OSError as error:
        reason = error.strerror or "it is no file"
    except ValueError as error:
        reason = str(error)
    raise OptionError(_CODE, f"`{name}` cannot be read: {reason}", "the path starts at this file's folder")


def of_command(name: str) -> str:
    """What the operator's command prints for a name; nothing of it is ever shown."""
    command = os.environ.get(COMMAND, "")
    if not command:
        message = f"there is no command that knows the secret `{name}`"
        help = f"set {COMMAND} to one that prints the secret whose name is its last argument"
        raise OptionError(_CODE, message, help)
    if not _NAME.fullmatch(name):
        help = "write letters, digits and `_ . / : @ + = -`, no `-` first"
        raise OptionError(_CODE, f"`{name}` is not a name for a secret", help)
    return _asked(command, name)


@cache
def _asked(command: str, name: str) -> str:
    """The answer of a command, asked once a process; its output is not quoted: it may hold the secret."""
    import subprocess  # 8 ms

    help = f"run the command of {COMMAND} with `{name}` by hand and see"
    try:
        words = [*shlex.split(command), name]
        done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)  # noqa: S603 - the operator's own command, no shell
        if done.returncode == 0 and done.stdout.strip():
            return _text(done.stdout).rstrip("\r\n")
        reason = f"ended with {done.returncode}" if done.returncode else "printed nothing"
    except subprocess.TimeoutExpired:
        reason = f"took longer than {PATIENCE:g} s"
    except OSError as error:
        reason = f"cannot be run: {error.strerror}"
    except ValueError as error:
        reason = f"cannot be used: {error}"
    raise OptionError(_CODE, f"the command for the secret `{name}` {reason}", help) from None


def _text(data: bytes) -> str:
    """The text of what was read."""
    if len(data) > MOST:
        raise ValueError(f"it is over {MOST:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


# --- secrets that a spec holds itself


def literals(connections: Any, pointer: Pointer = ("connections",)) -> Iterator[tuple[Pointer, Pointer, str]]:
    """What stands in the connections of a document where a secret belongs, in so many words: option, place, text."""
    for key, value in connections.items() if isinstance(connections, dict) else ():
        at = (*pointer, str(key))
        if key in _names():
            yield from ((at, where, text) for where, text in _texts(value, at) if text and "${" not in text)
        elif isinstance(value, dict):
            yield from literals(value, at)


def defaults(vars: Any) -> Iterator[tuple[Pointer, str]]:
    """What stands in a document as the default of a variable that is secret, with its place."""
    for name, declared in vars.items() if isinstance(vars, dict) else ():
        if isinstance(declared, dict) and declared.get("secret"):
            at = ("vars", str(name), "default")
            found = _texts(declared.get("default"), at)
            yield from ((where, text) for where, text in found if text and "${" not in text)


def _texts(value: Any, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    """Every text in a value, which may be wrongly a list, with its place."""
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(each, (*at, key))
    elif isinstance(value, (str, int)):
        yield at, str(value)


@cache
def _names() -> frozenset[str]:
    """The options of connections that are secret."""
    return frozenset(name for each in components("connection").values() for name in _secret(each.options))


def _secret(options: Iterable[Option]) -> Iterator[str]:
    for option in options:
        if option.doc.secret and get_origin(option.type) is not dict:  # most headers may be seen
            yield option.name
        for group in groups_in(option.type):
            yield from _secret(class_options(group))
