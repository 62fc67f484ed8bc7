"""Which unit an output path belongs to. Two units must not replace each other's files, and no claim outlives its unit.

A claim lapses when the pipeline it was made by is gone (its file was renamed or removed), when its unit lists the
output no longer, and when the unit's file is gone or archived and somebody has taken the output away.
"""

from __future__ import annotations

import os
from typing import Final

from engine.state.kv import Reads
from engine.storage.stores import at

FENCES: Final = "fences"
OUTPUTS: Final = "outputs"
PIPELINES: Final = "pipelines"
RUN: Final = "run:"
"""How the id begins of all units of a run as one; that of the run follows, and a slash."""


def as_one(name: str) -> str:
    """The id of all units of a run as one. It ends as a folder does: no file has such a path."""
    return f"{RUN}{name}/"


def is_as_one(unit: str) -> bool:
    """Whether an id is that of all units of a run as one."""
    return unit.startswith(RUN) and unit.endswith("/")


def holder(reads: Reads, output: str) -> str | None:
    """Whom an output path belongs to, as `scope unit`; None where nobody claims it, or the claim lapsed."""
    entry = reads.get(OUTPUTS, output)
    return entry.value if entry and _holds(reads, entry.value, output) else None


def is_own(owner: str, unit: str, scope: str, *, every_run: bool) -> bool:
    """Whether what an owner has is this unit's to replace.

    What one run made of all its units is another run's only where every run does every file anew: the files of the
    one are not read by the other otherwise.
    """
    other = owner.removeprefix(f"{scope} ")
    return owner == f"{scope} {unit}" or (every_run and other != owner and is_as_one(other) and is_as_one(unit))


def _holds(reads: Reads, owner: str, output: str) -> bool:
    scope, unit = parted(reads, owner)
    if _is_abandoned(reads, scope):
        return False
    if reads.has(scope, f"intent/{unit}"):  # it is about to be published
        return True
    entry = reads.get(scope, f"unit/{unit}")
    record = entry.value if entry else {"outputs": (), "rejects": ()}
    found = next((each for each in (*record["outputs"], *record["rejects"]) if each["address"] == output), None)
    if found is None:
        return False
    is_over = record["gone"] or record["archived"]
    return not is_over or at(found["store"]).exists(found["path"])


def parted(reads: Reads, owner: str) -> tuple[str, str]:
    """The scope and the unit of an owner; a variable's value may put blanks into a scope."""
    words = owner.split(" ")
    splits = [(" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words))]
    return next((split for split in splits if reads.has(FENCES, split[0])), splits[0])


def _is_abandoned(reads: Reads, scope: str) -> bool:
    """Whether no file is left of any pipeline whose scope this may be."""
    files = [
        entry.value
        for name, entry in reads.list(PIPELINES)
        if scope == name or scope.startswith((f"{name}@", f"{name}["))
    ]
    return bool(files) and not any(map(os.path.exists, files))
