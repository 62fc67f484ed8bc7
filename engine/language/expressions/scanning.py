"""The words of an expression: names, paths, texts, numbers and signs, each with its place; what is none is refused.

Python's own tokenizer is never asked: it folds names (`ﬁ` is `fi` to it), counts in bytes, and knows numbers and texts
that the language does not have. Its parser gets a name of ours for every word instead.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from engine.errors import OptionError
from engine.language.expressions.refusals import SIGNS, WORDS, called_help, index_help, number_help, quoted, shown
from engine.language.numbers import MAX_DIGITS
from engine.language.paths import Path

LONGEST: Final = 4_096
DEEPEST: Final = 64
MOST_SIGNS: Final = 500

OPERATORS: Final = frozenset(("and", "or", "not", "in", "if", "else", "for"))
LITERALS: Final = {"true": True, "false": False, "null": None}
RESERVED: Final = OPERATORS | LITERALS.keys()

_BLANK: Final = re.compile(r"[ \t\r\n]+")
_NAME: Final = re.compile(r"[^\W\d]\w*")
_HEAD: Final = re.compile(r"\$\w*")
_STEP: Final = re.compile(r"\.(\$?\w+)")
_INDEX: Final = re.compile(r"\[-?[0-9]+\]")
_NUMBER: Final = re.compile(r"[0-9](?:[eE][+-][0-9]|[\w.])*")
_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_TEXT: Final = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SIGN: Final = re.compile(r"===|!==|\*\*|//|:=|==|!=|<=|>=|<>|&&|\|\||\?\?|<<|>>|=>|=<|->|[^\w\s]")
_DASHED: Final = re.compile(r"[\w.$\[\]]+(?:-[^\W\d][\w.\[\]]*)+")
_CALL: Final = re.compile(r"\w+\s*\(")
_ESCAPES: Final = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t"}
PREFIXES: Final = ("b", "f", "r", "u", "br", "fr", "rb", "rf")
_KNOWN: Final = frozenset(("+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", *"()[]{},:="))
_BETWEEN: Final = OPERATORS - {"not"} | frozenset(("*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">="))
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Token:
    """One word: its kind (`path function key literal word sign`), its text, where it stands, what it says."""

    kind: str
    text: str
    start: int
    value: Any = None

    @property
    def end(self) -> int:
        """The first character behind it."""
        return self.start + len(self.text)

    @property
    def area(self) -> tuple[int, int]:
        """Its first character and its length."""
        return self.start, len(self.text)

    @property
    def is_operand(self) -> bool:
        """Whether it is a value by itself."""
        return self.kind in ("path", "literal", "function", "key")


def scan(text: str, start: int) -> list[Token]:
    """The words from `start` on; OptionError where one is none of the language."""
    if len(text) > LONGEST:
        raise OptionError("E102", f"the expression is {len(text):,} characters long", f"at most {LONGEST:,} are read")
    tokens: list[Token] = []
    at = start
    while at < len(text):
        if match := _BLANK.match(text, at):
            at = match.end()
            continue
        tokens.append(_token(text, at, tokens))
        at = tokens[-1].end
    if not tokens:
        raise OptionError("E101", "nothing is written here", "as in `int(qty) * price`")
    _check_brackets(tokens)
    _check_neighbours(tokens)
    return tokens


def _token(text: str, at: int, before: list[Token]) -> Token:
    if match := _NAME.match(text, at):
        return _word(text, at, match[0], before)
    if text[at] == "$":
        return _path(text, at, _HEAD.match(text, at).end())  # type: ignore[union-attr]
    if match := _NUMBER.match(text, at):
        return _number(match[0], at)
    if text[at] in "\"'":
        return _text(text, at)
    match = _SIGN.match(text, at)
    return _sign(text, at, match[0] if match else text[at], before)


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────


def _word(text: str, at: int, name: str, before: list[Token]) -> Token:
    end = at + len(name)
    if before and _is_text(before[-1]) and before[-1].end == at and name not in OPERATORS:
        raise _quote_missing(before[-1], name, (at, len(name)))
    if text[end : end + 1] in ('"', "'") and name not in OPERATORS:
        prefix = name.lower() in PREFIXES
        help = 'a text has no prefix: write `".."`' if prefix else f"a quote is missing before it: `{text[end]}{name}`"
        raise OptionError("E105", f"`{name}` stands before a text", help, (at, len(name)))
    if _is_key(text, end, before):
        return Token("key", name, at)
    if name in OPERATORS:
        return Token("word", name, at)
    if name in LITERALS:
        return Token("literal", name, at, LITERALS[name])
    if name in WORDS:
        raise OptionError("E105", f"`{name}` is no word of the language", WORDS[name], (at, len(name)))
    if text[end:].lstrip(" \t\r\n").startswith("("):
        return Token("function", name, at)
    return _path(text, at, end)


def _is_text(token: Token) -> bool:
    return token.kind == "literal" and isinstance(token.value, str)


def _quote_missing(read: Token, next: str, area: tuple[int, int]) -> OptionError:
    """A text ends where another word begins: its quotes were paired otherwise than meant."""
    message = f"`{shown(read.text)}` is read as one text, and `{shown(next)}` follows it"
    return OptionError("E103", message, rf"a quote is missing before it; inside a text it is `\{read.text[0]}`", area)


def _is_key(text: str, end: int, before: list[Token]) -> bool:
    """Whether the word names an option of a call: `(name=`, `, name=`."""
    rest = text[end : end + 64].lstrip(" \t\r\n")
    return rest[:1] == "=" and rest[:2] != "==" and bool(before) and before[-1].text in ("(", ",")


def _path(text: str, start: int, at: int) -> Token:
    """A name or a head with all steps behind it."""
    _check_name(text[start:at], text, start, at)
    while match := _STEP.match(text, at) or _INDEX.match(text, at):
        if match[0][0] == ".":
            _check_name(match[1], text, start, match.end())
        at = match.end()
    whole = text[start:at]
    if text[at : at + 1] in (".", "["):
        raise _unfinished(text, start, at)
    if text[at:].lstrip(" \t\r\n").startswith("(") and "." in whole:
        message = f"`{whole}` is called, as if values had methods"
        raise OptionError("E108", message, called_help(whole, text[at:]), (start, len(whole)))
    return Token("path", whole, start, _parsed_path(whole, start))


def _parsed_path(whole: str, start: int) -> Path:
    try:
        return Path.parse(whole)
    except OptionError as error:
        at, length = error.span or (0, len(whole))
        raise OptionError(error.code, error.message, error.help, (start + at, length)) from error


def _check_name(name: str, text: str, start: int, end: int) -> None:
    """A name that would need care stands in `get`: one that Python folds, a keyword, one that begins with a digit."""
    if name.startswith("$"):
        return  # the path knows its heads
    bare, wrong = name, ""
    if bare.isascii() and bare[:1].isdigit():
        raise OptionError("E106", f"`.{bare}` is an index", f"write `{text[start : end - len(name) - 1]}[{bare}]`",
                          (end - len(name) - 1, len(name) + 1))  # fmt: skip
    if unicodedata.normalize("NFKC", bare) != bare or (bare and not bare.isidentifier()):
        wrong = "is a name that can be mistaken for another"
    elif bare in RESERVED or keyword.iskeyword(bare):
        wrong = "is a keyword"
    if wrong:
        whole = text[start:end]
        raise OptionError("E106", f"`{name}` {wrong}", f"write `get({quoted(whole)})`", (end - len(name), len(name)))


def _unfinished(text: str, start: int, at: int) -> OptionError:
    """A step that is neither a name nor a whole number."""
    if text[at] == "[":
        help = index_help(text[start:at], text[at:])
        return OptionError("E108", f"`{text[start:at]}[` is followed by no index", help, (at, 1))
    help = 'steps are names with dots between, without blanks; other signs stand in `get("..")`'
    return OptionError("E101", f"`{text[start:at]}.` is followed by no name", help, (at, 1))


# ── numbers and texts ────────────────────────────────────────────────────────────────────────────────────


def _number(word: str, at: int) -> Token:
    if not _PLAIN.fullmatch(word):
        raise OptionError("E104", f"`{shown(word)}` is no number here", number_help(word), (at, len(word)))
    if len(word) > MAX_DIGITS:
        help = "write it in quotes where it is a text"
        raise OptionError("E104", f"the number has more than {MAX_DIGITS:,} digits", help, (at, len(word)))
    return Token("literal", word, at, Decimal(word) if "." in word else int(word))


def _text(text: str, at: int) -> Token:
    match = _TEXT.match(text, at)
    if not match:
        help = f"close it with {text[at]}; a line break is `\\n`"
        raise OptionError("E103", "the text is never closed", help, (at, 1))
    whole = match[0]
    said = _ESCAPE.sub(lambda found: _escaped(found, at), whole[1:-1])
    try:
        value = said.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        help = "a character beyond U+FFFF is written as it is, or as two `\\u` together"
        raise OptionError("E103", "the text holds half a character", help, (at, len(whole))) from error
    return Token("literal", whole, at, value)


def _escaped(found: re.Match[str], at: int) -> str:
    sign = found[1]
    if len(sign) == 5:
        return chr(int(sign[1:], 16))
    if sign not in _ESCAPES:
        help = r"texts know `\\` `\"` `\'` `\n` `\t` and `\u1234`; a backslash is `\\`"
        raise OptionError("E103", rf"`\{shown(sign)}` is no escape", help, (at + 1 + found.start(), 2))
    return _ESCAPES[sign]


# ── signs ────────────────────────────────────────────────────────────────────────────────────────────────


def _sign(text: str, at: int, sign: str, before: list[Token]) -> Token:
    area = (at, len(sign))
    if sign == "." and text[at + 1 : at + 2].isdigit():
        raise OptionError("E104", "a number begins with a dot", "write the `0` before it: `0.5`", area)
    if sign in SIGNS:
        raise OptionError("E105", f"`{sign}` is no sign of the language", SIGNS[sign], area)
    if sign == "=" and before and before[-1].kind == "key":
        return Token("sign", sign, at)
    if sign == "." and before and before[-1].text in (")", "]"):
        help = "parts are taken of names: make the value in a field above, or use `first`, `pick` or a path in `get`"
        raise OptionError("E108", "`.` asks for a part of what is no name", help, area)
    if sign == "=":
        raise OptionError("E105", "`=` gives no value here", "to compare, write `==`", area)
    if sign not in _KNOWN:
        help = 'a name that holds such a sign stands in `get("..")`, a text in quotes'
        raise OptionError("E101", f"`{shown(sign)}` cannot stand here", help, area)
    if sign == "-" and before and before[-1].kind == "path" and before[-1].end == at and text[at - 1] != "]":
        _check_dash(text, at, before[-1])
    return Token("sign", sign, at)


def _check_dash(text: str, at: int, name: Token) -> None:
    """`a-b` is one field or a difference: only blanks can say."""
    if _NAME.match(text, at + 1) and not _CALL.match(text, at + 1):
        match = _DASHED.match(text, name.start)
        whole = match[0] if match else name.text
        help = f"write `get({quoted(whole)})` for the field, or `{whole.replace('-', ' - ')}` for the difference"
        raise OptionError("E106", f"`{whole}` may be one name or a difference", help, (name.start, len(whole)))


def _check_brackets(tokens: list[Token]) -> None:
    """Every bracket is closed by its own kind, 64 deep at most; not too many signs altogether."""
    open_: list[Token] = []
    for token in tokens:
        if token.kind == "sign" and token.text in "([{":
            open_.append(token)
        elif token.kind == "sign" and token.text in _CLOSES and (not open_ or open_.pop().text != _CLOSES[token.text]):
            raise OptionError("E101", f"`{token.text}` closes nothing", "every bracket has its pair", token.area)
        if len(open_) > DEEPEST:
            raise OptionError("E102", f"brackets nest more than {DEEPEST} deep", "make it in two fields", token.area)
    if open_:
        raise OptionError("E101", f"`{open_[-1].text}` is never closed", "every bracket has its pair", open_[-1].area)
    signs = [token for token in tokens if token.kind in ("word", "sign") and token.text not in "()[]{},:"]
    if len(signs) > MOST_SIGNS:
        help = "make it in two fields"
        raise OptionError("E102", f"the expression has more than {MOST_SIGNS} operators", help, signs[MOST_SIGNS].area)


def _check_neighbours(tokens: list[Token]) -> None:
    """Two values have an operator between them, and two operators a value."""
    for left, right in pairwise(tokens):
        ends = left.kind in ("path", "literal") or left.text in (")", "]", "}")
        begins = right.is_operand or (right.kind == "sign" and right.text in "([{")
        if ends and begins:
            raise _no_operator(left, right)
        if not ends and right.text in _BETWEEN and left.text not in ("not", "=") and right.kind != "key":
            raise OptionError(
                "E101", f"`{right.text}` stands behind no value", "a value is missing before it", right.area
            )
    last = tokens[-1]
    if last.text in _BETWEEN or last.text in ("not", "-", "+", "="):
        raise OptionError("E101", f"the expression ends after `{last.text}`", "a value is missing behind it", last.area)


def _no_operator(left: Token, right: Token) -> OptionError:
    lower = right.text.lower()
    if lower in OPERATORS or lower == "is":
        word = "==" if lower == "is" else lower
        return OptionError("E105", f"`{right.text}` is no word of the language", f"write `{word}`", right.area)
    if _is_text(left) and left.end == right.start and (right.kind == "path" or _is_text(right)):
        return _quote_missing(left, right.text, right.area)
    if _is_text(left) and _is_text(right):
        return OptionError("E101", "two texts stand side by side", "join them with `+`", right.area)
    if right.text == "[":
        help = "take it with `first`, `last`, `slice` or a path"
        return OptionError("E108", "`[` asks for a part of what is no name", help, right.area)
    message = f"nothing stands between `{shown(left.text)}` and `{shown(right.text)}`"
    return OptionError("E101", message, "write an operator, or a comma between arguments", right.area)
