"""Texts that nothing shows: what a password, a token or a passphrase is from the spec to the client that needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


class Secret:
    """A value that cannot be shown: no text, no repr, no log and no report of it holds what it hides."""

    __slots__ = ("_hidden",)

    def __init__(self, hidden: str) -> None:
        self._hidden = hidden

    def reveal(self) -> str:
        """What it hides, for the one place that needs it."""
        return self._hidden

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._hidden == self._hidden

    def __hash__(self) -> int:
        return hash((Secret, self._hidden))

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


def hidden(value: Any) -> Any:
    """The same with every text in it hidden, however deep."""
    if isinstance(value, dict):
        return {key: hidden(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(hidden, value))
    return Secret(value) if isinstance(value, str) else value


def shown(value: Any) -> Any:
    """The same with nothing hidden; only where the client is made that sends it."""
    if isinstance(value, Mapping):
        return {key: shown(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(shown, value))
    return value.reveal() if isinstance(value, Secret) else value


def revealed(value: Any) -> str:
    """The text of an option that may be a secret; only where the client is made that sends it."""
    return value.reveal() if isinstance(value, Secret) else str(value)
