"""A mapping file of the SDK as a document of our language: one walk over its three styles.

`fields` alone is the universal mapper's, `arguments` and `fields` with `nodes` or `mutation` are the mutation
mapper's. Each has its own keys, and its own order of default, required and resolver, which `chains` writes as
resolvers of the dialect, or as our own. `places` says where in the SDK's file each part came from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from engine.dialect import sources
from engine.dialect.chains import Body, Op, Render, exact
from engine.dialect.hearing import Hearing, Inside
from engine.dialect.naming import resolver_of
from engine.dialect.parts import SLOT, Slots, array, by_number, last_name, least_of, node_field
from engine.dialect.picking import Picker
from engine.dialect.sources import Every, Said, Step
from engine.dialect.values import Values
from engine.dialect.words import FIELD, RESERVED, TOP
from engine.options import Pointer, Report
from engine.spelling import listed

MOST_SLOTS: Final = 1_000

Children = tuple[Mapping[str, Any], Pointer]
"""The configurations below one, and where they stand."""


@dataclass(frozen=True)
class Converted:
    """The document in our language; for each converted place, the place in the SDK's file that it came from."""

    value: dict[str, Any]
    places: Mapping[Pointer, Pointer]


def convert(
    doc: Any, report: Report, at: Pointer = (), variables: Collection[str] = (), render: Render = exact
) -> Converted:
    """The mapping that an SDK file says; its problems and intended differences go to the report, with places in it."""
    hearing = Hearing(report, at)
    if not isinstance(doc, dict):
        hearing.refuse((), "a mapping of the SDK is a map of keys", "it holds `fields` or `arguments`")
        return Converted({"fields": {}}, {})
    hearing.unknown_keys(doc, TOP, ())
    style = "nodes" if "nodes" in doc or "mutation" in doc else "universal"
    style = "arguments" if "arguments" in doc else style
    nodes = _map(doc, "nodes", hearing) if style == "nodes" else {}
    picker = Picker(hearing, nodes, variables, xml=doc.get("sourceFormat") == "xml")
    walk = _Walk(hearing, picker, Values(hearing, picker, render), render)
    key = "arguments" if style == "arguments" else "fields"
    if key not in doc:
        hearing.refuse((), f"`{key}` is missing", "it holds the mapping")
    fields: Body = {}
    for name, node in nodes.items():
        fields[f"_{name}"] = node_field(str(name), node, picker, render)
        walk.places["fields", f"_{name}"] = ("nodes", str(name))
    fields |= walk.fields(_map(doc, key, hearing), Inside(style), ("fields",), (key,))
    return Converted({"fields": fields}, walk.places)


def _map(doc: Mapping[str, Any], key: str, hearing: Hearing) -> Mapping[str, Any]:
    found = doc.get(key, {})
    if isinstance(found, dict):
        return found
    hearing.refuse((key,), f"`{key}` is not a map", "it holds a configuration for each name")
    return {}


@dataclass
class _Walk:
    hearing: Hearing
    picker: Picker
    values: Values
    render: Render
    places: dict[Pointer, Pointer] = field(default_factory=dict)
    made: int = 0

    # --- fields

    def fields(self, configs: Mapping[str, Any], inside: Inside, here: Pointer, there: Pointer) -> Body:
        """All fields of one object, in the order written; targets with numbers become lists."""
        out: Body = {}
        lists = by_number(configs) if inside.style != "arguments" else {}
        numbered = bool(lists)
        for name, config in configs.items():
            slot = SLOT.fullmatch(str(name)) if numbered else None
            if slot is None:
                self._field(out, str(name), config, inside, here, (*there, name))
            elif slot[1] in lists:
                self._slots(out, slot[1], lists.pop(slot[1]), inside, here, (*there, name))
        return out

    def _field(self, out: Body, name: str, config: Any, inside: Inside, here: Pointer, there: Pointer) -> None:
        """One field of any style."""
        arguments = inside.style == "arguments"
        suffixed = name.endswith("[]") and isinstance(config, dict) and "fields" in config and not arguments
        working = arguments and name.startswith("_") and inside.depth == 0
        target = self._target(name[:-2] if suffixed else name, there, sent=not working)
        if isinstance(config, str):
            if not arguments:
                message = "a text is no configuration to the SDK, which skips it"
                self.hearing.warn("M617", there, message, "here it is a path, as in `source`")
            config = {"source": config}
        if not isinstance(config, dict):
            self.hearing.refuse(there, f"`{name}` is not configured by a map", "write a map with `source` or `value`")
            return
        if suffixed and inside.universal:
            self.hearing.strange(there, f"`{name}`", f"it is an array, `{name[:-2]}`")
        body = self._body(out, config, inside, (*here, target), there, is_list=suffixed)
        if body is not None:
            self._put(out, target, body, here, there)

    def _put(self, out: Body, target: str, body: Any, here: Pointer, there: Pointer) -> None:
        self.places[*here, target] = there
        out[target] = body

    def _target(self, name: str, there: Pointer, *, sent: bool = True) -> str:
        """A target as ours: one that begins with `_` is in quotes, since it is sent."""
        if "[" in name:
            help = "the SDK makes a list under a name with brackets"
            self.hearing.warn_key("M616", there, f"`{name}` is a name as it stands", help)
        parts = name.split(".")
        if found := next((part for part in parts if part in sources.PROTOTYPE), ""):
            help = "the SDK would change every object of its process"
            self.hearing.warn_key("M611", there, f"`{found}` is a name like any other here", help)
        parts[0] = f'"{parts[0]}"' if sent and parts[0].startswith("_") else parts[0]
        return ".".join(parts)

    def _slots(self, out: Body, base: str, slots: Slots, inside: Inside, here: Pointer, there: Pointer) -> None:
        """`list[0].a`, `list[1]`: a list whose items are made one by one."""
        last = max(slots)
        if last >= MOST_SLOTS:
            self.hearing.refuse(there, f"`{base}[{last}]` makes a list of over {MOST_SLOTS:,} items", "use an array")
            return
        working, deeper = self._working("slots"), replace(inside, depth=inside.depth + 1)
        at = (*here, working, "list")
        of_values = any("" in said for said in slots.values())
        entries, values = [], []
        for n in range(last + 1):
            said = slots.get(n, {})
            if "" in said or (n not in slots and of_values):
                values.append(n)
            configs = {rest or "value": config for rest, (_, config) in said.items()}
            entries.append({"fields": self.fields(configs, deeper, (*at, n, "fields"), there[:-1])})
            self.places |= {(*at, n, "fields", rest or "value"): (*there[:-1], said[rest][0]) for rest in said}
        if self.render is not exact:  # a value stands in the list as it is
            entries = [
                entry["fields"].get("value", "`null`") if n in values else entry for n, entry in enumerate(entries)
            ]
        self._behind(out, base, ({"list": entries}, Op("slots", {"values": values}), working), here, there)

    def _behind(self, out: Body, base: str, made: tuple[Body, Op, str], here: Pointer, there: Pointer) -> None:
        """A list by a working field and a step of the dialect behind it; in our language the list alone."""
        body, op, working = made
        target = self._target(base, there)
        if self.render is exact:
            self._put(out, working, body, here, there)
            body = self.render({"source": f"$out.{working}"}, [op])
        self._put(out, target, body, here, there)

    def _working(self, what: str) -> str:
        self.made += 1
        return f"_{what}{self.made}"

    def _body(
        self, out: Body, config: Mapping[str, Any], inside: Inside, here: Pointer, there: Pointer, *, is_list: bool
    ) -> Any:
        """What makes the field: an array, an object, or one value; None where it is left out."""
        children = self._children(config, inside, there)
        marked = next((key for key in ("isArray", "_array") if config.get(key)), "")
        if children is None or ("value" in config and not inside.universal):
            if marked and children is None:
                self.hearing.strange((*there, marked), "an array without `fields`", "the value is copied as it is")
            return self.values.value(config, inside, there)
        if inside.in_item and not inside.universal and "mapping" not in config:
            self.hearing.strange(there, "an object or an array inside an item", "it is made as it says")
        if is_list or marked:
            return self._array(out, config, children, inside, here, there)
        return self._object(config, children, inside, here, there)

    def _children(self, config: Mapping[str, Any], inside: Inside, there: Pointer) -> Children | None:
        """The configurations below; None where the field holds one value."""
        if inside.style == "arguments":
            return self._children_of_argument(config, there)
        if inside.style == "nodes" and not any(key in config for key in RESERVED):
            return self._inline(config, there), there
        self.hearing.unknown_keys(config, FIELD, there)
        return (config["fields"], (*there, "fields")) if isinstance(config.get("fields"), dict) else None

    def _children_of_argument(self, config: Mapping[str, Any], there: Pointer) -> Children | None:
        if isinstance(config.get("mapping"), dict):
            return config["mapping"], (*there, "mapping")
        if isinstance(config.get("fields"), dict):
            message = "the SDK gives `{}` for `fields` here"
            self.hearing.warn_key("M614", (*there, "fields"), message, "here they are the children")
            return config["fields"], (*there, "fields")
        inline = self._inline(config, there)
        if any(config.get(key) for key in ("_nested", "isArray", "_array")) or "source" not in config:
            makes = any(key in config for key in ("value", "defaultValue", "resolver", "transform"))
            return (inline, there) if inline or not makes else None
        if inline:
            message = f"what stands beside `source` is lost in the SDK, and here: {listed(inline)}"
            self.hearing.warn_key("M614", there, message, "write `_nested: true`")
        return None

    def _inline(self, config: Mapping[str, Any], there: Pointer) -> dict[str, Any]:
        """Children that stand among the keys; a `comment` with blanks in it is one."""
        found = {key: item for key, item in config.items() if key not in RESERVED and not str(key).startswith("_")}
        text = found.get("comment")
        if isinstance(text, str):
            is_note = " " in text or not text
            message = f"`comment` is {'a comment here' if is_note else 'a field, as in the SDK'}"
            self.hearing.warn_key("M614", (*there, "comment"), message, "write `_comment` for a note")
            if is_note:
                del found["comment"]
        return found

    # --- objects and arrays

    def _object(
        self, config: Mapping[str, Any], children: Children, inside: Inside, here: Pointer, there: Pointer
    ) -> Body:
        self._warn_of_unread(config, there)
        deeper, body = replace(inside, depth=inside.depth + 1), Body()
        if "mapping" in config and isinstance(config.get("source"), str):
            said = self.picker.said(config["source"], inside, (*there, "source"))
            if not inside.in_item:
                self.hearing.strange((*there, "mapping"), "`mapping` outside the items of an array", "it is an object")
            # It is made also where nothing is there, and what stands in it is no part of an item.
            deeper = replace(deeper, prefix=(*inside.prefix, *said.steps), in_item=False)
        elif config.get("source") and inside.style != "nodes":
            body["source"] = self.picker.source(config["source"], inside, (*there, "source"))
            deeper = replace(deeper, prefix=(), item="")
            if config.get("required"):
                body["required"] = True
        body["fields"] = self.fields(children[0], deeper, (*here, "fields"), children[1])
        return body

    def _array(
        self, out: Body, config: Mapping[str, Any], children: Children, inside: Inside, here: Pointer, there: Pointer
    ) -> Body | None:
        noted = next((key for key in ("_array", "_autoWrap") if key in config), "")
        documented = bool(noted) and inside.style != "arguments"
        if documented:
            self.hearing.strange((*there, noted), f"`{noted}`", "it makes an array")
            if resolver_of(config, inside, there, self.hearing) is None:
                return None
        self._warn_of_unread(config, there)
        if not isinstance(config.get("source"), str) or not config["source"]:
            return {"value": []}
        self._warn_of_array(config, inside, there)
        if inside.style == "nodes" and "." in str(there[-1]):
            help = f"the SDK makes a key `{there[-1]}`, with its dots"
            self.hearing.warn_key("M616", there, f"`{there[-1]}` is an array inside an object", help)
        said = self.picker.said(config["source"], inside, (*there, "source"))
        each, right = self._each(out, said, inside, here, there)
        deeper = Inside(
            inside.style, right, inside.depth + 1, in_item=True, relative=documented or inside.style != "nodes",
            item=last_name(said.steps) if documented else "",
        )  # fmt: skip
        inner = self.fields(children[0], deeper, (*here, "fields"), children[1])
        return array(each, inner, config)

    def _each(
        self, out: Body, said: Said, inside: Inside, here: Pointer, there: Pointer
    ) -> tuple[Any, tuple[Step, ...]]:
        """The list that an array goes over, and what its items are read through."""
        steps = said.steps[:-1] if said.steps and isinstance(said.steps[-1], Every) else said.steps
        wild = [i for i, step in enumerate(steps) if isinstance(step, Every)]
        if inside.universal and len(wild) == 1 and steps[wild[0]] == Every("[*]"):
            return self.picker.path(steps[: wild[0]], inside, there), steps[wild[0] + 1 :]
        path = self.picker.path(steps, inside, there, flat=True)
        if wild or not inside.universal or self.render is not exact:
            return path, ()
        working = self._working("items")
        self._put(out, working, self.render({"source": path}, [Op("items")]), here[:-1], there)
        return f"$out.{working}", ()

    def _warn_of_unread(self, config: Mapping[str, Any], there: Pointer) -> None:
        for key in ("resolver", "transform", "defaultValue"):
            if key in config:
                message = f"the SDK reads `{key}` of single values only, and so does ours"
                self.hearing.warn_key("M613", (*there, key), message, "write it at the fields inside")

    def _warn_of_array(self, config: Mapping[str, Any], inside: Inside, there: Pointer) -> None:
        if config.get("required") and inside.style != "arguments":
            message = "the SDK never checks `required` of an array"
            self.hearing.warn("M608", (*there, "required"), message, "it is checked here")
        if least_of(config) and not config.get("required"):
            message = "the SDK does not check `minItems` where there is no array"
            self.hearing.warn_key("M608", there, message, "no array has no items here")
        if inside.style == "arguments" and not (config.get("autoWrap") or config.get("_autoWrap")):
            message = "one object instead of a list is lost in the SDK"
            self.hearing.warn_key("M610", there, message, "here it is a list of one")
