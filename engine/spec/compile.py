"""A merged document to a frozen Plan: every part is built and checked, all problems are reported at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from engine.errors import EngineError, SpecError
from engine.hidden import hidden
from engine.kinds import Connection, Limits, Needs, Sink, Source
from engine.language.scopes import Known, Scope, vars_shape
from engine.language.shapes import Shape
from engine.options import INVALID, Pointer, build_component, convert
from engine.plan import Archive, Contract, End, Lookup, Plan, RejectReport
from engine.registry import components
from engine.rows.needs import needs_of
from engine.sources.files import Files
from engine.sources.stdin import Stdin
from engine.spec.checks import check_messages, check_places, check_secrets, check_slots
from engine.spec.contracts import check_contract, contract_of
from engine.spec.ends import check_ends
from engine.spec.evidence import golden_input, shape_of
from engine.spec.identity import asked, hash_of, masked, scope_of
from engine.spec.lookups import build_lookup, known_of
from engine.spec.problems import Problem
from engine.spec.project import Source as Found
from engine.spec.project import find, used_connections
from engine.spec.secrets import literals
from engine.spec.settings import ArchiveOptions, ExpectOptions, LimitOptions
from engine.spec.sinks import Built, build_outlet, build_reject_report, named, places_of, redacted
from engine.spec.steps import absent, build_steps, check_steps, near_file, plain
from engine.spec.suffixes import by_suffix
from engine.spec.variables import Variables, interpolate, places_of_interpolation
from engine.spelling import listed, suggest
from engine.storage.local import Local

INTERPOLATES: Final = ("connections", "vars")
UNREAD: Final = ("E1", "S106")
"""How the codes begin of expressions that cannot be read: whether one uses a lookup is not known."""


def load(
    spec: str, env: str = "", given: Mapping[str, str] | None = None, *, offline: bool = False
) -> tuple[Plan, list[Problem]]:
    """The plan of `file[:name]`, and the warnings; SpecError with every problem where it does not check.

    `offline`: its connections are never used, and need not be resolved.
    """
    found = find(spec, env)
    plan = Compiler(found, env, given or {}, offline=offline).plan()
    problems = found.problems
    if problems.errors or plan is None:
        raise SpecError([*problems.errors, *problems.warnings])
    return plan, problems.warnings


class Compiler:
    """Builds the parts of one plan in the order in which they need each other."""

    def __init__(self, found: Found, env: str, given: Mapping[str, str], *, offline: bool = False) -> None:
        self.found = found
        self.problems = found.problems
        self.doc = found.located.value
        self.env = env
        self._given = given
        self.problems.interpolate = self._secret
        used = used_connections(self.doc)
        self._warn_of_literals(used)
        for part in INTERPOLATES:
            for name, said in (self.doc[part] if isinstance(self.doc.get(part), dict) else {}).items():
                if part == "vars" or name in used:
                    stand_in = offline and part == "connections"
                    made = self._interpolated(said, (part, name), offline=stand_in)
                    self.doc[part] = {**self.doc[part], name: made}
        self.vars = Variables(self.doc.get("vars") or {}, self.problems)
        self.vars.resolve(given)

    def plan(self) -> Plan | None:
        """The plan; None where a part is missing (the problems say which)."""
        source = self._source()
        places = places_of(self.doc, self.problems)
        parser = self._parser(source)
        limits = self._settings("limits", LimitOptions)
        archive = self._settings("archive", ArchiveOptions)
        lookups = self._lookups(reading := Limits() if limits is INVALID else limits.reading)
        steps, steps_doc = build_steps(self._with_mapping(), (), self.found, self.vars.types)
        shape = self._shape(parser, needs_of(plain(steps)), source, reading)
        steps, behind = check_steps(steps, self._scope(shape, lookups), self.problems)
        built = [build_outlet(said, at, self, behind, steps) for at, said in places]
        report = build_reject_report(self.doc.get("rejects"), self)
        self._warn_of_unused(lookups)
        contract = self._contract(behind.node)
        made = {name: lookup for name, (lookup, _) in lookups.items()}
        sinks = named([each for each in built if each], self.problems)
        written = [*sinks, *([report] if report else [])]
        all_steps = [*steps, *(step for each in sinks for step in each.steps)]
        check_slots(source, written, archive, made, self.vars.types, self.problems)
        check_messages(all_steps, self.vars.types, self.problems)
        if INVALID in (source, parser, limits, archive) or not places or None in built:
            return None
        needs = needs_of(plain(steps), [(each.outlet.when, each.outlet.steps) for each in sinks])
        parser = parser.bound(Needs(lists=needs.lists) if report else needs)  # a report shows the whole record
        end = self.end(("source",), source)
        archive_end = self.end(("archive",), archive) if archive.connection else None
        self._refuse_interpolation(steps_doc, sinks)
        check_secrets(self.vars.secret, source, written, archive, made, all_steps, self.problems)
        check_places(source, written, archive, (end, archive_end or end), self.problems)
        check_ends(source, parser, written, archive, self.problems)
        self._warn_of_scope(source, written)
        return Plan(
            name=self.found.name,
            file=self.found.path,
            folder=self.found.folder,
            env=self.env,
            vars=self.vars.values,
            scope=scope_of(self.found.name, self.env, self.vars),
            spec_hash=self._hash(steps_doc, sinks, contract),
            source=source,
            source_end=end,
            parser=parser,
            steps=plain(steps),
            sinks=tuple(each.outlet for each in sinks),
            limits=reading,
            max_rejects=limits.max_rejects,
            max_recovered=limits.max_recovered,
            lookups={name: lookup for name, (lookup, known) in lookups.items() if known.used},
            max_lookup=limits.lookup,
            contract=contract,
            archive=Archive(archive.success, archive.partial, archive.error, archive_end, archive.keep),
            rejects=report and RejectReport(report.outlet, report.said),
            redact=redacted(self.doc.get("rejects"), self.problems),
            state_folder=self.found.state_folder,
            sample=self._sample_path(),
            description=str(self.doc.get("description", "")),
            resolved=self._shown(),
            asked=asked(self.env, self._given, self.vars.secret),
        )

    def _with_mapping(self) -> Mapping[str, Any]:
        """The document with a mapping: where nothing is said, and no sink has steps of its own, all passes through."""
        said = self.doc
        return said if "mapping" in said or "steps" in said else {**said, "mapping": {"pass_through": True}}

    # --- components

    def _component(self, kind: str) -> Any:
        return build_component(kind, self.doc[kind], (kind,), self.problems) if kind in self.doc else INVALID

    def _source(self) -> Any:
        if "source" not in self.doc:
            help = "say where records come from: `source: {type: files, path: ..}`"
            self.problems("S202", (), "`source` is missing in a spec", help)
        return self._component("source")

    def _parser(self, source: Any) -> Any:
        return self._component("parser") if "parser" in self.doc else self.inferred(source, ("source",))

    def inferred(self, source: Any, at: Pointer) -> Any:
        """The parser that a source's path names."""
        if isinstance(source, Stdin):
            help = f"write `parser:`, one of {listed(components('parser'))}"
            self.problems("S202", at, "standard input has no extension that would name its parser", help)
        if not isinstance(source, Files):
            return INVALID
        found = by_suffix("parser", source.path.text)
        if found is None:
            help = f"write `parser:`, one of {listed(components('parser'))}"
            self.problems("S202", (*at, "path"), "the extension names no parser", help)
            return INVALID
        return found

    def _settings(self, key: str, cls: type) -> Any:
        return convert(cls, self.doc.get(key) or {}, (key,), self.problems)

    def end(self, at: Pointer, component: Source | Sink | ArchiveOptions) -> End:
        """Where a source or a sink is; the nameless place is the folder of the file that says it."""
        if own := getattr(component, "end", None):
            return End(own, self.found.state_folder)
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
        if connection is INVALID:  # what its paths may be is not known
            return End(Local(), folder)
        return End(connection, folder, name)

    # --- the steps and their evidence

    def _scope(self, shape: Shape, lookups: Mapping[str, tuple[Lookup, Known]]) -> Scope:
        """What the first step sees."""
        known = {name: each for name, (_, each) in lookups.items()}
        return Scope(shape, vars_shape(self.vars.types), shape, shape, lookups=known)

    def _warn_of_unused(self, lookups: Mapping[str, tuple[Lookup, Known]]) -> None:
        unread = any(problem.code.startswith(UNREAD) for problem in self.problems.found)
        for name, (_, each) in lookups.items():
            if not each.used and not unread and self._is_own(("lookups", name)):
                message, help = f"the lookup `{name}` is never used", "leave it out, or name it: `table: ..`"
                self.problems("M506", ("lookups", name), message, help, key=True, level="warning")

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

    def _shape(self, parser: Any, needs: Needs, source: Any, limits: Limits) -> Shape:
        """What is known of the records; nothing where they cannot be read."""
        if INVALID in (source, parser):
            return Shape()
        sample = self._sample_path()
        if sample and not os.path.isfile(sample):
            name = self.doc["sample"]
            self.problems("S313", ("sample",), f"the sample `{name}` {absent(sample)}", near_file(sample, name))
            return Shape()
        pattern = (
            source.pattern({"vars": self.vars.values}) if isinstance(source, Files) and not source.path.slots else ""
        )
        golden = golden_input(self.found.name, self.found.folder, pattern) if pattern and not sample else ""
        try:
            return shape_of(parser, needs, sample, golden, limits)
        except (EngineError, OSError) as error:
            if sample:
                self._refuse_sample(error)
            return Shape()

    def _refuse_sample(self, error: EngineError | OSError) -> None:
        """The sample cannot be read; where an option of the parser does not fit it, that is pointed at."""
        option = getattr(error, "option", "")
        said = self.doc.get("parser")
        at = ("parser", option) if isinstance(said, dict) and option in said else ("sample",)
        help = (option and getattr(error, "help", "")) or "give one that the parser reads"
        self.problems("S313", at, f"the sample cannot be read: {getattr(error, 'message', error)}", help)

    # --- what binds state

    def _warn_of_scope(self, source: Any, written: Sequence[Any]) -> None:
        ends = (source, *(each.outlet.sink for each in written))
        paths = [end.path for end in ends if hasattr(end, "path")]
        named = {slot.key for path in paths for slot in path.slots if slot.root == "vars"}
        for name in sorted(named & set(self._given) - set(self.vars.scoped)):
            message = f"`{name}` names files, and runs with other values share this one's state"
            self.problems("S308", ("vars", name), message, "declare it with `scope: true`", key=True, level="warning")

    def _hash(self, steps_doc: Any, sinks: Sequence[Built], contract: Contract | None) -> str:
        """Of the steps too, which may be in files of their own, and of the contract."""
        place = "steps" if "steps" in self.doc else "mapping"
        steps = masked(steps_doc, (place,), self.problems.interpolated)
        own = [masked(each.said, (*each.at, "mapping"), self.problems.interpolated) for each in sinks]
        said = {"doc": self._shown(), "mapping": steps, "sinks": own, "vars": self.vars.values}
        return hash_of({**said, "contract": contract.schema} if contract else said)

    def _shown(self) -> dict[str, Any]:
        """The document as it may be shown: without secrets, however they were given."""
        shown: dict[str, Any] = masked(self.doc, (), self.problems.interpolated)
        return {**shown, "vars": dict(self.vars.values)} if self.vars.values else shown

    def _interpolated(self, said: Any, pointer: Pointer, *, offline: bool = False) -> Any:
        return interpolate(said, pointer, self.problems, self.found.folder, offline=offline)

    def _secret(self, text: Any, pointer: Pointer) -> Any:
        """What a secret option holds, however it was given: nothing prints its texts from here on."""
        return hidden(self._interpolated(text, pointer))

    def _warn_of_literals(self, used: Collection[str]) -> None:
        """Passwords that the spec holds itself, which are not shown either."""
        for pointer in dict.fromkeys(option for option, _, _ in literals(self.doc.get("connections"))):
            self.problems.interpolated.add(pointer)
            if pointer[1] in used:
                message = f"the `{pointer[-1]}` of a connection stands in the file itself"
                help = "write `${env:NAME}`, `${file:path}` or `${secret:NAME}`"
                self.problems("A204", pointer, message, help, key=True, level="warning")

    def _refuse_interpolation(self, mapping: Any, sinks: Sequence[Built]) -> None:
        """`${..}` stands in connections, variables and secret options; elsewhere it would be plain text."""
        looked_at = {key: value for key, value in self.doc.items() if key not in INTERPOLATES}
        read = looked_at if "steps" in self.doc else {**looked_at, "mapping": mapping}  # which may be a file's
        own = (place for each in sinks for place in places_of_interpolation(each.said, (*each.at, "mapping")))
        for pointer, match in (*places_of_interpolation(read), *own):
            if pointer not in self.problems.interpolated:
                self.problems("S306", pointer, f"`{match[0]}` stands where nothing is interpolated",
                              "declare a variable with it, and use `$vars.name` or `{vars.name}`",
                              span=(match.start(), len(match[0])))  # fmt: skip
