"""Random expressions over random values: `python tests/fuzz/expressions.py --seconds 3600 --seed 1`.

Half of the texts are made by the grammar, half are mutilated afterwards. Whatever is written: parsing gives an expression
or an error of the catalogue whose place lies in the text; check never raises; a record gives a value of the language or a
reject of the catalogue; nothing takes longer than a second; the input is not changed. A failure prints its seed and text.
"""

import argparse
import copy
import random
import sys
import time
import traceback
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.catalogue import catalogue
from engine.errors import OptionError, RecordError
from engine.language.expressions import Condition, Expression, condition_shape, decider, evaluator, expression_shape
from engine.language.expressions.functions import FUNCTIONS
from engine.language.frames import Context, Frame
from engine.language.scopes import Scope
from engine.language.shapes import ANY, of_records, of_texts, type_of
from engine.records import MISSING, Digits, Instant
from engine.registry import resolvers

SLOW = 1.0
NAMES = ("a", "b", "qty", "price", "items", "tags", "when_", "name", "_x", "größe", "o.x", "o.y[0]", "items[0].qty", "items[-1]",
         "$record.a", "$root.o", "$vars.n", "$run.id", "$run.started_at", "$unit.record", "$out.made", "$out._w", "$parent.a",
         "$item", "$index")  # fmt: skip
TEXTS = ('""', '"A"', "'b'", '"2024-01-31"', '"2024-01-31T10:00:00Z"', '"7"', '"1.50"', '"7d"', '"1h"', r'"\u00e9\n"', '"%Y"',
         '"Europe/Berlin"', '"half_up"', '"lines[*].qty"', '"@id"', '","')  # fmt: skip
NUMBERS = ("0", "1", "2", "7", "-3", "0.5", "1.10", "100000000000000000000", "9" * 999, "0." + "3" * 60)
ODD = (
    "$vras.x",
    "ﬁn",
    "class",
    "o.if",
    "a.0",
    "a-b",
    r'"\x"',
    '"open',
    "1e5",
    "0x1",
    "007",
    ".5",
    "ª",
    "x.y()",
    "None",
)
WORDS = (
    "true",
    "false",
    "null",
    "True",
    "None",
    "and",
    "or",
    "not",
    "in",
    "not in",
    "if",
    "else",
    "for",
    "is",
    "lambda",
)
SIGNS = ("+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "**", "&&", "=", ":=", "!", "<>", "(", ")", "[", "]",
         "{", "}", ",", ".", ":", "|", "#", "@", "$", "\\", "`", ";", "?", " ", "\n", "\t", "\x00", "\u00a0", "\ud800", "😀",
         "e\u0301", "ª", "²")  # fmt: skip
OPERATORS = ("+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or")
SHIFTED = timezone(timedelta(hours=2))
VALUES = ("", "A", "b", "7", "007", "1.50", "2024-01-31", "2024-01-31T10:00:00Z", "ü", "x" * 300, 0, 1, -7, 10**30, -(10**999),
          True, False, None, MISSING, Digits("1.10"), Digits("1E400000"), Digits("1E-400000"), Decimal("-0.00"), Decimal("0.5"),
          Decimal("NaN"), Decimal("Infinity"), 0.5, -0.0, 1e308, float("inf"), float("nan"), date(2024, 1, 31), date(9999, 12, 31),
          date(1, 1, 1), datetime(2024, 1, 31, 10), Instant(2024, 1, 31, 10, tzinfo=UTC), Instant(1, 1, 2, tzinfo=SHIFTED),
          Instant(9999, 12, 31, 23, 59, 59, 999999, tzinfo=SHIFTED))  # fmt: skip
LANGUAGE = (str, bool, int, float, Decimal, date, list, dict)
UNCALLED = ("python",)


class Writer:
    """Writes expressions by the grammar, mostly well-formed."""

    def __init__(self, chance):
        self.chance = chance
        self.functions = [name for name in (*resolvers(), *FUNCTIONS, "reserved", "nothing") if name not in UNCALLED]

    def text(self, depth):
        """One expression, at most so deep."""
        chance = self.chance
        if depth <= 0 or chance.random() < 0.15:
            if chance.random() < 0.01:
                return chance.choice(ODD)
            return chance.choice(chance.choice((NAMES, NAMES, NAMES, TEXTS, NUMBERS, ("true", "false", "i", "i.qty"))))
        return chance.choice(
            (self.operators, self.operators, self.call, self.call, self.unary, self.choice, self.list, self.loop)
        )(depth - 1)

    def operators(self, depth):
        said = [self.text(depth)]
        signs = self.chance.choice((OPERATORS[:6], OPERATORS[:1], OPERATORS[6:12], OPERATORS[14:], OPERATORS))
        for _ in range(self.chance.choice((1, 1, 1, 2, 3, 20))):
            said += [self.chance.choice(signs), self.text(depth - 1)]
        return f"({' '.join(said)})" if self.chance.random() < 0.5 else " ".join(said)

    def call(self, depth):
        name = self.chance.choice(self.functions)
        if self.chance.random() < 0.2:
            return f"coalesce({self.text(depth)}, {self.text(depth)})"
        arguments = [self.text(depth) for _ in range(self.chance.choice((1, 1, 1, 2, 2, 3, 0)))]
        found = resolvers().get(name)
        if found and found.options and self.chance.random() < 0.6:
            option = self.chance.choice(found.options).name
            arguments.append(f"{option}={self.text(depth - 1)}")
        return f"{name}({', '.join(arguments)})"

    def unary(self, depth):
        return self.chance.choice(("-", "- ", "not ", "not ")) + self.brackets(depth)

    def brackets(self, depth):
        return f"({self.text(depth)})"

    def choice(self, depth):
        return f"{self.text(depth)} if {self.text(depth)} else {self.text(depth)}"

    def list(self, depth):
        inside = ", ".join(self.text(depth) for _ in range(self.chance.randrange(4)))
        return f"[{inside}]" if self.chance.random() < 0.99 else f"{{{inside}}}"

    def loop(self, depth):
        condition = f" if {self.text(depth)}" if self.chance.random() < 0.5 else ""
        source = self.chance.choice(("items", "tags", self.text(depth)))
        name = self.chance.choice(("sum", "min", "max", "any", "all"))
        return f"{name}({self.text(depth)} for i in {source}{condition})"

    def mutilated(self, text):
        """The text with some signs lost, doubled, swapped or put in."""
        for _ in range(self.chance.choice((1, 1, 2, 5))):
            at = self.chance.randrange(len(text) + 1)
            end = min(len(text), at + self.chance.choice((0, 1, 1, 3, 8)))
            put = self.chance.choice(
                (self.chance.choice(SIGNS), self.chance.choice(WORDS), text[at:end] * 2, "", text[:end])
            )
            text = text[:at] + put + text[end:]
        return text

    def value(self, depth=2):
        """Any value that a record may hold."""
        chance = self.chance
        if depth and chance.random() < 0.15:
            return [self.kept(depth) for _ in range(chance.randrange(4))]
        if depth and chance.random() < 0.15:
            return {name: self.kept(depth) for name in ("qty", "x", "y", "sku") if chance.random() < 0.8}
        return chance.choice(VALUES)

    def kept(self, depth):
        value = self.value(depth - 1)
        return None if value is MISSING else value

    def record(self):
        names = ("a", "b", "qty", "price", "items", "tags", "when_", "name", "_x", "größe", "o", "@id", "a-b", "i")
        made = {name: self.value() for name in names}
        if self.chance.random() < 0.5:
            made["items"] = [{"qty": self.kept(1), "price": self.kept(1)} for _ in range(self.chance.randrange(4))]
        return {name: value for name, value in made.items() if value is not MISSING}


class Report:
    """Keeps the codes and places that a check reports."""

    def __init__(self):
        self.found = []

    def __call__(self, code, pointer, message, help="", *, span=None, key=False, seen="", level="error"):
        self.found.append((code, span))

    def secret(self, text, pointer):
        return text

    def broken(self, pointer):
        return False

    refused = broken


def known(code, span, text):
    """An error of the catalogue, with a place inside the text."""
    assert code in catalogue(), f"{code} is not in the catalogue"
    if span is not None:
        start, length = span
        assert 0 <= start <= len(text), f"{code}: {span} is outside"
        assert 0 <= length <= len(text) - start, f"{code}: {span} is outside"


def is_value(value):
    """A value of the language, all through."""
    if isinstance(value, list):
        return all(is_value(each) for each in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_value(each) for key, each in value.items())
    return value is None or value is MISSING or isinstance(value, LANGUAGE)


def one(seed):
    """One text through parsing, check and a record; its fate, for the counts."""
    chance = random.Random(seed)
    text, writer = written(chance)
    kind, prefix = (Expression, "=") if chance.random() < 0.7 else (Condition, "")
    try:
        made = kind.parse(prefix + text)
    except OptionError as error:
        known(error.code, error.span, prefix + text)
        return "refused", error.code
    assert all(isinstance(name, str) for name in made.calls)
    assert all(made.text[start : start + length] for _, (start, length) in made.paths)
    record = writer.record()
    codes = {code for shape in (ANY, of_texts(), of_records([record])) for code in checked(made, shape)}
    if "S321" in codes:  # a lookup that no spec declares never runs; what has wrong types is tried all the same
        return "unchecked", "S321"
    return evaluated(made, record, {"n": writer.value(0)})


def checked(made, shape):
    """What check reports: codes of the catalogue, at places inside the text."""
    report = Report()
    check = condition_shape if isinstance(made, Condition) else expression_shape
    check(made, (), Scope(shape, ANY, shape, shape), report)
    for code, span in report.found:
        known(code, span, made.text)
    return [code for code, _ in report.found]


def evaluated(made, record, vars):
    """A value of the language, or a reject of the catalogue; the record stays as it was."""
    frame = Frame(record, Context(vars, {"id": "r", "started_at": Instant(2026, 1, 1, tzinfo=UTC)}, {}))
    before = repr(copy.deepcopy(record))
    decides = isinstance(made, Condition)
    try:
        value = decider(made)(frame) if decides else evaluator(made)(frame)
    except RecordError as error:
        known(error.code, None, made.text)
        return "rejected", error.code
    assert type(value) is bool if decides else is_value(value), f"{value!r} is no value"
    assert repr(record) == before, "the record was changed"
    return "value", type_of(value)


def written(chance):
    """The text of a case, and who wrote it."""
    writer = Writer(chance)
    text = writer.text(chance.choice((1, 2, 3, 4, 6)))
    return (writer.mutilated(text) if chance.random() < 0.4 else text), writer


def text_of(seed):
    """The text of a seed, for a failure."""
    return written(random.Random(seed))[0]


def fuzz(seconds, seed):
    """So many seconds of cases; the counts, and the seeds that failed."""
    counts, failures = Counter(), []
    number, end = seed * 1_000_000_000, time.monotonic() + seconds
    while time.monotonic() < end and len(failures) < 10:
        began = time.process_time()
        try:
            counts[one(number)] += 1
            took = time.process_time() - began
            if took > SLOW:
                failures.append((number, f"took {took:.1f} s"))
        except Exception:  # noqa: BLE001 - whatever comes out is what is looked for
            failures.append((number, traceback.format_exc(limit=-3)))
        number += 1
    return counts, failures


def main():
    """Fuzz as the command line says; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="one case again, with its traceback")
    given = parser.parse_args()
    if given.case is not None:
        print(ascii(text_of(given.case)))
        print(one(given.case))
        return 0
    counts, failures = fuzz(given.seconds, given.seed)
    fates = Counter(fate for (fate, _), count in counts.items() for _ in range(count))
    print(f"{counts.total():,} cases: " + ", ".join(f"{count:,} {fate}" for fate, count in fates.most_common()))
    print(" ".join(f"{code} {count:,}" for (_, code), count in counts.most_common()))
    for number, why in failures:
        print(f"--case {number}: {text_of(number)!a}\n{why}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
