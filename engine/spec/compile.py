"""A merged document to a frozen Plan: every part is built and checked, all problems are reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from engine.errors import EngineError, SpecError
from engine.kinds import Connection, Formatter, Limits, Parser, Sink, Source
from engine.language.scopes import Known, Scope, vars_shape
from engine.language.shapes import Shape
from engine.options import INVALID, Pointer, build_component, convert
from engine.plan import Archive, Contract, End, Lookup, Plan
from engine.registry import components
from engine.rows.flow import Step, UnknownStep
from engine.rows.needs import needs_of
from engine.sources.files import Files, strip_compression
from engine.spec import reader
from engine.spec.checks import check_cells, check_messages, check_places, check_secrets, check_slots
from engine.spec.contracts import check_contract, contract_of
from engine.spec.evidence import golden_input, shape_of
from engine.spec.identity import asked, hash_of, masked, scope_of
from engine.spec.located import Located, Problems
from engine.spec.lookups import build_lookup, known_of
from engine.spec.mapping_files import mapping_of
from engine.spec.problems import Problem
from engine.spec.project import Source as Found
from engine.spec.project import find, used_connections
from engine.spec.settings import ArchiveOptions, ExpectOptions, LimitOptions
from engine.spec.variables import Secret, Variables, interpolate, places_of_interpolation
from engine.spelling import listed, suggest
from engine.steps.map import Map
from engine.storage.globs import expand
from engine.storage.local import Local

INTERPOLATES: Final = ("connections", "vars")
UNREAD: Final = ("E1", "S106")
"""How the codes begin of expressions that cannot be read: whether one uses a lookup is not known."""


def load(spec: str, env: str = "", given: Mapping[str, str] | None = None) -> tuple[Plan, list[Problem]]:
    """The plan of `file[:name]`, and the warnings; SpecError with every problem where it does not check."""
    found = find(spec, env)
    plan = Compiler(found, env, given or {}).plan()
    problems = found.problems
    if problems.errors or plan is None:
        raise SpecError([*problems.errors, *problems.warnings])
    return plan, problems.warnings


class Compiler:
    """Builds the parts of one plan in the order in which they need each other."""

    def __init__(self, found: Found, env: str, given: Mapping[str, str]) -> None:
        self.found = found
        self.problems = found.problems
        self.doc = found.located.value
        self.env = env
        self._given = given
        self.problems.interpolate = self._secret
        used = used_connections(self.doc)
        for part in INTERPOLATES:
            for name, said in (self.doc[part] if isinstance(self.doc.get(part), dict) else {}).items():
                if part == "vars" or name in used:
                    self.doc[part] = {**self.doc[part], name: self._interpolated(said, (part, name))}
        self.vars = Variables(self.doc.get("vars") or {}, self.problems)
        self.vars.resolve(given)

    def plan(self) -> Plan | None:
        """The plan; None where a part is missing (the problems say which)."""
        source, sink = self._component("source"), self._component("sink")
        for part, what in (("source", "where records come from"), ("sink", "where they go")):
            if part not in self.doc:
                self.problems(
                    "S202",
                    (),
                    f"`{part}` is missing in a spec",
                    f"say {what}: `{part}: {{type: files, path: ..}}`",
                )
        parser, sink = self._parser(source), self._with_formatter(sink)
        limits = self._settings("limits", LimitOptions)
        archive = self._settings("archive", ArchiveOptions)
        reading = Limits() if limits is INVALID else limits.reading
        lookups = self._lookups(reading)
        steps, steps_doc = self._steps()
        if parser is not INVALID:
            parser = parser.bound(needs_of([step for _, step in steps]))
        shape = Shape() if INVALID in (source, parser) else self._shape(parser, source, reading)
        steps, shape = self._check_steps(steps, shape, lookups)
        sink = self._bound(sink, shape)
        contract = self._contract(shape)
        check_cells(steps, sink, shape, self.problems)
        made = {name: lookup for name, (lookup, _) in lookups.items()}
        check_slots(source, sink, archive, made, self.vars.types, self.problems)
        if INVALID in (source, sink, parser, limits, archive):
            return None
        ends = self.end(("source",), source), self.end(("sink",), sink)
        self._refuse_interpolation(steps_doc)
        check_messages(steps, self.vars.types, self.problems)
        check_secrets(self.vars.secret, source, sink, archive, made, steps, self.problems)
        check_places(source, sink, archive, *ends, self.problems)
        self._warn_of_scope(source, sink)
        return Plan(
            name=self.found.name,
            file=self.found.path,
            folder=self.found.folder,
            env=self.env,
            vars=self.vars.values,
            scope=scope_of(self.found.name, self.env, self.vars),
            spec_hash=self._hash(steps_doc, contract),
            source=source,
            source_end=ends[0],
            parser=parser,
            steps=tuple(step for _, step in steps),
            sink=sink,
            sink_end=ends[1],
            columns=shape.columns,
            limits=reading,
            max_rejects=limits.max_rejects,
            max_recovered=limits.max_recovered,
            lookups={name: lookup for name, (lookup, known) in lookups.items() if known.used},
            max_lookup=limits.lookup,
            contract=contract,
            archive=Archive(archive.success, archive.partial, archive.error),
            state_folder=self.found.state_folder,
            sample=self._sample_path(),
            description=str(self.doc.get("description", "")),
            resolved=self._shown(),
            asked=asked(self.env, self._given, self.vars.secret),
        )

    # --- components

    def _component(self, kind: str) -> Any:
        return build_component(kind, self.doc[kind], (kind,), self.problems) if kind in self.doc else INVALID

    def _parser(self, source: Any) -> Any:
        return self._component("parser") if "parser" in self.doc else self.inferred(source, ("source",))

    def inferred(self, source: Any, at: Pointer) -> Any:
        """The parser that a source's path names."""
        if not isinstance(source, Files):
            return INVALID
        found = by_suffix("parser", source.path.text)
        if found is None:
            help = f"write `parser:`, one of {listed(components('parser'))}"
            self.problems("S202", (*at, "path"), "the extension names no parser", help)
            return INVALID
        return found

    def _with_formatter(self, sink: Any) -> Any:
        if sink is INVALID or getattr(sink, "formatter", True) is not None:
            return sink
        found = by_suffix("formatter", sink.path.text)
        if found is None:
            help = f"write `formatter:`, one of {listed(components('formatter'))}"
            self.problems("S202", ("sink", "path"), "the extension names no formatter", help)
            return INVALID
        return replace(sink, formatter=found)

    def _bound(self, sink: Any, shape: Shape) -> Any:
        """The sink with its formatter for records of this shape."""
        formatter = getattr(sink, "formatter", None)
        if formatter is None:
            return sink
        bound = formatter.bound(shape, ("sink", "formatter"), self.problems)
        return sink if bound is formatter else replace(sink, formatter=bound)

    def _settings(self, key: str, cls: type) -> Any:
        return convert(cls, self.doc.get(key) or {}, (key,), self.problems)

    def end(self, at: Pointer, component: Source | Sink) -> End:
        """Where a source or a sink is; the nameless place is the folder of the file that says it."""
        name = component.connection
        folder = os.path.dirname(os.path.abspath(self.found.located.origin(at)[0].path))
        if not name:
            return End(Local(), folder)
        declared = self.doc.get("connections") or {}
        if name not in declared:
            near = suggest(name, declared)
            known = f"declared: {listed(declared)}" if declared else f"declare it: `connections: {{{name}: ..}}`"
            help = f"did you mean `{near}`?" if near else known
            self.problems("S305", (*at, "connection"), f"there is no connection `{name}`", help)
            return End(Local(), folder, name)
        connection: Connection = build_component("connection", declared[name], ("connections", name), self.problems)
        folder = self.found.connection_folders.get(name, self.found.folder)
        return End(connection if connection is not INVALID else Local(), folder, name)

    # --- the steps and their evidence

    def _steps(self) -> tuple[list[tuple[Pointer, Step]], Any]:
        """The steps, each with its place, and what the spec says of them; `mapping` is one step."""
        if "steps" not in self.doc:
            return self._mapping()
        if "mapping" in self.doc:
            help = "write it as a step: `{type: map, fields: ..}`"
            self.problems("S331", ("mapping",), "`mapping` stands beside `steps`", help, key=True)
        said = self.doc["steps"] if isinstance(self.doc["steps"], list) else []
        places = [("steps", at) for at in range(len(said))]
        built = [(at, build_component("step", said[at[1]], at, self.problems)) for at in places]
        return [(at, UnknownStep() if step is INVALID else step) for at, step in built], said

    def _mapping(self) -> tuple[list[tuple[Pointer, Step]], Any]:
        doc = self.doc.get("mapping", {"pass_through": True})
        if isinstance(doc, str):
            doc = self._mapping_file(doc)
        step = Map.from_spec(doc if isinstance(doc, dict) else {}, ("mapping",), self.problems)
        return [(("mapping",), step)], doc

    def _mapping_file(self, name: str) -> Any:
        """A mapping by path; its problems carry its own positions."""
        path = os.path.join(self.found.folder, name)
        if not os.path.isfile(path):
            self.problems("S312", ("mapping",), f"the mapping file `{name}` {_absent(path)}", _near_file(path, name))
            return None
        try:
            document = reader.read(path, os.path.relpath(path))
        except SpecError as error:
            self.problems.found.extend(error.problems)
            return None
        self.found.located.graft(("mapping",), document)
        return mapping_of(document, ("mapping",), self.problems, self.vars.types)

    def _check_steps(
        self, steps: list[tuple[Pointer, Step]], shape: Shape, lookups: Mapping[str, tuple[Lookup, Known]]
    ) -> tuple[list[tuple[Pointer, Step]], Shape]:
        """The steps with their types, and the shape of what comes out."""
        known = {name: each for name, (_, each) in lookups.items()}
        scope = Scope(shape, vars_shape(self.vars.types), shape, shape, lookups=known)
        checked = []
        for at, step in steps:
            made, scope = step.check(scope, at, self.problems)
            checked.append((at, made))
        unread = any(problem.code.startswith(UNREAD) for problem in self.problems.found)
        for name, each in known.items():
            if not each.used and not unread and self._is_own(("lookups", name)):
                message, help = f"the lookup `{name}` is never used", "leave it out, or name it: `table: ..`"
                self.problems("M506", ("lookups", name), message, help, key=True, level="warning")
        return checked, scope.node

    def _is_own(self, pointer: Pointer) -> bool:
        """Whether no other pipeline shares what stands there."""
        document, at = self.found.located.origin(pointer)
        shared = isinstance(document.value, dict) and "pipelines" in document.value and at[:1] != ("pipelines",)
        return document is self.found.located.base and not shared

    def _lookups(self, limits: Limits) -> dict[str, tuple[Lookup, Known]]:
        """The lookups that can be read, with what is known of each."""
        said: Any = self.doc.get("lookups")
        made: dict[str, tuple[Lookup, Known]] = {}
        for name in said if isinstance(said, dict) else ():
            at = ("lookups", name)
            lookup = None if self.problems.refused(at) else build_lookup(said[name], at, self)
            known = known_of(lookup, at, limits, self.problems) if lookup else Known([Shape()], Shape())
            made[name] = lookup or Lookup(), known
        return made

    def _contract(self, shape: Shape) -> Contract | None:
        """What the output has to keep, held against what is known of it."""
        if "expects" not in self.doc:
            return None
        options = self._settings("expects", ExpectOptions)
        if options is INVALID:
            return None
        at = ("expects", "schema")
        contract = contract_of(os.path.join(self.found.folder, options.schema), options.schema, at, self.problems)
        if contract:
            check_contract(contract, shape, at, self.problems)
        return contract

    def _sample_path(self) -> str:
        sample = self.doc.get("sample")
        return os.path.join(self.found.folder, sample) if isinstance(sample, str) else ""

    def _shape(self, parser: Parser, source: Source, limits: Limits) -> Shape:
        sample = self._sample_path()
        if sample and not os.path.isfile(sample):
            name = self.doc["sample"]
            self.problems("S313", ("sample",), f"the sample `{name}` {_absent(sample)}", _near_file(sample, name))
            return Shape()
        pattern = (
            source.pattern({"vars": self.vars.values}) if isinstance(source, Files) and not source.path.slots else ""
        )
        golden = golden_input(self.found.name, self.found.folder, pattern) if pattern and not sample else ""
        try:
            return shape_of(parser, sample, golden, limits)
        except (EngineError, OSError) as error:
            if sample:
                message = f"the sample cannot be read: {getattr(error, 'message', error)}"
                self.problems("S313", ("sample",), message, "give one that the parser reads")
            return Shape()

    # --- what binds state

    def _warn_of_scope(self, source: Any, sink: Any) -> None:
        paths = (source.path, sink.path)
        named = {slot.key for path in paths for slot in path.slots if slot.root == "vars"}
        for name in sorted(named & set(self._given) - set(self.vars.scoped)):
            message = f"`{name}` names files, and runs with other values share this one's state"
            self.problems("S308", ("vars", name), message, "declare it with `scope: true`", key=True, level="warning")

    def _hash(self, steps_doc: Any, contract: Contract | None) -> str:
        """Of the steps too, which may be in a file of their own, and of the contract."""
        place = "steps" if "steps" in self.doc else "mapping"
        steps = masked(steps_doc, (place,), self.problems.interpolated)
        said = {"doc": self._shown(), "mapping": steps, "vars": self.vars.values}
        return hash_of({**said, "contract": contract.schema} if contract else said)

    def _shown(self) -> dict[str, Any]:
        """The document as it may be shown: without secrets, however they were given."""
        shown: dict[str, Any] = masked(self.doc, (), self.problems.interpolated)
        return {**shown, "vars": dict(self.vars.values)} if self.vars.values else shown

    def _interpolated(self, said: Any, pointer: Pointer) -> Any:
        return interpolate(said, pointer, self.problems, self.found.folder)

    def _secret(self, text: Any, pointer: Pointer) -> Any:
        """The text of a secret option; what was interpolated into it cannot be printed."""
        made = self._interpolated(text, pointer)
        return Secret(made) if isinstance(made, str) and made != text else made

    def _refuse_interpolation(self, mapping: Any) -> None:
        """`${..}` stands in connections, variables and secret options; elsewhere it would be plain text."""
        looked_at = {key: value for key, value in self.doc.items() if key not in INTERPOLATES}
        read = looked_at if "steps" in self.doc else {**looked_at, "mapping": mapping}  # which may be a file's
        for pointer, match in places_of_interpolation(read):
            if pointer not in self.problems.interpolated:
                self.problems("S306", pointer, f"`{match[0]}` stands where nothing is interpolated",
                              "declare a variable with it, and use `$vars.name` or `{vars.name}`",
                              span=(match.start(), len(match[0])))  # fmt: skip


def _absent(path: str) -> str:
    return "is not a file" if os.path.exists(path) else "is not there"


def _near_file(path: str, said: str) -> str:
    """The file of a near name in the same folder; else where the search began."""
    folder, name = os.path.split(path)
    near = suggest(name, os.listdir(folder)) if os.path.isdir(folder) else ""
    return (
        f"did you mean `{os.path.join(os.path.dirname(said), near)}`?"
        if near
        else "the path starts at this file's folder"
    )


def by_suffix(kind: str, path: str) -> Parser | Formatter | None:
    """The component that a path's extension names, without options."""
    names = [strip_compression(each).lower() for each in expand(path)]
    for found in components(kind).values():
        if all(name.endswith(found.cls.suffixes) for name in names):  # type: ignore[attr-defined]
            return found.cls()  # type: ignore[no-any-return]
    return None


__all__ = ["Compiler", "Located", "Problems", "load"]
