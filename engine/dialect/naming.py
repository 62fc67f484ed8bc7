"""Which resolver a configuration names: of the SDK's two families, of the application, or of nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.dialect.hearing import Hearing, Inside
from engine.dialect.words import RESOLVERS, TRANSFORMS, bare, ours_for_resolver, ours_of
from engine.options import Pointer
from engine.spelling import describe, listed, suggest

ZERO: Final = ("sdk.parseInt", "sdk.parseFloat", "sdk.number")
TRUTH: Final = ("sdk.boolean", "sdk.gm.toBoolean")
DATES: Final = ("sdk.formatDate", "sdk.formatDateShort", "sdk.parseDate", "sdk.gm.toISO8601", "sdk.gm.toDate")
LOSES: Final = ("sdk.gm.parseInt", "sdk.gm.parseFloat", "sdk.gm.toDate", "sdk.parseDate")
MAY_EMPTY: Final = ("sdk.trim", "sdk.coalesce", "sdk.parseDate", "sdk.parseJson")
KNOWN: Final = (*(f"sdk.{name}" for name in RESOLVERS), *TRANSFORMS)


def key_of(config: Mapping[str, Any]) -> str:
    """The key that names the resolver, empty where none does."""
    return next((key for key in ("resolver", "transform", "_resolver") if config.get(key)), "")


def resolver_of(config: Mapping[str, Any], inside: Inside, there: Pointer, hearing: Hearing) -> str | None:
    """The resolver by the name it has here, empty for none; None where the field is lost without it."""
    key = key_of(config)
    name = config[key] if key else ""
    if not isinstance(name, str):
        hearing.refuse((*there, key), "the SDK takes one resolver by its name", "for several, use our language")
        return None
    if not name or ("value" in config and not inside.universal):
        return ""
    if name not in KNOWN:
        _lose(name, config, (*there, key), hearing)
        return None
    if inside.universal == (name in TRANSFORMS):
        message = f"the SDK's mapper of this style does not know `{name}`"
        hearing.warn("M607", (*there, key), message, "it is applied here")
    return name if name.startswith("sdk.") else f"sdk.gm.{name}"


def _lose(name: str, config: Mapping[str, Any], there: Pointer, hearing: Hearing) -> None:
    """A resolver of the application, or of nobody."""
    near = suggest(name, KNOWN)
    if near or "." not in name or name.startswith("sdk."):
        help = f"did you mean `{near}`?" if near else f"known: {listed(KNOWN)}"
        hearing.refuse(there, f"`{describe(name)}` is no resolver of the SDK", help, code="M606")
        return
    what = f"`{name}` is code of an application"
    help = f"our language calls code by {ours_for_resolver(name)}"
    if config.get("required"):
        hearing.refuse(there, f"{what}, and the field is required", help, code="M606")
    else:
        hearing.warn("M606", there, f"{what}: the field is left out", help)


def warn_of(name: str, config: Mapping[str, Any], inside: Inside, there: Pointer, hearing: Hearing) -> None:
    """The intended differences of one value: of its resolver, and of what is required."""
    at, said, ours = (*there, key_of(config)), name.removeprefix("sdk.gm."), ours_of(bare(name))
    required = config.get("required")
    if inside.universal and required and "defaultValue" in config:
        message = "`required` is asked first: the default is never used"
        hearing.warn_key("M604", (*there, "defaultValue"), message, "keep one of the two")
    if inside.style == "nodes" and name.startswith("sdk.gm.") and "defaultValue" in config:
        message = "the SDK never uses a default beside a transform"
        hearing.warn_key("M604", (*there, "defaultValue"), message, "it is used here")
    if inside.style == "nodes" and required:
        hearing.warn("M608", (*there, "required"), "the SDK never checks `required` here", "it is checked here")
    if name in ZERO:
        hearing.warn(
            "M601",
            at,
            f"`{said}` makes 0 of nothing and of garbage",
            f"{ours} refuses garbage, and leaves nothing as it is",
        )
    if name in TRUTH:
        hearing.warn(
            "M602",
            at,
            f"`{said}` makes false of every unknown word",
            f"{ours} refuses those, and leaves nothing as it is",
        )
    if name in DATES:
        message = f"`{said}` reads a time without offset as UTC, not in the host's zone"
        hearing.warn("M603", at, message, "`instant` and `format_date` take a `zone`")
    if inside.universal and required and name in MAY_EMPTY:
        hearing.warn(
            "M605", at, f"`{said}` may give nothing, and `required` is asked before it", "it stays as in the SDK"
        )
    if name in LOSES:
        message = f"what `{said}` cannot read rejects the record; the SDK sends null"
        hearing.warn("M619", at, message, f"{ours} rejects it too")
