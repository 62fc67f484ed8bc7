"""Every resolver against its conformance cases, its own examples, and whatever hypothesis finds."""

import json
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import options, registry
from engine.errors import OptionError, RecordError
from engine.records import MISSING, Digits, Instant

CASES = Path(__file__).parents[2] / "fixtures" / "conformance" / "resolvers"
FAMILIES = ("text", "digest", "number", "truth", "time", "structure")
KNOWN = {*registry.TYPES, "any"}
READ = {
    "$decimal": Digits,
    "$float": float,
    "$date": date.fromisoformat,
    "$instant": Instant.fromisoformat,
    "$local": datetime.fromisoformat,
    "$missing": lambda _: MISSING,
    "$repeat": lambda said: "".join(text * count for text, count in said),
    "$int": lambda said: int("".join(text * count for text, count in said)),
}
TOTAL = {  # resolvers that refuse no value of the types they take
    *("trim", "upper", "lower", "title", "squeeze", "slug", "strip_tags", "split", "slice", "truncate"),
    *("normalize", "mask", "hash", "hmac", "uuid5", "epoch"),
    *("list", "first", "last", "unique", "flatten", "pick", "drop", "length", "null_if"),
}
DIGESTS = {
    "hash",
    "hmac",
    "uuid5",
    "base64",
    "epoch",
    "float",
    "slice",
    "band",
    *("json", "to_json", "first", "last", "count", "length"),
}  # theirs is never the same by rule


class Strict:
    """Takes problems of options by raising them."""

    def __call__(self, code, pointer, message, help="", **rest):
        raise OptionError(code, message, help)

    def secret(self, text, pointer):
        return text

    def broken(self, pointer):
        return False


def untag(value):
    if isinstance(value, list):
        return [untag(item) for item in value]
    if isinstance(value, dict) and len(value) == 1 and (tag := next(iter(value))) in READ:
        return READ[tag](value[tag])
    return {key: untag(item) for key, item in value.items()} if isinstance(value, dict) else value


def ready(name, **written):
    """The resolver as a function of one value, its options read as from a spec."""
    found = registry.resolvers()[name]
    assert set(written) <= {option.name for option in found.options}
    return partial(found.function, **options.build(found.options, written, (), Strict()))


def look(value):
    """What has to be equal: the type, the digits of a number, the offset of a moment."""
    if isinstance(value, list):
        return [look(item) for item in value]
    if isinstance(value, dict):
        return [(key, look(item)) for key, item in value.items()]
    kind = next(k for k in (bool, int, float, Decimal, Instant, datetime, date, object) if isinstance(value, k))
    if kind is Decimal:
        return kind, getattr(value, "text", str(value))
    return kind, value.isoformat() if isinstance(value, date) else repr(value)


def outcome(function, value):
    try:
        return "result", look(function(value))
    except RecordError as error:
        return ("error", error.code) if len(error.message) < 300 else error.message


def groups():
    for path in sorted(CASES.glob("*.json")):
        for number, group in enumerate(json.loads(path.read_text("utf-8"))):
            yield pytest.param(group, id=f"{path.stem}-{number}")


def of_families():
    return [r for r in registry.resolvers().values() if r.family in FAMILIES or r.name == "null_if"]


@pytest.mark.parametrize("group", list(groups()))
def test_conformance(group):
    name, *_ = group["resolver"].values()
    written = {key: untag(value) for key, value in group["resolver"].items() if key != "type"}
    function = ready(name, **written)
    for case in group["cases"]:
        expected = ("error", case["error"]) if "error" in case else ("result", look(untag(case["result"])))
        assert outcome(function, untag(case["given"])) == expected, case


def test_examples():
    seen = 0
    for resolver in of_families():
        assert len(resolver.examples) > 1, resolver.name
        for example in resolver.examples:
            function = ready(resolver.name, **example.options)
            expected = ("error", example.error) if example.error else ("result", look(example.gives))
            assert outcome(function, example.given) == expected, (resolver.name, example)
            seen += 1
    assert seen > 80


def test_every_resolver_has_cases_that_change_that_stay_and_that_are_refused():
    seen = defaultdict(set)
    for path in CASES.glob("*.json"):
        for group in json.loads(path.read_text("utf-8")):
            for case in group["cases"]:
                same = case.get("result", MISSING) == case["given"]
                seen[path.stem].add("refused" if "error" in case else "same" if same else "changed")
    for resolver in of_families():
        needed = {"changed", "same", "refused"}
        needed -= {"refused"} if resolver.name in TOTAL else set()
        needed -= {"same"} if resolver.name in DIGESTS | {"split", "join", "extract", "xml"} else set()
        assert needed <= seen[resolver.name], resolver.name


def test_what_is_given_and_taken_are_types_of_the_language():
    for resolver in of_families():
        assert set(resolver.takes) <= KNOWN
        for kind in resolver.takes:
            assert resolver.result({}, kind) in KNOWN
        options.object_schema(resolver.options)


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
VALUES = {
    "text": st.text()
    | st.from_regex(r"[+-]?[0-9_ .,eE]{1,20}", fullmatch=True)
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}(Z|[+-][0-9:]{4,6})?", fullmatch=True)
    | st.text("<>!-/abc \"'&=+", max_size=40),
    "int": st.integers() | st.integers(-(10**1200), 10**1200) | st.integers(0, 10**4000),
    "decimal": st.decimals() | st.decimals(allow_nan=False).map(lambda d: d.scaleb(900)) | st.sampled_from(
        [Decimal("1E999999"), Decimal("-1E-999999"), Decimal("0E999999"), Digits("1E400"), Decimal("sNaN")]),
    "float": st.floats(),
    "bool": st.booleans(),
    "date": st.dates(),
    "local": st.datetimes(),
    "instant": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS).map(
        lambda time: Instant.combine(time.date(), time.timetz())),
    "list": st.lists(st.none() | st.text() | st.integers(0, 10**2000) | st.lists(st.text())),
}  # fmt: skip
SCALARS = st.none() | st.one_of([VALUES[name] for name in registry.SCALARS])
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner), max_leaves=12
)
VALUES["list"] |= st.lists(TREES) | st.one_of([st.lists(VALUES[name]) for name in registry.SCALARS])
VALUES["object"] = st.dictionaries(st.text(max_size=3), TREES)
VALUES["any"] = TREES
NEEDED = {
    "replace": [{"pattern": "x*|[a-c]", "to": "-\\0"}, {"pattern": "\\B|(é)", "to": "\\1"}],
    "extract": [{"pattern": "(\\pL+)?."}],
    "split": [{"by": "-"}, {"by": " ", "take": 1, "trim": True}],
    "join": [{"by": ", "}],
    "pad": [{"width": 12}],
    "truncate": [{"length": 3}],
    "hmac": [{"key": "k"}],
    "uuid5": [{"namespace": "url"}],
    "clamp": [{"min": Decimal("0.1"), "max": 7}, {"max": Decimal("1E400")}],
    "band": [{"below": {"0.5": "a"}}],
    "slug": [{}],
    "decimal": [
        {},
        {"exponent": True},
        {"places": 2, "rounding": "half_up"},
        {"decimal_separator": ",", "group_separator": "."},
    ],
    "round": [{}, {"places": 1000}],
    "base64": [{}, {"decode": True}],
    "bool": [{}, {"true": ["a"], "false": ["b"]}],
    "date": [{}, {"zone": "America/New_York"}, {"format": "%d/%m/%y"}, {"format": "epoch", "zone": "UTC"}],
    "instant": [
        {"zone": "Europe/Berlin"},
        {"format": "epoch", "unit": "us"},
        {"zone": "UTC", "truncate": True},
    ],
    "format_date": [
        {"to": "%A %d %B %Y %I %p %j %L"},
        {"to": "%:z", "zone": "Pacific/Apia"},
        {"to": "iso8601", "zone": "+14:00"},
        {"to": "epoch", "zone": "UTC"},
    ],
    "sort": [{}, {"by": "-@"}, {"by": ["a", "-b.c", "[0]"]}],
    "pick": [{"keys": ["a", ""]}],
    "drop": [{"keys": "a"}],
    "null_if": [{"values": ["0", "2024-01-31", "1e999999"]}, {"values": [0, True, ".5"]}],
    "shift": [{"months": 1}, {"years": -2000}, {"days": 10**15}, {"seconds": 86400}],
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [pytest.param(r.name, kind, id=f"{r.name}-{kind}") for r in of_families() for kind in r.takes],
)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_no_value_of_a_taken_type_raises_anything_but_a_record_error(name, kind, data):
    value = data.draw(VALUES[kind])
    for written in NEEDED.get(name, [{}]):
        outcome(ready(name, **written), value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_decimals_leave_in_plain_digits_and_unchanged(number):
    made = ready("decimal")(number)
    assert made == number
    assert "E" not in (getattr(made, "text", None) or str(made))
    assert ready("text")(made).lstrip("-").replace(".", "", 1).isdigit()


@given(st.text())
def test_resolvers_that_tidy_do_nothing_the_second_time(text):
    for name in ("trim", "squeeze", "slug", "normalize", "upper", "title"):
        function = ready(name)
        once = function(text)
        assert function(once) == once or name in ("upper", "title"), name


def test_a_decimal_context_of_the_thread_changes_nothing():
    from decimal import localcontext

    with localcontext() as context:
        context.prec = 3
        assert str(ready("decimal")("123456.789")) == "123456.789"
        assert str(ready("decimal", places=2)("123456.78")) == "123456.78"
        assert str(ready("round", places=1)(Decimal("123456.78"))) == "123456.8"
        assert ready("floor")(Decimal("123456.78")) == 123456
        assert str(ready("abs")(Decimal("-123456.78"))) == "123456.78"
        assert ready("int")(Decimal(123456789)) == 123456789


def test_long_texts_take_linear_time():
    hostile = [
        "<" * 500_000,
        "<a" * 300_000,
        "<!--" * 200_000,
        " " * 500_000 + "x",
        "9" * 500_000,
        "1." * 300_000,
    ]
    names = (
        "strip_tags",
        "squeeze",
        "trim",
        "title",
        "slug",
        "int",
        "decimal",
        "float",
        "date",
        "instant",
        "bool",
    )
    started = perf_counter()
    for text in hostile:
        for name in names:
            outcome(ready(name), text)
    assert perf_counter() - started < 20


@given(st.lists(TREES))
def test_unique_keeps_the_first_of_each_and_nothing_else(items):
    function = ready("unique")
    once = function(items)
    assert function([*once, *items]) == once
    assert all(any(item is kept for item in items) for kept in once)


@given(st.lists(st.none() | st.integers() | st.decimals(allow_nan=False) | st.floats(allow_nan=False)))
def test_sort_orders_numbers_and_is_stable(items):
    there = [item for item in items if item is not None]
    exact = [Decimal(repr(item)) if isinstance(item, float) else Decimal(item) for item in there]
    places = sorted(range(len(there)), key=exact.__getitem__)
    assert look(ready("sort")(items)) == look([*(there[i] for i in places), *[None] * (len(items) - len(there))])
    assert look(ready("sort")(ready("sort")(items))) == look(ready("sort")(items))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_reads_what_to_json_writes(value):
    assert look(ready("json")(ready("to_json")(value))) == look(value)


def test_lists_of_a_million_and_hostile_ones_take_linear_time():
    prime = 2**61 - 1  # Python's hash of a number is its rest by this
    million = list(range(1_000_000))
    started = perf_counter()
    assert ready("unique")([n * prime for n in range(100_000)])[-1] == 99_999 * prime
    assert len(ready("unique")([Decimal(n * prime) for n in range(100_000)])) == 100_000
    assert ready("unique")(million * 2) == million
    assert ready("sort")(million[::-1]) == million
    assert ready("flatten")([[n] for n in million]) == million
    assert len(ready("sort")([Decimal(n) if n % 2 else 10**900 + n for n in range(20_000)])) == 20_000
    assert perf_counter() - started < 20


def test_what_nests_too_deeply_is_a_reject():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    for name in ("unique", "to_json"):
        assert outcome(ready(name), [deep]) == ("error", "R105")


@pytest.mark.parametrize("value", [10**4300, [10**5000]], ids=["one", "inside"])
def test_what_json_cannot_hold(value):
    assert outcome(ready("to_json"), value) == ("error", "R224")


def test_what_was_given_is_not_changed():
    items = [[3], [1], [2], [1]]
    for name, written in (("sort", {"by": "[0]"}), ("unique", {}), ("flatten", {})):
        assert ready(name, **written)(items) is not items
    assert items == [[3], [1], [2], [1]]
    value = {"a": 1, "b": 2}
    ready("pick", keys="a")(value)
    ready("drop", keys="a")(value)
    assert value == {"a": 1, "b": 2}


def test_the_secret_of_hmac_may_come_wrapped():
    class Secret:
        def reveal(self):
            return "Jefe"

    function = registry.resolvers()["hmac"].function
    assert function("what do ya want for nothing?", key=Secret()).startswith("5bdcc146")
    assert next(o for o in registry.resolvers()["hmac"].options if o.name == "key").doc.secret


@pytest.mark.parametrize(
    ("name", "written", "code"),
    [
        ("replace", {"pattern": "(", "to": ""}, "M306"),
        ("replace", {"pattern": "a", "to": r"\n"}, "M306"),
        ("date", {"format": "%Q"}, "M307"),
        ("date", {"zone": "Mars/Base"}, "M314"),
        ("band", {"below": {"ten": "LOW"}}, "M309"),
        ("band", {"below": {"1": "LOW", "1.0": "HIGH"}}, "M309"),
        ("split", {"by": ",", "take": "middle"}, "M310"),
        ("split", {"by": ",", "take": -1}, "M310"),
        ("uuid5", {"namespace": "shop"}, "M311"),
        ("sort", {"by": ""}, "M201"),
        ("sort", {"by": "-"}, "M201"),
        ("sort", {"by": []}, "M201"),
        ("sort", {"by": 5}, "M201"),
        ("sort", {"by": ["a", None]}, "M201"),
        ("sort", {"by": "a[*].b"}, "M201"),
        ("sort", {"by": "$vars.key"}, "M201"),
        ("sort", {"by": "-a, b"}, "M201"),
        ("sort", {"by": ["a", "$key"]}, "M202"),
        ("sort", {"by": ["a", "b..c"]}, "M201"),
        ("null_if", {"values": ["a", ""]}, "M305"),
        ("null_if", {"values": [None]}, "M305"),
        ("null_if", {"values": [["a"]]}, "M305"),
        ("null_if", {"values": "$vars.none"}, "M105"),
        ("date", {"format": "%-d%-m%Y"}, "M307"),
        ("uuid5", {"namespace": "g2345678-1234-5678-1234-567812345678"}, "M311"),
    ],
)
def test_options_that_do_not_parse(name, written, code):
    with pytest.raises(OptionError) as raised:
        ready(name, **written)
    assert raised.value.code == code
    assert raised.value.help


@pytest.mark.parametrize(
    ("name", "written", "value", "message"),
    [
        ("int", {}, "N/A", "`N/A` is not a whole number"),
        ("int", {}, Digits("1.5"), "`1.5` has a fraction: round it first, or use decimal"),
        ("int", {}, "x" * 61, f"`{'x' * 60}…` is not a whole number"),
        ("int", {}, True, "`true` is not a number"),
        ("decimal", {}, "1e5", "`1e5` has an exponent: say `exponent: true` to take it"),
        ("decimal", {"places": 2}, "1.234", "`1.234` has more than 2 places: say `rounding`"),
        (
            "bool",
            {"true": ["J"], "false": ["N"]},
            "x",
            "`x` is neither true nor false: it has to be one of J, N",
        ),
        (
            "date",
            {},
            "2024-01-31T10:00:00Z",
            "`2024-01-31T10:00:00Z` is a moment: say the `zone` to take its day in",
        ),
        ("json", {}, "{'a': 1}", "`{'a': 1}` is not JSON: object keys must be strings (byte 1)"),
        ("json", {}, "[" * 600, f"`{'[' * 60}…` nests more than 256 levels"),
        ("json", {}, "\ud800", "half a character is not JSON"),
        ("to_json", {}, "\ud800", "half a character cannot be written as JSON"),
        ("sort", {}, ["M", 38], "text `M` and number `38` have no order: convert them first"),
        ("sort", {}, [{"n": 1}], 'object `{"n": 1}` has no order: say what to sort `by`'),
        ("sort", {"by": "-n"}, ["a"], "`by: -n` is asked of text `a`: leave `by` out"),
        ("count", {}, "a", "`count` takes list or object, found text `a`"),
        (
            "date",
            {"format": "%d/%m/%Y"},
            "1/2/2024",
            "`1/2/2024` is not a time written as `%d/%m/%Y`: say `%-d/%-m/%Y`",
        ),
        ("date", {"format": "%d/%m/%Y"}, "1/2/24", "`1/2/24` is not a time written as `%d/%m/%Y`"),
        ("instant", {}, "2024-01-31", "`2024-01-31` is a day: say its `zone` to make it a moment"),
        (
            "instant",
            {"zone": "Europe/Berlin"},
            "2024-10-27T02:30:00",
            "`2024-10-27 02:30:00` happened twice in Europe/Berlin, where clocks changed: say `ambiguous: earlier` or `later`",
        ),
    ],
)
def test_messages(name, written, value, message):
    with pytest.raises(RecordError) as raised:
        ready(name, **written)(value)
    assert raised.value.message == message
