"""One value of a file in the dialect: a literal or a path, and the steps behind it in its mapper's order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.dialect.chains import Body, Op, Render
from engine.dialect.hearing import Hearing, Inside
from engine.dialect.naming import key_of, resolver_of, warn_of
from engine.dialect.picking import Picker
from engine.dialect.words import bare
from engine.options import Pointer
from engine.spelling import describe

NOTHING: Final = "`null`"
"""A path that leads nowhere: what a resolver without a source is given."""

_ENVIRONMENT: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Values:
    """Writes single values of one file."""

    hearing: Hearing
    picker: Picker
    render: Render

    def value(self, config: Mapping[str, Any], inside: Inside, there: Pointer) -> Any:
        """The field that makes it; None where it is left out."""
        name = resolver_of(config, inside, there, self.hearing)
        body = self._made(config, inside, there) if name is not None else None
        if name is None or body is None:
            return None
        warn_of(name, config, inside, there, self.hearing)
        return self.render(body, list(self._steps(config, name, inside)))

    def _made(self, config: Mapping[str, Any], inside: Inside, there: Pointer) -> Body | None:
        """What the value is picked from, or the literal that it is."""
        if "value" in config:
            return self._literal(config["value"], inside, there)
        text = config.get("source")
        if isinstance(text, str) and text:
            return {"source": self.picker.source(text, inside, (*there, "source"), scalar=True)}
        if text not in (None, ""):
            help = "write one path as text"
            self.hearing.refuse((*there, "source"), f"`source` is a path, not `{describe(text)}`", help)
            return None
        if "defaultValue" not in config and not key_of(config):
            message = "nothing makes the value: the field is left out"
            self.hearing.warn_key("M613", there, message, "write `source` or `value`")
            return None
        return {"source": NOTHING}

    def _literal(self, value: Any, inside: Inside, there: Pointer) -> Body | None:
        named = _ENVIRONMENT.fullmatch(value) if isinstance(value, str) and not inside.universal else None
        if named is None:
            return {"value": value}
        name = named[1]
        if name in self.picker.variables:
            message = f"`{value}` is the variable `{name}`"
            self.hearing.warn("M615", (*there, "value"), message, "the SDK reads the environment")
            return {"source": f"$vars.{name}"}
        help = f"declare it: `vars: {{{name}: ..}}`"
        self.hearing.refuse((*there, "value"), f"`{value}`: there is no variable `{name}`", help, code="M615")
        return None

    def _steps(self, config: Mapping[str, Any], name: str, inside: Inside) -> Iterator[Op]:
        """What stands behind the value.

        The universal mapper asks `required`, fills, resolves; the other resolves, fills, asks. A resolver of the
        universal mapper keeps its order everywhere.
        """
        said = str(config.get("source", ""))
        if "value" in config and not inside.universal:
            return  # the mutation mapper sends a literal as it stands
        yield from self._readings(said, inside)
        require = [Op("require", {"source": said or "value"})] if config.get("required") else []
        early = require if inside.universal and ("source" in config or "value" in config) else []
        over = "blank" if inside.universal else "null"
        fill = [Op("fill", {"by": config["defaultValue"], "over": over})] if "defaultValue" in config else []
        resolve = [Op("resolve", {"name": name})] if name and bare(name) not in ("default", "identity") else []
        filled_first = inside.universal or (name.startswith("sdk.") and not name.startswith("sdk.gm."))
        if early:
            yield from (*early, *resolve)
        else:
            yield from (*fill, *resolve, *require) if filled_first else (*resolve, *fill, *require)

    def _readings(self, said: str, inside: Inside) -> Iterator[Op]:
        """How JavaScript, or the reader of XML, sees the end of a path."""
        if said.endswith(".length"):
            yield Op("length")
        if self.picker.xml and said and not inside.universal and "@" not in said.rsplit(".", 1)[-1]:
            yield Op("content")
