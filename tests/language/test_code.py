"""`python`: what the operator allows, what is called and with what, what comes back."""

import json
import pickle
import signal
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from engine import registry
from engine.cli import main
from engine.cli.console import guarded
from engine.errors import Interrupted, OptionError, RecordError, Stop
from engine.language.frames import Context, Frame
from engine.records import MISSING, Digits, Instant
from engine.resolvers import code

SHOP = """
import enum, functools
from engine.errors import Interrupted, Stop
from collections import OrderedDict, namedtuple
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from os import system

class Size(enum.IntEnum):
    S = 1

class Text(str):
    pass

class Loud:
    def __str__(self):
        raise ValueError("no")

class Broken(dict):
    def items(self):
        raise OSError("gone")

class BadZone(timezone.__base__):
    def utcoffset(self, when):
        raise KeyError("zone")

Pair = namedtuple("Pair", "a b")
price = 7
_calls = []

def net(value):
    return value * 2

def currency(value, record):
    return f"{value} {record.get('currency')}"

def optional(value, rate=3):
    return value * rate

def anything(*values, **more):
    return len(values)

def spoil(value, record):
    record["spoilt"] = True
    record["lines"].append(1)
    value.append("x")
    return len(value)

def give(value):
    return {
        "tuple": (1, (2, [3])), "pair": Pair(1, "b"), "ordered": OrderedDict(b=1, a=2), "enum": Size.S, "text": Text("é"),
        "none": None, "true": True, "int": 10**999, "float": 0.1, "decimal": Decimal("1E+2"), "zero": Decimal("-0.0"),
        "day": date(2024, 1, 31), "local": datetime(2024, 1, 31, 10, fold=1),
        "moment": datetime(2024, 1, 31, 10, tzinfo=timezone(timedelta(hours=2))),
        "set": {1}, "bytes": b"a", "object": object(), "nan": float("nan"), "inf": Decimal("-Infinity"), "half": "\\ud800",
        "key": {1: 2}, "half key": {"\\ud800": 1}, "generator": (n for n in ()), "complex": 1j, "long": 10**1000,
        "long decimal": Decimal("1E1001"), "delta": timedelta(1), "broken": Broken(a=1), "zone": datetime(2024, 1, 1, tzinfo=BadZone()),
        "early": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "loud": Loud(), "nested": [{"a": {1}}],
    }[value]

def same(value):
    return value

def kept(value):
    _calls.append(value)
    return _calls

def deep(value):
    made = []
    for _ in range(int(value)):
        made = [made]
    return made

def endless(value):
    made = []
    made.extend([made, made])
    return made

def wide(value):
    return [0] * 1_000_001

def fail(value):
    raise {"key": KeyError("no\\nrate"), "exit": SystemExit(3), "loud": ValueError(Loud()), "memory": MemoryError(),
           "long": ValueError("x" * 1000), "stop": StopIteration(),
           "break": KeyboardInterrupt("enough"), "signal": Stop(), "term": Interrupted.by(15)}[value]

def recurse(value):
    return recurse(value)

def nothing():
    return 1

def three(a, b, c):
    return 1

def named(value, *, rate):
    return 1

async def later(value):
    return 1

partial = functools.partial(net)
"""


@pytest.fixture(autouse=True)
def _modules(tmp_path, monkeypatch):
    (tmp_path / "shop_code.py").write_text(SHOP)
    (tmp_path / "shop_offers.py").write_text("from shop_code import net, currency\n__all__ = ['net']\n")
    (tmp_path / "shop_broken.py").write_text("import not_there_at_all\n")
    (tmp_path / "shop_exits.py").write_text("raise SystemExit(2)\n")
    (tmp_path / "shop_pack").mkdir()
    (tmp_path / "shop_pack/__init__.py").write_text("def top(value):\n    return 1\n")
    (tmp_path / "shop_pack/inner.py").write_text("def low(value):\n    return 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv(code.ENVIRONMENT, raising=False)
    yield
    code.allow(())


def called(name, value, record=MISSING, module="shop_code"):
    code.allow([module])
    function = code.Function.parse(f"{module}:{name}")
    frame = Frame(value if record is MISSING else record, Context({}, {}, {}))
    return registry.resolvers()["python"].step({"function": function})(value, frame)


def refused(name, value=1):
    with pytest.raises(RecordError) as raised:
        called(name, value)
    assert len(raised.value.message) < 200
    assert "\n" not in raised.value.message
    return raised.value.code, raised.value.message


def unusable(text):
    with pytest.raises(OptionError) as raised:
        code.Function.parse(text)
    return raised.value.code, raised.value.message, raised.value.help


def test_examples():
    found = registry.resolvers()["python"]
    for example in found.examples:
        module, _, name = example.options["function"].partition(":")
        if example.error:
            with pytest.raises(RecordError) as raised:
                called(name, example.given, module=module)
            assert raised.value.code == example.error
        else:
            assert called(name, example.given, module=module) == example.gives
    assert found.contextual


def test_a_module_is_allowed_by_its_exact_name_and_imported_only_then(tmp_path, monkeypatch):
    (tmp_path / "shop_loud.py").write_text("raise RuntimeError('imported')\n")
    said = ("A202", "the Python module `shop_loud` is not allowed",
            "if you trust it, run with `--allow-python shop_loud` or set `ENGINE_ALLOW_PYTHON=shop_loud`")  # fmt: skip
    assert unusable("shop_loud:net") == said
    code.allow(["shop", "shop_loud.x", "SHOP_LOUD"])
    assert unusable("shop_loud:net") == said
    code.allow(["shop_pack"])
    assert code.Function.parse("shop_pack:top").call(0) == 1
    assert unusable("shop_pack.inner:low")[0] == "A202"
    assert unusable("os:system")[0] == "A202"
    monkeypatch.setenv(code.ENVIRONMENT, "shop_pack.inner, shop_code,")
    assert code.Function.parse("shop_pack.inner:low").call(0) == 2
    assert code.Function.parse("shop_code:net").call(2) == 4
    assert code.Function.parse("shop_pack:top").call(0) == 1, "the environment adds to the command line"
    code.allow(())
    assert unusable("shop_pack:top")[0] == "A202"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shop_code", "`shop_code` names no function"),
        ("shop_code.net", "`shop_code.net` names no function"),
        (":net", "`:net` names no function"),
        ("shop_code:", "`shop_code:` names no function"),
        ("shop_code:net()", "`shop_code:net()` names no function"),
        ("shop_code:Pair.a", "`shop_code:Pair.a` names no function"),
        ("shop_code:net:x", "`shop_code:net:x` names no function"),
        ("../shop_code:net", "`../shop_code:net` names no function"),
        (".shop_code:net", "`.shop_code:net` names no function"),
        ("", "`` names no function"),
        (7, "`7` names no function"),
        ("shop_code:nte", "the module `shop_code` has no function `nte`"),
        ("shop_code:price", "the module `shop_code` has no function `price`"),
        ("shop_code:system", "`system` is not a function that `shop_code` offers"),
        ("shop_code:timedelta", "`timedelta` is not a function that `shop_code` offers"),
        ("shop_code:partial", "`partial` is not a function that `shop_code` offers"),
        ("shop_offers:currency", "`currency` is not a function that `shop_offers` offers"),
        ("shop_code:nothing", "`shop_code:nothing` takes `()`"),
        ("shop_code:three", "`shop_code:three` takes `(a, b, c)`"),
        ("shop_code:named", "`shop_code:named` takes `(value, *, rate)`"),
        ("shop_code:later", "`shop_code:later` is asynchronous"),
        ("shop_gone:net", "the module `shop_gone` cannot be imported: ModuleNotFoundError: No module named 'shop_gone'"),
        ("shop_broken:net", "the module `shop_broken` cannot be imported: ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("shop_exits:net", "the module `shop_exits` cannot be imported: SystemExit: 2"),
    ],
)  # fmt: skip
def test_functions_that_cannot_be_called(text, message):
    code.allow(["shop_code", "shop_offers", "shop_gone", "shop_broken", "shop_exits", "shop_code.net", ".shop_code"])
    found, said, help = unusable(text)
    assert (found, said) == ("A203", message)
    assert help


def test_the_help_says_what_to_do():
    code.allow(["shop_code", "shop_gone", "shop_broken"])
    assert unusable("shop_gone:net")[2] == "put the folder it is in on PYTHONPATH, or install it"
    assert unusable("shop_broken:net")[2] == "mend the module"
    assert unusable("shop_code:timedelta")[2] == (
        "name it in the module's `__all__`, or allow and write `datetime:timedelta`"
    )


def test_what_a_function_is_given():
    record = {"currency": "EUR", "lines": [1, [2]]}
    assert called("net", Digits("1.10")) == Decimal("2.20")
    assert called("currency", "7", record) == "7 EUR"
    assert called("optional", 2, record) == 6, "a parameter with a default is not the record"
    assert called("anything", 2, record) == 1
    assert called("net", "x", module="shop_offers") == "xx"


def test_nothing_that_is_done_to_a_copy_changes_the_record():
    record = {"lines": [1, {"a": 2}]}
    assert called("spoil", record["lines"], record) == 3
    assert record == {"lines": [1, {"a": 2}]}
    made = called("kept", [1])
    called("kept", [2])
    assert made == [[1]], "what a function keeps is not what it gave"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tuple", [1, [2, [3]]]),
        ("pair", [1, "b"]),
        ("ordered", {"b": 1, "a": 2}),
        ("enum", 1),
        ("text", "é"),
        ("none", None),
        ("true", True),
        ("int", 10**999),
        ("float", 0.1),
        ("decimal", Decimal(100)),
        ("zero", Decimal("0.0")),
        ("day", date(2024, 1, 31)),
        ("local", datetime(2024, 1, 31, 10)),
        ("moment", Instant(2024, 1, 31, 8, tzinfo=UTC)),
    ],
)
def test_what_is_taken_back(name, value):
    made = called("give", name)
    assert made == value
    assert type(made) in (type(value), Digits)
    assert str(made) in (str(value), "2024-01-31 10:00:00+02:00")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("set", "R262", "`shop_code:give` gave set `{1}`, which is no value of the language"),
        ("bytes", "R262", "`shop_code:give` gave bytes `b'a'`, which is no value of the language"),
        ("nested", "R262", "`shop_code:give` gave set `{1}`, which is no value of the language"),
        ("complex", "R262", "`shop_code:give` gave complex `1j`, which is no value of the language"),
        ("delta", "R262", "`shop_code:give` gave timedelta `1 day, 0:00:00`, which is no value of the language"),
        ("nan", "R262", "`shop_code:give` gave `nan`, which is no number that can be counted with"),
        ("inf", "R262", "`shop_code:give` gave `-Infinity`, which is no number that can be counted with"),
        ("half", "R262", "`shop_code:give` gave a text with half a character"),
        ("half key", "R262", "`shop_code:give` gave a text with half a character"),
        ("key", "R262", "`shop_code:give` gave a dict whose key `1` is no text"),
        ("broken", "R262", "`shop_code:give` gave Broken that cannot be read: OSError"),
        ("zone", "R262", "`shop_code:give` gave datetime that cannot be read: KeyError"),
        ("loud", "R262", "`shop_code:give` gave Loud that cannot be read: ValueError"),
        ("long", "R219", None),
        ("long decimal", "R219", None),
        ("early", "R218", "`0001-01-01T00:00:00+14:00` leaves the years 1 to 9999"),
    ],
)
def test_what_is_no_value(name, code, message):
    found, said = refused("give", name)
    assert found == code
    assert message in (None, said)


def test_objects_and_generators_are_no_values():
    assert refused("give", "object")[0] == "R262"
    assert refused("give", "generator")[0] == "R262"


def test_a_result_has_an_end():
    assert called("deep", "200") is not None
    assert refused("deep", "300") == ("R262", "`shop_code:deep` gave more than 256 levels or 1,000,000 values")
    assert refused("endless")[0] == "R262"
    assert refused("wide")[0] == "R262"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("key", r"`shop_code:fail` raised KeyError: 'no\nrate'"),
        ("exit", "`shop_code:fail` raised SystemExit: 3"),
        ("loud", "`shop_code:fail` raised ValueError"),
        ("memory", "`shop_code:fail` raised MemoryError"),
        ("stop", "`shop_code:fail` raised StopIteration"),
        ("long", f"`shop_code:fail` raised ValueError: {'x' * 48}…"),
    ],
)
def test_what_is_raised_rejects_the_record(name, message):
    assert refused("fail", name) == ("R261", message)


@pytest.fixture
def _handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
def test_only_a_signal_ends_the_run():
    guarded(SimpleNamespace(__doc__="", arguments=lambda _: None, run=lambda _: 0), "none", [])
    assert refused("fail", "break") == ("R261", "`shop_code:fail` raised KeyboardInterrupt: enough")
    for name, error in (("signal", Stop), ("term", Interrupted)):
        with pytest.raises(error):
            called("fail", name)
    with pytest.raises(Stop):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("_handlers")
def test_without_the_command_line_each_break_may_be_a_signal():
    with pytest.raises(KeyboardInterrupt):
        called("fail", "break")


def test_functions_of_the_wrong_value_or_without_end():
    assert refused("recurse")[0] == "R261"
    assert refused("fail", "unknown") == ("R261", "`shop_code:fail` raised KeyError: 'unknown'")


def test_a_record_too_deep_to_copy_is_a_reject():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(RecordError) as raised:
        called("same", deep)
    assert raised.value.code == "R105"


def test_only_the_name_travels():
    code.allow(["shop_code"])
    function = code.Function.parse("shop_code:currency")
    code.allow(())
    again = pickle.loads(pickle.dumps(function))  # noqa: S301 - our own
    assert (again.text, again.takes_record, again.call) == (function.text, True, function.call)


def test_a_mapping_calls_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rule = {"source": "price", "resolver": ["decimal", {"type": "python", "function": "shop_code:currency"}]}
    (tmp_path / "map.json").write_text(json.dumps({"fields": {"price": rule}}))
    (tmp_path / "in.csv").write_text("price,currency\n1.10,EUR\n,EUR\n")
    assert main(["map", "map.json", "in.csv"]) == 3
    assert "error[A202]: the Python module `shop_code` is not allowed" in capsys.readouterr().err
    monkeypatch.setenv(code.ENVIRONMENT, "shop_code")
    assert main(["map", "map.json", "in.csv"]) == 0
    assert capsys.readouterr().out == '{"price":"1.10 EUR"}\n{"price":""}\n'
