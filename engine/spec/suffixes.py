"""The component that a path's extension names."""

from __future__ import annotations

from engine.kinds import Formatter, Parser
from engine.registry import components
from engine.storage.globs import expand
from engine.storage.packing import strip_compression


def by_suffix(kind: str, path: str) -> Parser | Formatter | None:
    """Without options; None where not all the paths that it stands for name the same."""
    names = [strip_compression(each).lower() for each in expand(path)]
    for found in components(kind).values():
        if all(name.endswith(found.cls.suffixes) for name in names):  # type: ignore[attr-defined]
            return found.cls()  # type: ignore[no-any-return]
    return None
