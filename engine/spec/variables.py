"""Variables and `${..}`: what a spec is given from outside, resolved once, before anything is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any, Final, NoReturn

from engine.errors import OptionError, UsageError
from engine.hidden import Secret
from engine.language.shapes import type_of
from engine.options import Pointer
from engine.records import plain
from engine.spec.located import Problems
from engine.spec.secrets import of_command, of_env, of_file
from engine.spelling import a, listed, suggest

INTERPOLATED: Final = re.compile(r"\$\{([a-z]+):([^}]*)\}")
TAINTED: Final = ("file", "secret")
URLS: Final = ("url", "endpoint")
NOWHERE: Final = "https://offline.invalid"
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def interpolate(value: Any, pointer: Pointer, problems: Problems, folder: str, *, offline: bool = False) -> Any:
    """The value with every `${..}` in its texts replaced; a text that holds a secret becomes a Secret.

    `offline`: nothing is asked of the secret command, and something stands for what cannot be resolved.
    """
    if isinstance(value, dict):
        items = value.items()
        return {key: interpolate(item, (*pointer, key), problems, folder, offline=offline) for key, item in items}
    if isinstance(value, list):
        return [interpolate(item, (*pointer, i), problems, folder, offline=offline) for i, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    tainted = False

    def replace(match: re.Match[str]) -> str:
        nonlocal tainted
        tainted = tainted or match[1] in TAINTED
        return _stand_in(match, pointer, folder) if offline else _resolve(match, pointer, problems, folder)

    made = INTERPOLATED.sub(replace, value)
    return Secret(made) if tainted else made


def _resolve(match: re.Match[str], pointer: Pointer, problems: Problems, folder: str) -> str:
    """One `${kind:name}`; what cannot be resolved is a problem at its place."""
    try:
        return _told(match[1], match[2], folder)
    except OptionError as error:
        span = (match.start(), match.end() - match.start())
        problems(error.code, pointer, error.message, error.help, span=span)
        return ""


def _stand_in(match: re.Match[str], pointer: Pointer, folder: str) -> str:
    """What is there, else a word that no server knows, or a URL where one is needed: it is never asked."""
    with suppress(OptionError):
        if match[1] != "secret":
            return _told(match[1], match[2], folder)
    return NOWHERE if match[0] == match.string and pointer[-1] in URLS else "offline"


def _told(kind: str, name: str, folder: str) -> str:
    if kind == "env":
        return of_env(name)
    if kind == "file":
        return of_file(name, folder)
    if kind == "secret":
        return of_command(name)
    help = "write `${env:NAME}`, `${file:path}` or `${secret:NAME}`"
    raise OptionError("S304", f"`${{{kind}:{name}}}` cannot be resolved", help)


def places_of_interpolation(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, re.Match[str]]]:
    """Every text that holds a `${..}`, with its place and the first of them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places_of_interpolation(item, (*pointer, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from places_of_interpolation(item, (*pointer, i))
    elif isinstance(value, str) and (match := INTERPOLATED.search(value)):
        yield pointer, match


class Variables:
    """The declared variables of a spec, and the values they have in this run."""

    def __init__(self, declared: Mapping[str, Any], problems: Problems) -> None:
        self.types: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.scoped: list[str] = []
        self.secret: set[str] = set()
        self._declared = declared
        self._problems = problems

    def resolve(self, given: Mapping[str, str]) -> None:
        """Read each variable: from `--set`, else its default; a required one without either is a problem."""
        self._refuse_unknown(given)
        for name, declared in self._declared.items():
            options = declared if isinstance(declared, dict) else {"default": declared, "type": _own_type(declared)}
            self.types[name] = str(options.get("type", "text"))
            if options.get("scope"):
                self.scoped.append(name)
            value = self._value(name, options, given)
            if options.get("secret") or isinstance(value, Secret):
                self.secret.add(name)
                value = value if value is None or isinstance(value, Secret) else Secret(str(value))
            self.values[name] = value
        self._refuse_secret_scopes()

    def _refuse_secret_scopes(self) -> None:
        """A scope is shown in listings, file names and reports."""
        for name in self.secret.intersection(self.scoped):
            help = "leave out `scope`, or give the scope a variable of its own"
            self._problems("A201", ("vars", name), f"the secret `{name}` would show in the scope", help, key=True)

    def _refuse_unknown(self, given: Mapping[str, str]) -> None:
        for name in given:
            if name not in self._declared:
                near = suggest(name, self._declared)
                help = f"did you mean `{near}`?" if near else f"declared: {listed(self._declared) or 'none'}"
                raise UsageError("U102", f"`--set {name}`: the spec declares no such variable", help)

    def _value(self, name: str, options: Mapping[str, Any], given: Mapping[str, str]) -> Any:
        type = self.types[name]
        if name in given:
            try:
                return read(given[name], type)
            except OptionError as error:
                said = f"the value is not {a(type)}" if options.get("secret") else error.message
                raise UsageError("U102", f"`--set {name}`: {said}", error.help) from error
        default = options.get("default")
        if default is None:
            if options.get("required"):
                self._problems(
                    "S307",
                    ("vars", name),
                    f"`{name}` is required and has no value",
                    f"run with `--set {name}=..`",
                    key=True,
                )
            return None
        return self._default(name, default, type)

    def _default(self, name: str, default: Any, type: str) -> Any:
        if type_of(default) == type or isinstance(default, Secret):
            return default
        if type == "decimal" and isinstance(default, int):
            return Decimal(default)
        place = ("vars", name, "default") if isinstance(self._declared[name], dict) else ("vars", name)
        if self._problems.refused(("vars", name)):
            return None
        try:
            if isinstance(default, str):
                return read(default, type)
        except OptionError as error:
            said = f"the default is not {a(type)}" if self._is_secret(name) else error.message
            self._problems("S302", place, said, error.help)
            return None
        quoted = "put it between quotes" if self._is_secret(name) else f'write `"{default}"`'
        help = quoted if type == "text" else f"write {a(type)}"
        self._problems("S302", place, f"the default is {type_of(default)}, the variable is {type}", help)
        return None

    def _is_secret(self, name: str) -> bool:
        declared = self._declared[name]
        return isinstance(declared, dict) and bool(declared.get("secret"))


def _own_type(value: Any) -> str:
    """The type of a variable that is written as its value alone."""
    found = type_of(value)
    return found if found in ("int", "decimal", "bool") else "text"


def read(text: str, type: str) -> Any:
    """A text as the type of a variable; OptionError S302 where it is none."""
    readers: dict[str, Callable[[str], Any]] = {
        "text": str,
        "int": _int,
        "decimal": _decimal,
        "bool": _bool,
        "date": _date,
    }
    return readers[type](text)


def _int(text: str) -> int:
    return int(text) if _WHOLE.fullmatch(text) and len(text) <= 1000 else _refuse(text, "a whole number")


def _decimal(text: str) -> Decimal:
    fits = _NUMBER.fullmatch(text) and len(text) <= 1000
    return plain(Decimal(text)) if fits else _refuse(text, "a number")


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text] if text in ("true", "false") else _refuse(text, "`true` or `false`")


def _date(text: str) -> date:
    try:
        return (
            date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else _refuse(text, "a day")
        )
    except ValueError:
        return _refuse(text, "a day")


def _refuse(text: str, wanted: str) -> NoReturn:
    example = {"a day": "`2026-01-31`", "a whole number": "`42`", "a number": "`1.5`"}.get(wanted)
    help = f"write {wanted}" + (f", such as {example}" if example else "")
    raise OptionError("S302", f"`{text}` is not {wanted}", help)
