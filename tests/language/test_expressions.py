"""Expressions beyond their conformance cases: hard inputs, places and texts of errors, laziness, what plans ask of them."""

import copy
import decimal
import importlib.util
import pickle
import sys
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import pytest

from engine.catalogue import catalogue
from engine.errors import OptionError, RecordError
from engine.language.expressions import Condition, Expression, condition_shape, decider, evaluator, expression_shape
from engine.language.expressions.functions import EVALUATED, FUNCTIONS
from engine.language.frames import Context, Frame
from engine.language.scopes import Scope
from engine.language.shapes import ANY, of_records, of_texts
from engine.records import MISSING, Digits, Instant
from engine.registry import resolvers

RUN = {"id": "run-1", "started_at": Instant(2026, 1, 15, tzinfo=UTC)}


def frame(record):
    return Frame(record, Context({}, RUN, {}))


def value(text, record=None):
    return evaluator(Expression.parse("=" + text))(frame(record or {}))


def refusal(text, kind=Expression):
    """The error of a text that does not parse, with what its carets show."""
    with pytest.raises(OptionError) as raised:
        kind.parse(text)
    error = raised.value
    start, length = error.span or (0, 0)
    return error.code, text[start : start + length], error.message, error.help


def reject(text, record=None):
    with pytest.raises(RecordError) as raised:
        value(text, record)
    return raised.value.code, raised.value.message


class Report:
    def __init__(self):
        self.found = []

    def __call__(self, code, pointer, message, help="", *, span=None, key=False, seen="", level="error"):
        self.found.append((code, span, message, help))

    def broken(self, pointer):
        return False

    refused = broken


def problems(text, shape, kind=Expression):
    """What check says of a text: code, what the carets show, message, help."""
    made = kind.parse(text)
    report = Report()
    (condition_shape if kind is Condition else expression_shape)(made, ("f",), Scope(shape, ANY, shape, shape), report)
    return [(code, text[span[0] : sum(span)], message, help) for code, span, message, help in report.found]


# --- hard inputs --------------------------------------------------------------------------------------------

HARD = {
    "100,000 operators": "1" + "+1" * 100_000,
    "4,096 brackets": "(" * 4_096,
    "4,094 brackets closed": "(" * 2_047 + "1" + ")" * 2_047,
    "4,000 minus": "-" * 4_000 + "1",
    "1,000 not": "not " * 1_000 + "true",
    "a class": "().__class__",
    "a class of a name": "x.__class__.__mro__",
    "powers": "9**9**9",
    "a chain of ifs": "1 if a else " * 340 + "2",
    "a chain of comparisons": "a<" * 2_000 + "a",
    "nested lists": "[" * 2_000 + "]" * 2_000,
    "nested calls": "upper(" * 600 + "x" + ")" * 600,
    "nested loops": "sum(" * 100 + "i" + " for i in x)" * 100,
    "alternating": "(-" * 1_000 + "1" + ")" * 1_000,
    "not and brackets": "not (" * 700 + "true" + ")" * 700,
    "ands in ors": "a and b or " * 370 + "c",
    "open text": '"' * 4_001,
    "backslashes": '"' + "\\" * 4_001,
    "escapes": '"' + "\\u0041" * 680 + '"',
    "dots": "a" + ".a" * 2_000,
    "indexes": "a" + "[0]" * 1_300,
    "dashes": "a" + "-a" * 2_000,
    "a number": "9" * 4_000,
    "a fraction": "0." + "9" * 4_000,
    "a name": "x" * 4_000,
    "folds": "ﬁ",
    "folds too": "ª",
    "a folded keyword": "𝐧𝐨𝐭 a",
    "a folded call": "𝐢𝐧𝐭(a)",
    "half a character": "a\ud800",
    "half a character in a text": '"\udfff"',
    "NUL": "a\0",
    "NUL in a text": '"\0"',
    "emoji": "😀 + 1",
    "right to left": "\u202ea + b",
    "a soft hyphen": "a\u00adb",
    "other digits": "\u0663 + 1",
    "a dunder": "__import__('os').system('true')",
    "a lambda": "(lambda: 1)()",
    "a walrus": "(a:=1)",
    "an f-string": "f'{a}'",
    "a star": "f(*a, **b)",
    "a comment": "1 # a",
    "a line that goes on": "1 + \\\n1",
    "tabs and lines": "1\n\t+\r\n1",
    "a huge index": "a[" + "9" * 3_000 + "]",
    "an ellipsis": "...",
    "a comprehension": "[x for x in y]",
    "products": "*".join(["a"] * 400),
    "sums of texts": "+".join(["t"] * 400),
    "quotients": "/".join(["a"] * 400),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_inputs_take_no_time(name):
    began = perf_counter()
    outcome = outcome_of(HARD[name], {"a": 10**999, "t": "x" * 100_000, "x": {}})
    assert perf_counter() - began < 1
    if isinstance(outcome, OptionError | RecordError):
        start, length = getattr(outcome, "span", None) or (0, 0)
        assert outcome.code in catalogue()
        assert 0 <= start <= start + length <= len(HARD[name]) + 1
    else:
        assert outcome is MISSING or isinstance(outcome, int | str)


def outcome_of(text, record):
    """The value, or the error that says why there is none."""
    try:
        return value(text, record)
    except (OptionError, RecordError) as error:
        return error


def test_no_attribute_of_a_value_is_reached():
    for text in ("x.__class__", "x.__dict__", "x.keys", "x.__len__", "o.x.__init__.__globals__"):
        assert value(text, {"x": {}, "o": {"x": "text"}}) is MISSING


def test_the_stack_does_not_decide():
    """What is read at the top of a program is read deep inside of one."""
    text = "=" + "1 + " * 400 + "1"

    def deep(levels):
        return deep(levels - 1) if levels else evaluator(Expression.parse(text))(frame({}))

    assert deep(sys.getrecursionlimit() // 2) == 401


def test_huge_operands_are_refused_before_they_are_multiplied():
    began = perf_counter()
    assert reject("a * a", {"a": 7 ** (10**6)})[0] == "R219"
    assert reject("a * a", {"a": Digits("1E400000")})[0] == "R219"
    assert reject("a + 1", {"a": Digits("1E999999999")})[0] == "R219"
    assert reject("a % 7", {"a": Digits("1E999999999")})[0] == "R219"
    assert perf_counter() - began < 1


def test_nothing_hangs_on_the_decimal_context_of_the_thread():
    with decimal.localcontext() as context:
        context.prec, context.rounding, context.Emax = 3, decimal.ROUND_UP, 5
        context.traps[decimal.Inexact] = True
        assert str(value("1 / 3")) == "0." + "3" * 34
        assert str(value("123456.789 + 0.0001")) == "123456.7891"
        assert value("123456.7 > 123456.6") is True


# --- places and texts ---------------------------------------------------------------------------------------

REFUSED = [
    ("=int(qty) price", "E101", "price", "nothing stands between `)` and `price`"),
    ("=(a + b", "E101", "(", "`(` is never closed"),
    ("=a +", "E101", "+", "the expression ends after `+`"),
    ("=", "E101", "", "nothing is written here"),
    ("=größe + x", "", "", ""),
    ("=größe ++ x", "E105", "+", "`+` stands before nothing to add to"),
    ("=größe == None", "E105", "None", "`None` is no word of the language"),
    ("=ü + first-name", "E106", "first-name", "`first-name` may be one name or a difference"),
    ("=a.class", "E106", "class", "`class` is a keyword"),
    ("=x + ﬁn", "E106", "ﬁn", "`ﬁn` is a name that can be mistaken for another"),
    ("=x * 1_000", "E104", "1_000", "`1_000` is no number here"),
    (
        '=lookup(x, "rates, field="per_euro")',
        "E103",
        "per_euro",
        '`"rates, field="` is read as one text, and `per_euro` follows it',
    ),
    ('="a""b"', "E103", '"b"', '`"a"` is read as one text'),
    (r'="caf\xe9"', "E103", r"\x", r"`\x` is no escape"),
    ("=x == null", "E107", "null", "null is compared with nothing"),
    ("=x + split(y, ',')[0]", "E108", "[", "`[` asks for a part of what is no name"),
    ("=name.upper()", "E108", "name.upper", "`name.upper` is called, as if values had methods"),
    ("=1 + lenght(x)", "E109", "lenght", "there is no function `lenght`"),
    ("=round(x, digits=2)", "E110", "digits", "`round` has no option `digits`"),
    ("=round(x, places='2')", "E110", "'2'", "`places` of `round` is text `2`, not an int"),
    ("=sum(sum(j for j in i) for i in x)", "E111", "(j for j in i)", "a loop stands in a loop"),
    ("=d + duration('7')", "E113", "'7'", "`7` is not a duration"),
    ("=reserved(x)", "E114", "reserved", "`reserved` is not there yet"),
    ("=hmac(x, 'k')", "E115", "'k'", "`key` of `hmac` is a secret, and expressions are shown"),
    ("=ü + $vras.x", "M202", "$vras", "`$vras` is not a head"),
    ("=ü + get('a..b')", "M201", "", "`a..b` is not a path"),
    ("=date(x, zone='Mars')", "M314", "'Mars'", "`Mars` is not a time zone"),
]


@pytest.mark.parametrize(("text", "code", "shown", "message"), [case for case in REFUSED if case[1]])
def test_refusals_name_the_word_at_its_place(text, code, shown, message):
    found = refusal(text)
    assert found[0] == code
    if shown:
        assert found[1] == shown
    assert found[2].startswith(message)


def test_a_condition_says_to_drop_the_sign():
    assert refusal("= qty > 0", Condition) == (
        "E112",
        "=",
        "a condition is written without `=`",
        "write `qty > 0`",
    )


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("=a-b.c-d", 'write `get("a-b.c-d")` for the field, or `a - b.c - d` for the difference'),
        ("=o.if", 'write `get("o.if")`'),
        ("=a.0.b", "write `a[0]`"),
        ("=1e5", "write `100000`"),
        ("=0x1F", "write `31`"),
        ("=007", 'write `7`, or `"007"` for the text'),
        ("=7d", 'a length of time is `duration("7d")`'),
        ("=a && b", "write `and`"),
        ("=a OR b", "write `or`"),
        ("=a is None", "write `==`; to ask for a value write `present(x)`"),
        ("=rond(x, 2)", "did you mean `round`?"),
        ("=substr(x)", "write `slice(x, 0, 3)`"),
        ("=shift(x, day=1)", "did you mean `days`?"),
        ("=split(x)", "write `split(x, by=..)`"),
        ("=x.upper()", "a function comes first: `upper(x)`"),
        ("=x.get('a b', 1)", 'write `coalesce(get("x.a b"), 1)`'),
        ("=x['a']", "write `x.a`"),
        ("=x['a.b']", r'write `get("x.\"a.b\"")`'),
        ("=x[:2]", 'of a text write `slice(x, 0, 2)`, of a list `get("x[:2]")`'),
        ("=x[2:]", 'of a text write `slice(x, 2)`, of a list `get("x[2:]")`'),
        (
            '=lookup(code, "rates, field="per_euro", miss="blank")',
            r"a quote is missing before it; inside a text it is `\"`",
        ),
        ('=lookup(code, rates", field="x")', 'a quote is missing before it: `"rates`'),
        ("='it's'", r"a quote is missing before it; inside a text it is `\'`"),
        ('=f"x"', 'a text has no prefix: write `".."`'),
        ('=round(n, 2, rounding="halfup")', 'did you mean `"half_up"`?'),
        ('=round(n, 2, rounding="best")', ""),
        ("=$parent.goods == null", "write `not present($parent.goods)`"),
        ("=null != trim(x)", "write `present(trim(x))`"),
        ("=x in [1, null]", "ask `present(x)` beside it"),
    ],
)
def test_help_shows_what_to_write(text, help):
    assert refusal(text)[3] == help


CHECKED = [
    ("=qty > 0", "E201", "qty", "`qty` is text, `0` is int: `>` compares what is of one type", 'write `int(qty)`, or `"0"` for the text'),
    ("=ü + qty * 2", "E202", "qty", "`*` stands between text and an int", "write `int(qty)` or `decimal(qty)`"),
    ("=1 + qty", "E202", "qty", "`+` stands between an int and text", "write `int(qty)` or `decimal(qty)`, or `text(..)` around the number to join"),
    ("=1 if email else 2", "E203", "email", "`email` is text, not true or false", 'write `present(email)`, `bool(email)`, or compare it: `email == ".."`'),
    ("='@' in email", "E204", "email", "`in` looks into a list, `email` is text", 'write `present(extract(email, "@"))`'),
    ("=email in note", "E204", "note", "`in` looks into a list, `note` is text", 'write `present(extract(note, ".."))` with a pattern'),
    ("=email or 'x'", "E203", "email or 'x'", "`or` stands between values that are not true or false", "the first that is not blank is `coalesce(email, 'x')`"),
    ("=sum(i.q for i in email)", "E205", "email", "a loop goes over a list, `email` is text", "write a list, or several values: `max(a, b)`"),
    ("=shift(date(d), days=n)", "E206", "n", "`days` takes int, here it gets text", "write `int(n)`"),
    ("=placed > $run.started_at", "E201", "placed", "`placed` is text, `$run.started_at` is instant: `>` compares what is of one type", "write `instant(placed)`"),
    ("=date(placed) > $run.started_at", "E201", "$run.started_at", "`date(placed)` is date, `$run.started_at` is instant: `>` compares what is of one type", 'write `date($run.started_at, zone="..")`'),
    ("=ü + abs(qty)", "M302", "abs(qty)", "`abs` takes int or decimal or float, here it gets text", "write `int(qty)`"),
    ("=int(true)", "M302", "int(true)", "`int` takes text or int or decimal or float, here it gets bool", "write `1 if true else 0`"),
    ("=date(qty == '1')", "M302", "date(qty == '1')", "`date` takes text or int or decimal or date or instant or local, here it gets bool", "a truth value is no time"),
    ("=upper(bool(qty))", "M302", "upper(bool(qty))", "`upper` takes text, here it gets bool", "write `text(bool(qty))`"),
    ("=d + duration('7d')", "E202", "d", "`+` stands between text and a duration", "write `instant(d)` or `date(d)`"),
    ("='on ' + date(d)", "E202", "'on '", "`+` stands between text and a date", "write `text(..)` around the time to join"),
    ("=sum(qty, 1)", "E202", "qty", "`sum` adds numbers, `qty` is text", "write `int(qty)` or `decimal(qty)`"),
    ('=int(qty) == "0"', "E201", "int(qty)", '`int(qty)` is int, `"0"` is text: `==` compares what is of one type', "write `text(int(qty))`, or `0` for the number"),
    ('=int(qty) == "all"', "E201", "int(qty)", '`int(qty)` is int, `"all"` is text: `==` compares what is of one type', "write `text(int(qty))`"),
    ('=bool(gift) == "true"', "E201", "bool(gift)", '`bool(gift)` is bool, `"true"` is text: `==` compares what is of one type', "write `text(bool(gift))`, or `true` for the truth value"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "shown", "message", "help"), CHECKED)
def test_check_shows_the_operand_and_what_to_write(text, code, shown, message, help):
    assert problems(text, of_texts()) == [(code, shown, message, help)]


def test_a_sum_over_a_list_of_texts():
    shape = of_records([{"prices": ["7", "8"]}])
    help = "write `sum(int(i) for i in prices)` or `sum(decimal(i) for i in prices)`"
    assert problems("=sum(prices)", shape) == [
        ("E202", "prices", "`sum` adds numbers, `prices` is a list of text", help)
    ]


def test_check_shows_a_path_at_its_place_in_the_expression():
    shape = of_records([{"customer": {"email": "a"}, "items": [{"qty": 1}], "größe": 1}])
    assert problems("=größe + customer.emial", shape)[0][:2] == ("M204", "emial")
    assert problems('=größe + get("customer.emial")', shape)[0][:2] == ("M204", "emial")
    assert problems(r'=größe + get("customer.\u0065mial")', shape)[0][:2] == ("M204", r'get("customer.\u0065mial")')
    assert problems("=sum(i.qtty for i in items)", shape)[0][:4:3] == ("M204", "did you mean `i.qty`?")
    assert problems("=ITEMS", shape)[0][3] == 'did you mean `items`? Or `"ITEMS"` for the text'
    assert problems("=coalesce(größe, GIFT)", shape)[0][3] == 'for the text write `"GIFT"`'
    assert problems("=größe + $index", shape)[0][:2] == ("M205", "$index")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("qty * price", "R241", "`qty * price`: `price` is missing"),
        ("1 + qty * none", "R241", "`qty * none`: `none` is null"),
        ("qty + 1 + empty", "R241", "`qty + 1 + empty`: `empty` is empty"),
        ("int(empty) - 1", "R241", "`int(empty) - 1`: `int(empty)` is empty"),
        ("qty < price", "R241", "`qty < price`: `price` is missing"),
        ("0 < qty < price", "R241", "`0 < qty < price`: `price` is missing"),
        ("-price", "R241", "`-price`: `price` is missing"),
        ("qty + name", "R242", "`qty + name`: `+` stands between an int and text"),
        ("name in name", "R242", "`name in name`: `in` looks into a list, not into text"),
        ("qty / 0", "R243", "`qty / 0`: `/` divides by zero"),
        ("int(name)", "R211", "`int(name)`: `x` is not a whole number"),
        ("1 if qty else 2", "R247", "`qty` is int `7`, not true or false"),
        ("sum(i.q for i in items)", "R241", "`sum(i.q for i in items)`: `i.q` is missing"),
        ("sum(items)", "R242", '`sum(items)`: item 1 is object `{"p": 1}`, not a number'),
        ("max(qty, price)", "R241", "`max(qty, price)`: `price` is missing"),
        ("shift(date('2024-01-31'), days=name)", "R245", "`shift(date('2024-01-31'), days=name)`: `days` is text `x`, not an int"),
    ],
)  # fmt: skip
def test_rejects_name_the_part(text, code, message):
    record = {"qty": 7, "none": None, "empty": "", "name": "x", "items": [{"p": 1}]}
    assert reject(text, record) == (code, message)


# --- what plans ask -----------------------------------------------------------------------------------------


def test_paths_and_calls():
    made = Expression.parse("=sum(int(i.qty) * price for i in order.items) + $vars.n + get('a-b') + $out._x")
    assert [(path.text, made.text[start : start + length]) for path, (start, length) in made.paths] == [
        ("order.items", "order.items"),
        ("price", "price"),
        ("$vars.n", "$vars.n"),
        ("a-b", "get('a-b')"),
        ("$out._x", "$out._x"),
    ]
    assert made.calls == ("sum", "int")
    assert [use.resolver.name for use in made.uses] == ["int"]
    assert made.paths[4][0].head == "$work"


def test_expressions_travel_as_texts():
    for made in (Expression.parse("=int(a) + 1"), Condition.parse("present(a)")):
        again = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
        assert again == made
        assert again.text == made.text
        assert type(again) is type(made)
        assert hash(again) == hash(made)
    assert b"Resolver" not in pickle.dumps(Expression.parse("=int(a)"))


def test_what_is_picked_is_not_changed():
    record = {"l": [3, 1, 2], "o": {"a": [1]}}
    before = copy.deepcopy(record)
    assert value("[sum(l), max(l), l, o]", record)[:2] == [6, 3]
    assert record == before


def test_one_evaluator_serves_many_records():
    make = evaluator(Expression.parse('=sum(i for i in l if i > 1) if present(l) else "none"'))
    assert [make(frame(record)) for record in ({"l": [1, 2, 3]}, {}, {"l": [5]}, {"l": 0} and {"l": []})] == [
        5,
        "none",
        5,
        0,
    ]
    decide = decider(Condition.parse("qty > 1"))
    assert [decide(frame({"qty": n})) for n in (1, 2)] == [False, True]


def test_types_of_results():
    def type_of_result(text, shape=ANY):
        return expression_shape(Expression.parse("=" + text), (), Scope(shape, ANY, shape, shape), Report()).type

    results = {
        "1 + 2": "int", "1 + 2.0": "decimal", "1 / 2": "decimal", "7 // 2": "int", "7.5 % 2": "decimal",
        "float(a) * float(b)": "float", "float(a) + 1": "decimal", '"a" + b': "text", "a + b": "any", "int(a) + b": "any",
        'date(a) - date("2024-01-01")': "int", "instant(a) - instant(b)": "decimal", 'date(a) + duration("1d")': "date",
        'instant(a) - duration("1d")': "instant", "a < b": "bool", "not present(a)": "bool", "1 if a else 2": "int",
        "1 if a else null": "int", '1 if a else "x"': "any", "coalesce(int(a), 0)": "int", "sum(int(i.q) for i in l)": "int",
        "max(date(a), date(b))": "date", "[1]": "list", "count(a)": "int", "upper(a)": "text", 'split(a, ",")': "list",
        "any(a, b)": "bool", "-int(a)": "int",
    }  # fmt: skip
    assert {text: type_of_result(text) for text in results} == results
    assert type_of_result("qty + price", of_texts()) == "text"


def test_instants_compare_in_time_whatever_their_zone():
    zone = Instant.fromisoformat("2024-03-31T03:30:00+02:00")
    assert value("a == b", {"a": zone, "b": Instant(2024, 3, 31, 1, 30, tzinfo=UTC)}) is True


def test_a_float_that_is_no_number_is_refused():
    for number in (float("nan"), float("inf"), Decimal("NaN")):
        assert reject("a + 1", {"a": number})[0] == "R214"
        assert reject("a < 1", {"a": number})[0] == "R214"


def test_every_function_is_described_and_is_no_resolver():
    assert set(FUNCTIONS) == {*EVALUATED, "get", "duration"}
    assert not FUNCTIONS.keys() & resolvers().keys()
    for described in FUNCTIONS.values():
        Expression.parse("=" + described.example)


def test_every_resolver_is_called_as_its_examples_say():
    """The value from the record, the options written down where an expression can write them."""
    seen = set()
    for name, resolver in resolvers().items():
        for example in resolver.examples:
            options = {key: written(option) for key, option in example.options.items()}
            if None in options.values() or any(o.doc.secret for o in resolver.options) or resolver.contextual:
                continue
            arguments = "".join(f", {key}={option}" for key, option in options.items())
            if example.error:
                with pytest.raises(RecordError) as raised:
                    value(f"{name}(x{arguments})", {"x": example.given})
                assert raised.value.code == example.error
            else:
                assert value(f"{name}(x{arguments})", {"x": example.given}) == example.gives
            seen.add(name)
    assert len(seen) > 40


def written(option):
    """An option as an expression writes it."""
    if isinstance(option, bool):
        return "true" if option else "false"
    if isinstance(option, list):
        return f"[{', '.join(map(str, map(written, option)))}]"
    if isinstance(option, dict):
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in option.items()) + "}"
    if isinstance(option, str):
        return "'" + option.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    return str(option) if isinstance(option, int | Decimal) else None


def test_dates_move_by_days():
    assert value('d + duration("2d")', {"d": date(2024, 2, 28)}) == date(2024, 3, 1)


# --- fuzz ---------------------------------------------------------------------------------------------------


def test_fuzz():
    """A few seconds of what `python tests/fuzz/expressions.py` does for an hour."""
    path = Path(__file__).parents[1] / "fuzz" / "expressions.py"
    found = importlib.util.spec_from_file_location("fuzz_expressions", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    counts, failures = module.fuzz(seconds=4, seed=7)
    assert not failures, failures
    assert {"refused", "rejected", "value"} <= {fate for fate, _ in counts}
