"""Headers that name the columns of an input: names that are there once, and the contract that they keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from engine.errors import UnitError
from engine.registry import Doc
from engine.spelling import listed


@dataclass(frozen=True, kw_only=True)
class Header:
    """A contract with the header: what must, may and must not be there, and in which order."""

    require: Annotated[list[str], Doc("Columns that must be there.")] = ()  # type: ignore[assignment]
    optional: Annotated[list[str], Doc("Columns that may be there.")] = ()  # type: ignore[assignment]
    allow_extra: Annotated[bool, Doc("Whether other columns may be there too.")] = True
    order: Annotated[bool, Doc("Whether the columns stand in the order in which this contract names them.")] = False


Said = bool | Header
"""What a spec says of a header: that there is one, or what it must keep."""


def checked(names: Sequence[str], header: Said) -> Sequence[str]:
    """The names of a header; UnitError R122 where one is there twice, R123 where it breaks its contract."""
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UnitError("R122", f"the header names {listed(twice)} twice", "give each column a name of its own")
    keep_contract(names, header)
    return names


def optional_in(header: Said) -> Sequence[str]:
    """Columns that the contract of the header lets be absent."""
    return header.optional if isinstance(header, Header) else ()


def keep_contract(names: Sequence[str], contract: Said) -> None:
    """Refuse a header that breaks the contract, with all that is wrong with it."""
    if not isinstance(contract, Header):
        return
    known = [*contract.require, *contract.optional]
    missing = [name for name in contract.require if name not in names]
    extra = [name for name in names if name not in known and not contract.allow_extra]
    present = [name for name in names if name in known]
    wrong = [f"{listed(missing)} missing"] if missing else []
    wrong += [f"{listed(extra)} not expected"] if extra else []
    if contract.order and present != [name for name in known if name in names]:
        wrong.append(f"the order is {listed(present)}")
    if wrong:
        found = listed(names) if names else "nothing"
        raise UnitError("R123", f"the header breaks its contract: {'; '.join(wrong)}", f"it reads: {found}")
