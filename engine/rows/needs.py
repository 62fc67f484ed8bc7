"""What the steps read of a record as it is parsed: for parsers that can leave the rest out."""

from __future__ import annotations

from collections.abc import Sequence

from engine.kinds import Needs
from engine.rows.flow import Step


def needs_of(steps: Sequence[Step]) -> Needs:
    """What these steps read of the record that enters the first of them."""
    return Needs()
