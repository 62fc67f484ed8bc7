"""XML as it is written: names that are names, characters that it can hold, values as texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Final

from engine.errors import RecordError
from engine.language.jsontext import encode
from engine.language.times import text_of
from engine.records import Value
from engine.spelling import show

ATTRIBUTE: Final = "@"
TEXT: Final = "#text"
DECLARES: Final = "xmlns"
ALWAYS: Final[Mapping[str, str]] = {"xml": "http://www.w3.org/XML/1998/namespace"}
"""The prefix that is declared everywhere."""
RESERVED: Final = frozenset({*ALWAYS.values(), "http://www.w3.org/2000/xmlns/"})
"""Addresses that nothing else is declared as (Namespaces in XML 1.0, section 3)."""

_START: Final = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NCNAME: Final = f"[{_START}][{_START}\\-.0-9\u00b7\u0300-\u036f\u203f-\u2040]*"
_NAME: Final = re.compile(f"(?:({_NCNAME}):)?{_NCNAME}").fullmatch
"""NameStartChar and NameChar of XML 1.0, fifth edition, with one colon at most (Namespaces in XML 1.0)."""
_UNHELD: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").search
_IN_TEXT: Final = re.compile(r"[&<>\r]").search
_IN_ATTRIBUTE: Final = re.compile(r'[&<>"\t\n\r]').search
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;",
                                   "\r": "&#13;"})  # fmt: skip


def prefix_of(name: str) -> str | None:
    """The prefix of a name, empty without one; None where it is no name of XML."""
    match = _NAME(name)
    return (match[1] or "") if match else None


def check_name(name: str, prefixes: Collection[str], field: str) -> str:
    """The name, where XML can hold it and its prefix is declared; else RecordError R313."""
    prefix = prefix_of(name)
    if prefix is None:
        raise RecordError("R313", f"`{field}`: {show(name)} is no name of XML: rename the field")
    if prefix and prefix not in prefixes:
        message = f'`{field}`: the prefix `{prefix}` is not declared: `attributes: {{xmlns:{prefix}: ".."}}`'
        raise RecordError("R313", message)
    return name


def scope_in(attributes: Mapping[str, str], around: Mapping[str, str], field: str) -> Mapping[str, str]:
    """The addresses of prefixes in an element with these attributes; RecordError R313 where it is not well-formed."""
    scope = dict(around)
    for name, text in attributes.items():
        if name == DECLARES or name.startswith(f"{DECLARES}:"):
            prefix = name[len(DECLARES) + 1 :]
            if said := _wrong_declaration(prefix, text):
                raise RecordError("R313", f"`{field}{name}` {said}", text)
            scope[prefix] = text
    if name := _same_attribute(attributes, scope):
        raise RecordError("R313", f"`{field}{name}` is there twice: two prefixes stand for one address")
    return scope


def _wrong_declaration(prefix: str, address: str) -> str:
    """What is wrong with the declaration of a prefix, empty for that of names without one; empty where nothing is."""
    if prefix == DECLARES:
        return f"declares `{DECLARES}`, which is never declared"
    if prefix in ALWAYS:
        return "" if address == ALWAYS[prefix] else f"declares `{prefix}`, which always stands for {ALWAYS[prefix]}"
    if prefix and not address:
        return "declares a prefix as nothing: give it an address"
    return f"declares {address}, which belongs to XML itself" if address in RESERVED else ""


def _same_attribute(names: Iterable[str], addresses: Mapping[str, str]) -> str:
    """An attribute that is one with another before it under another prefix of the same address; empty for none."""
    seen: dict[tuple[str, str], str] = {}
    for name in names:
        prefix, _, local = name.rpartition(":")
        if prefix and prefix != DECLARES and seen.setdefault((addresses.get(prefix, prefix), local), name) != name:
            return name
    return ""


def text_in(value: Value, field: str) -> str:
    """A value as text that XML can hold; missing and null are empty."""
    if type(value) is str:
        text = value
    elif value is None:
        return ""
    elif isinstance(value, date):
        return text_of(value)
    elif isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "an object"
        raise RecordError("R314", f"`{field}` is {kind} {show(value)}, where XML holds one value", value)
    else:
        return encode(value).decode()
    if found := _UNHELD(text):
        raise RecordError("R312", f"`{field}` holds U+{ord(found[0]):04X}, which XML cannot hold", value)
    return text


def escaped(text: str) -> str:
    """Text between tags; a carriage return as a reference, or it would be read as a line feed."""
    return text.translate(_TEXT) if _IN_TEXT(text) else text


def quoted(text: str) -> str:
    """The value of an attribute, with its quotes."""
    return f'"{text.translate(_ATTRIBUTE) if _IN_ATTRIBUTE(text) else text}"'


def cdata(text: str) -> str:
    """Text in a CDATA section; what would end it, and a carriage return, stand between two of them."""
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>".replace("\r", "]]>&#13;<![CDATA[")
