"""Components and resolvers by name: declared once, in their own file, found without a list.

A component is one frozen class: its annotated fields are its options, its docstring is its documentation,
its examples are its first tests. A resolver is one function `value -> value`: keyword-only parameters are
its options. From these alone come the schema, the reference page and completion (`engine schema`).
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import (
    Annotated,
    Any,
    Final,
    Protocol,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

KINDS: Final = ("connection", "source", "parser", "step", "formatter", "sink")
ROOMS: Final = ("storage", "sources", "parsers", "steps", "formatters", "sinks", "resolvers")
ENTRY_POINTS: Final = "engine.components"
"""Third parties: an entry point of this group names a module; importing it registers what it declares."""

TYPES: Final = ("text", "int", "decimal", "float", "bool", "date", "instant", "local", "list", "object")
SCALARS: Final = TYPES[:8]
NUMBERS: Final = ("int", "decimal", "float")
REQUIRED: Final = object()


@dataclasses.dataclass(frozen=True)
class Doc:
    """What an option means, beside its type. `min` and `max` bound a number or a length.

    `type` is the option type that reads it, where its annotation is a union of what that gives.
    """

    text: str
    min: int | None = None
    max: int | None = None
    secret: bool = False
    type: Any = None


@dataclasses.dataclass(frozen=True)
class Example:
    """A resolver's example: with these options, this value gives that result, or fails with that code."""

    given: Any
    gives: Any = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    error: str = ""


class OptionType(Protocol):
    """A class that an option's text is turned into: `parse` raises OptionError; `kind` is what docs print."""

    kind: str
    schema: Mapping[str, Any]

    @classmethod
    def parse(cls, value: Any) -> Any:
        """The option's value from what the spec says."""


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a component or a resolver, as declared."""

    parameter: str
    type: Any
    doc: Doc
    default: Any = REQUIRED

    @property
    def name(self) -> str:
        """Its name in specs: a parameter that would be a Python keyword has an underscore behind it."""
        return self.parameter.rstrip("_")

    @property
    def required(self) -> bool:
        """Whether a spec must give it."""
        return self.default is REQUIRED


@dataclasses.dataclass(frozen=True)
class Component:
    """A registered component: its kind, its name in specs, its class, its options, an example as written.

    `keys` are those that a grammar of its own reads (`from_spec`): the schema and the meaning of each.
    """

    kind: str
    name: str
    cls: type
    options: tuple[Option, ...]
    examples: tuple[Mapping[str, Any], ...]
    keys: Mapping[str, tuple[Mapping[str, Any], str]]

    @property
    def doc(self) -> str:
        """Its docstring."""
        return inspect.cleandoc(self.cls.__doc__ or "")


Gives = str | Callable[[Mapping[str, Any], str], str]


@dataclasses.dataclass(frozen=True)
class Resolver:
    """A registered resolver: which types it takes and gives, and whether it sees blank values itself."""

    name: str
    family: str
    function: Callable[..., Any]
    takes: tuple[str, ...]
    gives: Gives
    options: tuple[Option, ...]
    examples: tuple[Example, ...]
    blank: bool
    prepare: Callable[..., Callable[[Any], Any]] | None = None
    contextual: bool = False
    dialect: str = ""
    check: Callable[..., Any] | None = None
    guards: bool = False

    @property
    def doc(self) -> str:
        """Its docstring."""
        return inspect.cleandoc(self.function.__doc__ or "")

    def step(self, options: Mapping[str, Any]) -> Callable[..., Any]:
        """The function with its options: what is called for every value, a contextual one with the frame too."""
        if self.prepare:
            return self.prepare(**options)
        return functools.partial(self.function, **options) if options else self.function

    def result(self, options: Mapping[str, Any], given: str) -> str:
        """The type it gives for a value of type `given` ("any" where that is not known)."""
        return self.gives(options, given) if callable(self.gives) else self.gives


_components: dict[tuple[str, str], Component] = {}
_resolvers: dict[str, Resolver] = {}
_loaded: set[str] = set()

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass_transform(frozen_default=True, kw_only_default=True)
def component(
    name: str,
    kind: str,
    examples: Sequence[Mapping[str, Any]] = (),
    keys: Mapping[str, tuple[Mapping[str, Any], str]] = MappingProxyType({}),
) -> Callable[[C], C]:
    """Declare a component: the class becomes a frozen dataclass, entered under its kind and name."""

    def register(cls: C) -> C:
        made: Any = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        made.type = name
        _refuse_unclear(f"{kind} `{name}`", cls.__module__, cls.__doc__, examples, (kind, name) in _components)
        _components[kind, name] = Component(kind, name, made, tuple(class_options(made)), tuple(examples), keys)
        return made  # type: ignore[no-any-return]

    return register


def resolver(  # noqa: PLR0913 - a declaration says what is not usual, by name
    takes: str | tuple[str, ...],
    gives: Gives,
    examples: Sequence[Example],
    *,
    blank: bool = False,
    prepare: Callable[..., Callable[..., Any]] | None = None,
    contextual: bool = False,
    name: str = "",
    dialect: str = "",
    check: Callable[..., Any] | None = None,
    guards: bool = False,
) -> Callable[[F], F]:
    """Declare a resolver: a function of one value whose keyword-only parameters are its options.

    `prepare` takes the same options and gives a function of the value alone: faster, never another result. A
    `contextual` one is given the frame of the record behind the value. One of a `dialect` is known there only.
    `check` gives the shape of its result where more is known than a type (see `engine/language/calls.py`). One that
    `guards` fails by itself for a type that it does not take, with a RecordError, TypeError or AttributeError.
    """

    def register(function: F) -> F:
        called = name or function.__name__.rstrip("_")
        _refuse_unclear(f"resolver `{called}`", function.__module__, function.__doc__, examples, called in _resolvers)
        accepted = (takes,) if isinstance(takes, str) else takes
        family = function.__module__.rsplit(".", 1)[-1]
        options = tuple(function_options(function))
        _resolvers[called] = Resolver(
            called,
            family,
            function,
            accepted,
            gives,
            options,
            tuple(examples),
            blank,
            prepare,
            contextual,
            dialect,
            check,
            guards,
        )
        return function

    return register


def _refuse_unclear(what: str, module: str, doc: str | None, examples: Sequence[Any], taken: bool) -> None:
    """What would confuse at run time is refused when it is declared."""
    if not doc:
        raise TypeError(f"{what} in {module} has no docstring")
    if not examples:
        raise TypeError(f"{what} in {module} has no example")
    if taken:
        raise TypeError(f"{what} in {module} is declared already")


def class_options(cls: type) -> Iterator[Option]:
    """The options of a component, or of a group of options: its annotated fields."""
    hints = get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if not field.init or field.metadata.get("made"):
            continue
        default = field.default if field.default is not dataclasses.MISSING else REQUIRED
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        yield _option(field.name, hints[field.name], default, cls.__qualname__)


def function_options(function: Callable[..., Any]) -> Iterator[Option]:
    """The options of a resolver: its keyword-only parameters."""
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            default = REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
            yield _option(name, hints[name], default, function.__qualname__)


def _option(name: str, hint: Any, default: Any, owner: str) -> Option:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"option `{name}` of {owner} needs Annotated[type, Doc(...)]")
    declared, *notes = get_args(hint)
    doc = next((note for note in notes if isinstance(note, Doc)), None)
    if doc is None:
        raise TypeError(f"option `{name}` of {owner} has no Doc")
    return Option(name, doc.type or declared, doc, default)


def load() -> None:
    """Import the rooms of this package that declare components."""
    if not _loaded:
        _loaded.update(ROOMS)
        for room in ROOMS:
            package = importlib.import_module(f"engine.{room}")
            for module in pkgutil.iter_modules(package.__path__, f"engine.{room}."):
                importlib.import_module(module.name)


def load_third_party() -> None:
    """Import what installed packages declare; they are looked for only when a name is not ours (45 ms)."""
    if ENTRY_POINTS not in _loaded:
        _loaded.add(ENTRY_POINTS)
        from importlib.metadata import entry_points

        for entry in entry_points(group=ENTRY_POINTS):
            entry.load()


def components(kind: str) -> Mapping[str, Component]:
    """The components of one kind by name, in alphabetical order."""
    load()
    return {name: _components[k, name] for k, name in sorted(_components) if k == kind}


def resolvers() -> Mapping[str, Resolver]:
    """The resolvers of our own dialect by name, in alphabetical order."""
    load()
    return MappingProxyType({name: found for name, found in sorted(_resolvers.items()) if not found.dialect})


def find_component(kind: str, name: str) -> Component | None:
    """The component of that kind and name, ours or a third party's."""
    load()
    if (kind, name) not in _components:
        load_third_party()
    return _components.get((kind, name))


def find_resolver(name: str, dialect: str = "") -> Resolver | None:
    """The resolver of that name, ours or a third party's; one of another dialect only where that is asked for."""
    load()
    if name not in _resolvers:
        load_third_party()
    found = _resolvers.get(name)
    return found if found and found.dialect in ("", dialect) else None


def kind_of(cls: Any) -> str | None:
    """The kind whose abstract class this is (`Parser` is "parser"), None for any other class."""
    return getattr(cls, "component_kind", None)
