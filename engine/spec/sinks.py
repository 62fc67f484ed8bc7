"""The sinks of a pipeline: one under `sink`, or an ordered list under `sinks`, each with records of its own.

```yaml
sinks:
  - {type: files, path: "out/big/{unit.stem}.jsonl", name: big, when: total > 1000}
  - type: files
    path: out/by-region/{record.region}/{unit.stem}.csv
    when: otherwise
    mapping: {fields: {order: id, region: region, total: total}}
```

Sinks are asked in the order written. `when: otherwise` holds where no `when` above it did; `after` names sinks that
must have taken the record. Own `mapping` or `steps` work on a copy: no other sink sees what they make, and what they
filter is that sink's.

Where own steps make several records of one and refuse any of them, none of them is written, and the record is rejected.
Where they all pass and the formatter refuses one, the others are written: the reject then names that in `delivered`, as
in `lines (2 of 3)`.

What an `optional` sink refuses counts as if its `when` had not held: it goes to the next `otherwise`. Where no other
sink wanted the record it is a reject of the optional sink, and counts for `max_rejects`: nothing is lost without a
trace. Optional are records, not places: a sink whose store cannot be reached fails or holds the unit, optional or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from engine.errors import OptionError
from engine.kinds import Formatter
from engine.language.expressions import Condition, condition_shape
from engine.language.scopes import Scope
from engine.language.shapes import Shape
from engine.options import INVALID, Pointer, build_component, convert
from engine.plan import Outlet
from engine.registry import class_options, components
from engine.sinks.files import Files
from engine.spec.checks import check_cells, check_partitions, check_texts
from engine.spec.settings import OTHERWISE, RejectOptions, SinkOptions
from engine.spec.steps import Steps, build_steps, check_steps, plain
from engine.spec.suffixes import by_suffix
from engine.spelling import listed, suggest

ONLY: Final = "sink"
"""What the one sink of a pipeline is called, unless it has a name."""
OWN: Final = {option.name for option in class_options(SinkOptions)}


class Built(NamedTuple):
    """A sink with its place in the spec, and its own steps with theirs."""

    at: Pointer
    outlet: Outlet
    steps: Steps
    said: Any = None


def places_of(doc: Mapping[str, Any], report: Any) -> list[tuple[Pointer, Any]]:
    """Each sink that a spec says, with its place; a problem where it says none, or says it twice."""
    if "sink" in doc and "sinks" in doc:
        report("S331", ("sinks",), "`sinks` stands beside `sink`", "put all of them under `sinks`", key=True)
    if "sink" in doc:
        return [(("sink",), doc["sink"])]
    said = doc.get("sinks")
    if not isinstance(said, list):
        if "sinks" not in doc:
            message, help = "`sink` is missing in a spec", "say where they go: `sink: {type: files, path: ..}`"
            report("S202", (), message, help)
        return []
    return [(("sinks", index), each) for index, each in enumerate(said)]


def build_outlet(said: Any, at: Pointer, compiler: Any, scope: Scope, main: Steps) -> Built | None:
    """One sink, None where it has a problem; `scope` is what comes out of the pipeline's steps, `main`."""
    problems, doc = compiler.problems, said if isinstance(said, dict) else {"type": said}
    rest = {key: each for key, each in doc.items() if key not in OWN}
    sink = build_component("sink", rest if isinstance(said, dict) else said, at, problems)
    own = convert(SinkOptions, {key: doc[key] for key in OWN & doc.keys() - {"mapping", "steps"}}, at, problems)
    steps, steps_doc = build_steps(doc, at, compiler.found, compiler.vars.types)
    when = _condition(doc, own, (*at, "when"), scope, problems)
    checked, behind = check_steps(steps, replace(scope, parent=scope.parent), problems)
    sink = with_formatter(sink, at, problems)
    if INVALID in (sink, own):
        return None
    formatter: Formatter | None = getattr(sink, "formatter", None)
    if formatter:
        sink = replace(sink, formatter=formatter.bound(behind.node, (*at, "formatter"), problems))
    check_cells([*main, *checked], sink, behind.node, at, problems)
    check_partitions(sink, at, behind, problems)
    check_texts(sink, at, behind, problems)
    outlet = Outlet(
        name=own.name,
        sink=sink,
        end=compiler.end(at, sink),
        when=when,
        otherwise=doc.get("when") == OTHERWISE,
        optional=own.optional,
        steps=plain(checked),
        columns=behind.node.columns,
        after=tuple(own.after),
    )
    return Built(at, outlet, checked, steps_doc)


def _condition(doc: Mapping[str, Any], own: Any, at: Pointer, scope: Scope, problems: Any) -> Condition | None:
    """The condition of a sink, typed; None where it takes every record, or the rest."""
    if own is INVALID or own.when is None or doc.get("when") == OTHERWISE:
        return None
    condition_shape(own.when, at, scope, problems)
    return own.when  # type: ignore[no-any-return]


def with_formatter(sink: Any, at: Pointer, problems: Any) -> Any:
    """The sink with the formatter that its path names, where none is said."""
    if sink is INVALID or getattr(sink, "formatter", True) is not None:
        return sink
    found = by_suffix("formatter", sink.path.text)
    if found is None:
        help = f"write `formatter:`, one of {listed(components('formatter'))}"
        problems("S202", (*at, "path"), "the extension names no formatter", help)
        return INVALID
    return replace(sink, formatter=found)


def named(built: Sequence[Built], problems: Any) -> list[Built]:
    """The sinks with their names: what is said, else `sink`, or of several the type; what they say of each other."""
    names: list[str] = []
    for each in built:
        kind = ONLY if len(built) == 1 else each.outlet.sink.type
        taken = [name for name in names if name == kind or name.startswith(f"{kind}-")]
        name = each.outlet.name or (f"{kind}-{len(taken) + 1}" if taken else kind)
        if name in names:
            problems("S332", (*each.at, "name"), f"two sinks are called `{name}`", "give each a name of its own")
        for index, other in enumerate(each.outlet.after):
            _check_after(other, names, (*each.at, "after", index), problems)
        names.append(name)
    _check_otherwise(built, problems)
    return [each._replace(outlet=replace(each.outlet, name=name)) for each, name in zip(built, names, strict=True)]


def _check_after(name: str, above: Sequence[str], at: Pointer, problems: Any) -> None:
    if name not in above:
        near = suggest(name, above)
        help = f"did you mean `{near}`?" if near else f"above it: {listed(above) or 'none'}"
        problems("S332", at, f"no sink above is called `{name}`", help)


def _check_otherwise(built: Sequence[Built], problems: Any) -> None:
    """Behind a sink that takes every record nothing is left."""
    for index, each in enumerate(built):
        before = [one.outlet for one in built[:index]]
        if each.outlet.otherwise and not before:
            message, help = "`otherwise` has no sink above it", "put it behind a sink with `when`"
            problems("S333", (*each.at, "when"), message, help)
        elif each.outlet.otherwise and any(not (one.when or one.otherwise or one.optional) for one in before):
            message = "`otherwise` is never reached: a sink above takes every record"
            problems("S333", (*each.at, "when"), message, "give the sink above a `when`")


class BuiltReport(NamedTuple):
    """The report of rejects, with its place in the spec, and its columns."""

    at: Pointer
    outlet: Outlet
    said: Any


def build_reject_report(said: Any, compiler: Any) -> BuiltReport | None:
    """What `rejects` says of a report; None where it has a problem, or there is none."""
    at: Pointer = ("rejects",)
    options = convert(RejectOptions, said or {}, at, compiler.problems)
    if options is INVALID or options.path is None:
        return None
    formatter = {"formatter": options.formatter} if options.formatter else {}
    try:
        sink: Any = Files(path=options.path, connection=options.connection, **formatter)
    except OptionError as error:
        compiler.problems(error.code, (*at, "path"), error.message, error.help)
        return None
    sink = with_formatter(sink, at, compiler.problems)
    if sink is INVALID:
        return None
    sink.formatter.bound(Shape(), (*at, "formatter" if options.formatter else "path"), compiler.problems)
    return BuiltReport(at, Outlet(name="rejects", sink=sink, end=compiler.end(at, sink)), options.columns)


def redacted(said: Any, problems: Any) -> tuple[Any, ...]:
    """What `rejects` says is never kept; its problems were reported with the report's."""
    options = convert(RejectOptions, said or {}, ("rejects",), problems)
    return () if options is INVALID else tuple(options.redact)
