"""JSON by one rule, the only door to msgspec: digits are kept on the way in and written as they came.

Out: compact, UTF-8 unescaped, keys in the order written; floats the shortest text that reads back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from engine.errors import RecordError
from engine.language.numbers import MAX_DIGITS
from engine.language.times import text_of
from engine.records import Digits, Instant, Value, plain

PLAIN: Final = "-0123456789."
TINY: Final = "000000"
SHORT: Final = 8
"""What numbers without exponent are made of; what those have that Python writes with one, shorter ones never."""


def _hook(value: Any) -> Any:
    """What msgspec does not write by itself."""
    if isinstance(value, Digits):
        return msgspec.Raw(value.text.encode())
    if isinstance(value, Instant):
        return text_of(value)
    if isinstance(value, Decimal):
        return msgspec.Raw(str(plain(value)).encode())
    raise TypeError(f"{type(value).__name__} is not a value")


def _fraction(text: str) -> Decimal:
    """A number with a fraction or an exponent; its text is kept where a decimal would be written otherwise."""
    if text.strip(PLAIN) or (len(text) > SHORT and (TINY in text or len(text) > MAX_DIGITS)):
        return Digits(text)
    return Decimal(text)


_encoder: Final = msgspec.json.Encoder(enc_hook=_hook, decimal_format="number")
_decoder: Final = msgspec.json.Decoder(float_hook=_fraction)
_usual: Final = msgspec.json.Decoder(float_hook=Decimal)
_skipper: Final = msgspec.json.Decoder(msgspec.Raw)
TRAILING: Final = "trailing characters"
_AT: Final = re.compile(r" \(byte (\d+)\)")
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[{\n")
_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG: Final = b"0" * 64
_decode: Final[Callable[[bytes], Value]] = _decoder.decode

encode: Final[Callable[[Value], bytes]] = _encoder.encode
"""One value as JSON text."""

encode_lines: Final[Callable[[Sequence[Value]], bytes]] = _encoder.encode_lines
"""Values as JSON lines, each with its line end."""


def pretty(value: Value, indent: int = 2) -> bytes:
    """One value as indented JSON text."""
    return msgspec.json.format(_encoder.encode(value), indent=indent)


def decode(text: bytes) -> Value:
    """The value of one JSON text; RecordError R102 or R103 where it is none."""
    try:
        return _decode(text)
    except UnicodeDecodeError as error:
        raise RecordError("R102", f"not UTF-8: byte 0x{error.object[error.start]:02x}") from error
    except InvalidOperation as error:
        raise RecordError("R103", "not JSON: a number is out of range") from error
    except RecursionError as error:
        raise RecordError("R105", "nested too deeply") from error
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RecordError("R103", f"not JSON: {_reason(error)}") from error


def decode_lines(data: bytes) -> list[Value] | None:
    """The objects of JSON lines, one a line and nothing else; None where it is not sure that this is what they are.

    The library reads on over line ends. A line that begins with a brace cannot go on with what stands before it, so
    that as many values as lines are one of each.
    """
    body = data.rstrip(b"\n")
    ends = body.count(b"\n")
    if body[:1] != b"{" or body[-1:] != b"}" or body.count(b"}\n{") != ends:
        return None
    try:
        values = (_usual if _is_usual(body) else _decoder).decode_lines(body)
    except (ValueError, ArithmeticError, RecursionError):
        return None  # line by line it is found which
    return values if len(values) == ends + 1 else None


def decode_items(items: bytes) -> list[Value] | None:
    """The values between the brackets of a JSON list; None where they are not that, or one is out of range."""
    try:
        return (_usual if _is_usual(items) else _decoder).decode(b"[%b]" % items)  # type: ignore[no-any-return]
    except (ValueError, ArithmeticError, RecursionError):
        return None


def refusal_of(text: bytes | memoryview) -> tuple[str, int | None] | None:
    """Why a text is not JSON, and at which of its bytes; None where it is, whatever its numbers and texts hold."""
    try:
        _skipper.decode(text)
    except msgspec.DecodeError as error:
        found = _AT.search(str(error))
        behind = TRAILING in str(error)  # the library counts that byte too
        return _AT.sub("", _reason(error)), int(found[1]) - behind if found else None
    except RecursionError:
        return "nested too deeply", None
    return None


def size_of(text: bytes | memoryview) -> int:
    """How many bytes the JSON value takes that a text begins with; 0 where it does not end before the text, or is none.

    The library says where it stops to read; all it reads is held against the grammar.
    """
    refused = refusal_of(text)
    if refused is None or refused[1] is None or not refused[0].startswith(TRAILING):
        return 0
    return len(bytes(text[: refused[1]]).rstrip())


def _is_usual(data: bytes) -> bool:
    """Whether no number of it is one that decimals write otherwise: with an exponent, very small, or very long."""
    shape = data.translate(_SHAPE)
    return not (b"0e" in shape or _LONG in shape or b"0.000000" in data)


def _reason(error: Exception) -> str:
    """The library's reason without its own heading."""
    text = str(error).removeprefix("JSON is malformed: ")
    return "the text ends too early" if text == "Input data was truncated" else text


def most_brackets(data: bytes) -> int:
    """The most opening brackets that a line of it has: it nests no deeper."""
    return max(map(len, data.translate(None, _NO_BRACKETS).split(b"\n")))


def deeper_than(text: bytes, depth: int) -> bool:
    """Whether a JSON text nests more than `depth` levels; cheap where it is short or has few brackets."""
    if len(text) <= 2 * depth or text.count(b"[") + text.count(b"{") <= depth:
        return False
    return _deepest(text) > depth


def _deepest(text: bytes) -> int:
    level = deepest = 0
    for byte in _outside_strings(text):
        if byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
    return deepest


def _outside_strings(text: bytes) -> Iterable[int]:
    inside = escaped = False
    for byte in text:
        if inside:
            inside = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            inside = True
        else:
            yield byte
