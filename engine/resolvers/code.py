"""The family of code: functions of a module that the operator allows, by name.

A spec alone runs no code. The command line's `--allow-python MODULE`, or `ENGINE_ALLOW_PYTHON=a,b.c` in the
environment, names the modules, each exactly: `shop` does not allow `shop.prices`. Nothing is imported before.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Annotated, Any, Final

from engine.errors import Interrupted, OptionError, RecordError, Stop
from engine.language.frames import Frame
from engine.records import Value
from engine.registry import Doc, Example, resolver
from engine.resolvers._foreign import copied, taken
from engine.spelling import describe, show

ENVIRONMENT: Final = "ENGINE_ALLOW_PYTHON"

_named: set[str] = set()


def allow(modules: Iterable[str]) -> None:
    """Let specs call the functions of these modules, and of those in the environment, in this process."""
    _named.clear()
    _named.update(modules)


def allowed() -> frozenset[str]:
    """The modules that specs may name."""
    return frozenset(_named).union(filter(None, map(str.strip, os.environ.get(ENVIRONMENT, "").split(","))))


class Function:
    """A function as a spec names it, `module:name`; what it is given is its parameters: the value, then the record.

    Only its name travels between processes; a process that gets it trusts the one that checked it.
    """

    kind = "module:name"
    schema: Final = {"type": "string", "minLength": 1}
    __slots__ = ("call", "takes_record", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.call = _imported(text)
        self.takes_record = _takes_record(self.call, text)

    def __reduce__(self) -> Any:
        return type(self), (self.text,)

    @classmethod
    def parse(cls, value: Any) -> Function:
        """The function, imported where the operator allows its module."""
        module, _, name = str(value).partition(":")
        if not (name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
            raise OptionError(
                "A203", f"{show(value)} names no function", "write `module:name`, as in `shop.prices:net`"
            )
        if module not in allowed():
            help = f"if you trust it, run with `--allow-python {module}` or set `{ENVIRONMENT}={module}`"
            raise OptionError("A202", f"the Python module `{module}` is not allowed", help)
        return cls(str(value))


def _imported(text: str) -> Callable[..., Any]:
    """The function of that name, from a module that is imported now."""
    module, _, name = text.partition(":")
    try:
        home = importlib.import_module(module)
        found = getattr(home, name, None)
    except (Exception, SystemExit) as error:  # whatever a module does while it is imported
        gone = isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")
        help = "put the folder it is in on PYTHONPATH, or install it" if gone else "mend the module"
        raise OptionError("A203", f"the module `{module}` cannot be imported: {_said(error)}", help) from error
    if not callable(found):
        raise OptionError("A203", f"the module `{module}` has no function `{name}`", "name one that it defines")
    return _offered(found, home, name)


def _offered(found: Callable[..., Any], home: ModuleType, name: str) -> Callable[..., Any]:
    """What a module imports for itself is not for specs, else `--allow-python shop` could mean `os.system`."""
    public, origin = getattr(home, "__all__", None), getattr(found, "__module__", home.__name__)
    if (origin == home.__name__) if public is None else (name in public):
        return found
    help = f"name it in the module's `__all__`, or allow and write `{origin}:{name}`"
    raise OptionError("A203", f"`{name}` is not a function that `{home.__name__}` offers", help)


def _takes_record(call: Callable[..., Any], text: str) -> bool:
    """Whether it needs two arguments; one that needs none or more than two cannot be called."""
    if inspect.iscoroutinefunction(call):
        raise OptionError("A203", f"`{text}` is asynchronous", "write `def` instead of `async def`")
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # some functions written in C do not tell
        return False
    for count in (1, 2):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count == 2
    help = "it is called with `(value)` or `(value, record)`; other parameters need defaults"
    raise OptionError("A203", f"`{text}` takes `{signature}`", help)


def _said(error: BaseException) -> str:
    """An exception of somebody else's code, on one line."""
    try:
        return describe(": ".join(filter(None, (type(error).__name__, str(error)))))
    except Exception:  # noqa: BLE001 - its `__str__` is somebody else's code too
        return type(error).__name__


def _is_signal(error: BaseException) -> bool:
    """Whether a signal ended the call; under Python's own handler each KeyboardInterrupt may come from one."""
    untold = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return isinstance(error, Interrupted | Stop | KeyboardInterrupt if untold else Interrupted | Stop)


@resolver(
    takes="any",
    gives="any",
    contextual=True,
    examples=[
        Example("a &amp; b", "a & b", options={"function": "html:unescape"}),
        Example("a b", "a%20b", options={"function": "urllib.parse:quote"}),
        Example("x", error="R261", options={"function": "math:sqrt"}),
    ],
)
def python(
    value: Value, frame: Frame, *, function: Annotated[Function, Doc("The function, as `module:name`.")]
) -> Value:
    """What a Python function makes of the value; the operator has to allow its module.

    A function that needs two arguments is given the record too (as it enters the step). Both are copies, so
    whatever it does to them changes nothing. What it raises rejects the record. It gives a value of the language:
    text, numbers, times, `None` for null, lists, dicts with text keys; a tuple becomes a list, a `datetime` with
    zone a moment and one without a local time. It should be pure: resolvers may be called again for a record.
    """
    given = (copied(value), copied(frame.record)) if function.takes_record else (copied(value),)
    try:
        made = function.call(*given)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # whatever it does, one record fails
        if _is_signal(error):
            raise
        raise RecordError("R261", f"`{function.text}` raised {_said(error)}", value) from error
    return taken(made, function.text)
