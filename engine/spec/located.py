"""Several files as one document: each part remembers the file and the place it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from engine.options import Pointer
from engine.spec.document import Document
from engine.spec.problems import Problem, at_key, at_mark, at_value, inside

Origin = tuple[Document, Pointer]

TELLING: Final = 4
"""From so many characters on a secret is hidden wherever a line holds it."""


class Located:
    """A merged document. `base` is the file that a place belongs to when no other part says otherwise."""

    def __init__(self, base: Document, value: dict[str, Any], start: Pointer = ()) -> None:
        self.base = base
        self.value = value
        self._origins: dict[Pointer, Origin] = {(): (base, start)}

    def graft(self, pointer: Pointer, document: Document, at: Pointer = ()) -> None:
        """What stands at `pointer` came from this place of that file."""
        self._origins[pointer] = (document, at)

    def origin(self, pointer: Pointer) -> Origin:
        """The file and the place in it that a pointer into the merged document leads to."""
        for size in range(len(pointer), -1, -1):
            if found := self._origins.get(pointer[:size]):
                document, at = found
                return document, (*at, *pointer[size:])
        return self.base, pointer

    def lay_under(self, document: Document, at: Pointer, value: Mapping[str, Any], pointer: Pointer = ()) -> None:
        """Add what is not said yet; maps merge, a map with another `type` and everything else stay as they are."""
        mine = self._at(pointer)
        for key, given in value.items():
            place = (*pointer, key)
            if key not in mine:
                mine[key] = given
                self.graft(place, document, (*at, key))
            elif _merges(mine[key], given):
                mine[key] = dict(mine[key])
                self.lay_under(document, (*at, key), given, place)

    def _at(self, pointer: Pointer) -> dict[str, Any]:
        node: Any = self.value
        for step in pointer:
            node = node[step]
        return node  # type: ignore[no-any-return]


def _merges(mine: Any, given: Any) -> bool:
    if not isinstance(mine, dict) or not isinstance(given, dict):
        return False
    return mine.get("type", given.get("type")) == given.get("type", mine.get("type"))


class Problems:
    """Collects the problems of a merged document; this is the Report that the compiler's stages are given."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.found: list[Problem] = []
        self._broken: set[Pointer] = set()
        self.interpolated: set[Pointer] = set()
        self.interpolate: Callable[[Any, Pointer], Any] = lambda value, pointer: value

    def __call__(
        self,
        code: str,
        pointer: Pointer,
        message: str,
        help: str = "",
        *,
        span: tuple[int, int] | None = None,
        key: bool = False,
        seen: str = "",
        level: str = "error",
    ) -> None:
        """Take one problem."""
        document, at = self.located.origin(pointer)
        more: dict[str, Any] = {"help": help, "seen": seen, "level": level, "where": _where(pointer)}
        if code == "E103" and (cut := _cut_short(document, at)):
            problem = at_mark(document, cut.mark, cut.code, cut.message, **{**more, "help": cut.help})
        elif key:
            problem = at_key(document, at, code, message, **more)
        elif span:
            problem = inside(document, at, span, code, message, **more)
        else:
            problem = at_value(document, at, code, message, **more)
        self._add(replace(problem, source="") if self._is_hidden(pointer) else problem)

    def misread(self, pointer: Pointer, said: Mapping[str, Any]) -> bool:
        """Whether a key of the map is a part of a text that YAML took apart; that is taken as a problem."""
        from engine.spec.misread import taken_apart  # only where something is wrong

        document, at = self.located.origin(pointer)
        found = None if self._is_hidden(pointer) else taken_apart(document, at, said)
        if found:
            mark, code, message, help = found
            self._add(at_mark(document, mark, code, message, help=help, where=_where(pointer)))
        return found is not None

    def _add(self, problem: Problem) -> None:
        if problem.source and any(self._shows(problem, at, text) for at, text in self._literals()):
            problem = replace(problem, source="")
        if problem not in self.found:
            self.found.append(problem)

    def _literals(self) -> Iterator[tuple[Pointer, str]]:
        """The secrets that the document holds itself, with their places."""
        from engine.spec.secrets import defaults, literals  # only where something is wrong

        value = self.located.value
        yield from defaults(value.get("vars"))
        yield from ((at, text) for _, at, text in literals(value.get("connections")))

    def _shows(self, problem: Problem, pointer: Pointer, text: str) -> bool:
        """Whether its line shows a secret: anywhere, or one so short that every line may hold it, where it stands."""
        if len(text) >= TELLING:
            return text in problem.source
        document, at = self.located.origin(pointer)
        first = document.value_mark(at).line
        last = first if text in document.line(first) else first + 1 + text.count("\n")  # below a `|`
        return problem.file == document.path and first <= problem.line <= last

    def _is_hidden(self, pointer: Pointer) -> bool:
        """Whether it is part of a variable that is secret: no line of its text is shown."""
        declared = self.located.value.get("vars") if pointer[:1] == ("vars",) and len(pointer) > 1 else None
        variable = declared.get(pointer[1]) if isinstance(declared, Mapping) else None
        return isinstance(variable, Mapping) and bool(variable.get("secret"))

    def secret(self, text: Any, pointer: Pointer) -> Any:
        """The text of a secret option, with what `${..}` names in place of it."""
        self.interpolated.add(pointer)
        return self.interpolate(text, pointer)

    def mark_broken(self, pointers: Iterable[Pointer]) -> None:
        """The schema refused these places."""
        self._broken.update(pointers)

    def broken(self, pointer: Pointer) -> bool:
        """Whether the schema refused this place, or a direct member of it."""
        return any(each[: len(pointer)] == pointer and len(each) - len(pointer) <= 1 for each in self._broken)

    def refused(self, pointer: Pointer) -> bool:
        """Whether the schema refused this place itself."""
        return pointer in self._broken

    @property
    def errors(self) -> list[Problem]:
        """Those that keep the spec from running, in the order of the files."""
        return sorted((p for p in self.found if p.level == "error"), key=lambda p: p.order)

    @property
    def warnings(self) -> list[Problem]:
        """Those that do not."""
        return sorted((p for p in self.found if p.level == "warning"), key=lambda p: p.order)


def _cut_short(document: Document, at: Pointer) -> Any:
    from engine.spec.misread import cut_short  # only where something is wrong

    return cut_short(document, at)


def _where(pointer: Pointer) -> str:
    """The field that a place belongs to, in words."""
    names = [
        str(pointer[i + 1]) for i, step in enumerate(pointer[:-1]) if step in ("fields", "pairs") and pointer[i + 1]
    ]
    return f"field `{'.'.join(names)}`" if names else ""
