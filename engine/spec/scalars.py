"""What the words of a spec mean, in YAML and JSON alike; nobody guesses by looking at a value.

`true`, `false` and `null` are what they say; `12` is an integer of any size, `1.10` a decimal whose digits are kept.
Every other word that dialects of YAML read differently (`0042`, `1e5`, `0x10`, `1_000`, `+5`, `yes`, `no`, `on`,
`off`, `~`, `True`) is refused as a value, with the quoted form to write. Dates and `10:30` are text, keys are the text
written. Tags, merge keys and duplicate keys are refused; anchors and aliases are allowed.

A text means one thing by where it stands: a path where a value is picked (`source`, `each`, the short form of a
field), a template where a file is named, a literal everywhere else. `status: {value: ACTIVE}` is a literal,
`status: ACTIVE` picks the field `ACTIVE`. Members of `one_of`, `true` and `false` are read as the text written and
compared as the type of the field.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from engine.errors import OptionError
from engine.records import plain

__all__ = ["meaning", "quoted", "shortened"]

DIGITS: Final = 1_000
"""A longer number is refused: arithmetic on it costs more than a spec may ask for."""

_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "": None}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?")
_AMBIGUOUS = re.compile(
    r"""(?:
        y | n | yes | no | on | off | true | false | null | ~
      | [-+]?\.(?:nan|inf)
      | [-+]?0x[0-9a-f_]+ | [-+]?0o[0-7_]+ | [-+]?0b[01_]+
      | [-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:e[-+]?[0-9]+)?
    )""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_HEADS: Final = frozenset("0123456789+-.~ynotfYNOTF")
"""Every number and every ambiguous word begins with one of these; most words do not."""

_INSTEAD: Final = {
    **dict.fromkeys(("y", "yes", "on", "true"), "`true` for the truth value"),
    **dict.fromkeys(("n", "no", "off", "false"), "`false` for the truth value"),
    **dict.fromkeys(("~", "null"), "`null` for no value"),
}


def meaning(word: str) -> Any:
    """The value of a plain word: a truth value, null, an exact number, or else the text itself.

    Integers become int, decimals Decimal with the digits they are written with. Raises OptionError for
    an ambiguous word (S103) and for a number beyond all use (S107).
    """
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in _HEADS:
        return word
    found = _NUMBER.fullmatch(word)
    if found is None:
        return _text(word)
    if len(word) > DIGITS and sum(map(str.isdigit, word)) > DIGITS:
        help = "write it in quotes when it is a text"
        raise OptionError("S107", f"a number may have {DIGITS:,} digits, this has more", help)
    if found[1]:
        return plain(Decimal(word))
    # Long ones by way of Decimal: int() refuses long texts, from a length that the environment can set.
    return int(word) if len(word) <= 600 else int(Decimal(word))


def _text(word: str) -> str:
    if _AMBIGUOUS.fullmatch(word) is None:
        return word
    shown = shortened(word)
    instead = _INSTEAD.get(word.lower()) or _in_digits(word)
    help = f"write `{quoted(shown)}` for the text" + (f", {instead}" if instead else "")
    raise OptionError("S103", f"`{shown}` means different things to different YAML readers", help)


def _in_digits(word: str) -> str:
    """The number that was probably meant, written so that it is one."""
    bare = word.lower().replace("_", "").lstrip("+")
    try:
        number = Decimal(int(bare, 0) if re.match(r"-?0[xob]", bare) else bare)
    except (ValueError, ArithmeticError):
        return ""
    if not -20 <= number.adjusted() <= 20:
        return ""
    return f"`{number:f}` for the number"


def quoted(text: str) -> str:
    """The text in the quotes that leave it as it is; with escapes where no quotes do."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def shortened(text: str) -> str:
    """The text as a message can hold it: one line of at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
