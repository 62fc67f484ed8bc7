"""From the events of a document to records: what is open, the record that is one of them, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.errors import UnitError
from engine.language.elements import BLANK, SCOPE, Names, Plan, Scope, declared, is_declaration, without_children
from engine.records import Damage, Leaf, Value
from engine.spelling import suggest

Opened = tuple[str, str]
"""An element that is open around the records: its name, and that name as it is written."""


class Element:
    """An element that is open: what is known of it so far."""

    __slots__ = ("attributes", "children", "meanings", "name", "plan", "texts", "value")

    def __init__(self, name: str, plan: Plan) -> None:
        self.name = name
        self.plan = plan
        self.value: dict[str, Value] = {}
        self.texts: list[str] = []
        self.attributes = False
        self.children = False
        self.meanings: dict[str, tuple[str, str]] = {}

    def put(self, name: str, value: Value, *, listed: bool) -> None:
        """Take a child; a second one of its name makes a list."""
        if name not in self.value:
            self.value[name] = [value] if listed else value
        elif isinstance(found := self.value[name], list):
            found.append(value)
        else:
            self.value[name] = [found, value]

    @property
    def has_text(self) -> bool:
        """Whether there is more than white space in it."""
        return any(text.strip(BLANK) for text in self.texts)

    def clashes(self, name: str, meaning: tuple[str, str]) -> bool:
        """Whether a child of that name, and of another namespace, came before."""
        return self.meanings.setdefault(name, meaning) != meaning

    def made(self) -> Value:
        """What it is at its end; its text is kept where it has no child elements."""
        if not self.children:
            return without_children(self.plan, self.value if self.attributes else None, "".join(self.texts))
        for name in self.plan.always:
            self.value.setdefault(name, [])
        return self.value


class Walk:
    """Listens to a document, and makes its records.

    `path` leads from the root to the records; without one the whole document is a record that holds its root. `began`
    is called where a record begins, `ended` with each one where it ends.
    """

    def __init__(self, path: Sequence[str], plan: Plan, names: Names, depth: int) -> None:
        self.path = tuple(path)
        self.open: list[Opened] = []
        """The elements around the record."""
        self.scopes: list[Scope] = [SCOPE]
        self.began: Callable[[], None] = _nothing
        self.ended: Callable[[Value], None] = _nothing
        self.written = ""
        """The name of the latest record as it is written."""
        self.empty = False
        """Whether nothing has come in the record that is open."""
        self.inside = False
        """Whether a record is open."""
        self.damage: Damage | None = None
        self._plan = plan
        self._names = names
        self._depth = depth
        self._elements: list[Element] = []
        self._skipped = 0
        self._around = 0
        self._others: dict[str, dict[str, None]] = {}

    @property
    def _levels(self) -> int:
        """How many elements of the record are open and read; the document itself is none."""
        return len(self._elements) - bool(self._elements and not self.path)

    def start(self, written: str, attributes: Sequence[str]) -> None:
        """A start tag."""
        self.empty = False
        if self._skipped:
            self._skipped += 1
            return
        if not self._names.kept:
            found = declared(attributes)
            self.scopes.append({**self.scopes[-1], **found} if found else self.scopes[-1])
        name = self._names.element(written, self.scopes[-1])
        if self._elements:
            self._child(name, written, attributes)
        elif self.path and not self._leads_here(name):
            self._refuse_other_root(name)
            self._see_other(name)
            self.open.append((name, written))
        else:
            self._record(name, written, attributes)

    def _leads_here(self, name: str) -> bool:
        around = [each for each, _ in self.open]
        return (*around, name) == self.path

    def _refuse_other_root(self, name: str) -> None:
        """A document with another root has no record, which is a mistake of the path or of the file."""
        if not self.open and name != self.path[0]:
            message = f"the root of the document is `{name}`, `record_path` begins at `{self.path[0]}`"
            raise UnitError("R146", message, "mend `record_path`, or say what becomes of prefixes: `namespaces: strip`")

    def _see_other(self, name: str) -> None:
        """Remember what stands where the path goes on with another name."""
        level = len(self.open)
        around = tuple([each for each, _ in self.open])
        if not self.written and around == self.path[:level] and level < len(self.path) and name != self.path[level]:
            self._others.setdefault(self.path[level], {})[name] = None

    def refuse_misspelt(self) -> None:
        """Raise UnitError at the end of a document without records, where what stands there is called nearly so."""
        for wanted, names in self._others.items():
            if not self.written and (near := suggest(wanted, names)):
                message = f"the document has no `{wanted}`, as `record_path` says, but `{near}`"
                raise UnitError("R146", message, "mend `record_path`")

    def _record(self, name: str, written: str, attributes: Sequence[str]) -> None:
        self.began()
        self.written, self.empty, self.inside = written, True, True
        self._around = len(self.scopes) - 1
        if self.path:
            self._enter(Element(name, self._plan), attributes)
        else:
            self._elements.append(Element("", self._plan))
            self._child(name, written, attributes)

    def _child(self, name: str, written: str, attributes: Sequence[str]) -> None:
        around = self._elements[-1]
        around.children = True
        if self._levels > self._depth:
            self.spoil(Damage("R105", f"nested more than {self._depth} levels: raise `limits.depth`"), 1)
        elif around.has_text:
            self.spoil(mixed(around.name, written), 1)
        elif (plan := around.plan.child(name)) is None:
            self._skipped = 1
            del self.scopes[len(self.scopes) - (not self._names.kept) :]
        elif not self._names.kept and around.clashes(name, Names.meaning(written, self.scopes[-1])):
            self.spoil(clash(name), 1)
        else:
            self._enter(Element(name, plan), attributes)

    def _enter(self, element: Element, attributes: Sequence[str]) -> None:
        """Open an element that is read, with its attributes."""
        self._elements.append(element)
        for written, value in zip(attributes[::2], attributes[1::2], strict=True):
            if is_declaration(written):
                continue
            name = "@" + self._names.attribute(written, self.scopes[-1])
            if name in element.value:
                self.spoil(clash(name), 0)
                return
            element.attributes = not element.plan.text
            if element.attributes and element.plan.reads(name):
                element.value[name] = value

    def text(self, data: str) -> None:
        """Some text."""
        self.empty = False
        if self._elements and not self._skipped:
            self._elements[-1].texts.append(data)

    def end(self, written: str) -> None:
        """An end tag."""
        if self._skipped:
            self._skipped -= 1
            if not self._skipped and (self.damage or (not self.path and len(self._elements) == 1)):
                self._finish(self.damage or self._elements[0].made())
        elif self._elements:
            self._close()
        else:
            self.open.pop()
            del self.scopes[len(self.scopes) - (not self._names.kept) :]

    def _close(self) -> None:
        """The end of an element that is read."""
        element = self._elements[-1]
        if element.children and element.has_text:
            self.spoil(mixed(element.name, ""), -1)
            if not self._skipped:
                self._finish(self.damage)
            return
        self._elements.pop()
        del self.scopes[len(self.scopes) - (not self._names.kept) :]
        value = element.made()
        if not self._elements:
            self._finish(dict(value) if type(value) is Leaf else value)
            return
        around = self._elements[-1]
        around.put(element.name, value, listed=element.plan.listed)
        if not self.path and len(self._elements) == 1:
            self._elements = []
            self._finish(around.made())

    def _finish(self, value: Value) -> None:
        """The end of a record."""
        self.ended(value)
        self.inside, self.damage, self._elements = False, None, []
        del self.scopes[self._around + self._names.kept :]

    def spoil(self, damage: Damage, opened: int = 0) -> None:
        """The record cannot be decoded, the rest of it is not read; `opened` says what the event at hand changes."""
        self._skipped += self._levels + opened
        self.damage, self._elements = damage, []


def _nothing(*_: Value) -> None:
    pass


def mixed(name: str, written: str) -> Damage:
    """What is said of text beside elements."""
    where = f"text stands beside `<{written}>`" if written else "text stands behind elements"
    return Damage("R141", f"`<{name}>` is mixed: {where}")


def clash(name: str) -> Damage:
    """What is said of two names that are one without their prefixes."""
    return Damage("R142", f"two namespaces have `{name}`: give them prefixes with `namespaces: {{a: uri}}`")
