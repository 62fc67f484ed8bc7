"""Digests and encodings: texts made of a text's UTF-8 bytes, the same in every language."""

from __future__ import annotations

import binascii
from typing import Annotated, Any, Final, Literal

from engine.errors import OptionError, RecordError
from engine.registry import Doc, Example, resolver
from engine.spelling import show

Algorithm = Annotated[
    Literal["sha256", "sha384", "sha512", "sha1", "md5"],
    Doc("The hash function; `sha1` and `md5` are for systems that ask for them."),
]

_ABC: Final = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
_SIGNED: Final = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
_FOX: Final = "The quick brown fox jumps over the lazy dog"


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example("abc", _ABC),
        Example("abc", "900150983cd24fb0d6963f7d28e17f72", options={"algorithm": "md5"}),
    ],
)
def hash_(value: str, *, algorithm: Algorithm = "sha256") -> str:
    """The hash of the text's UTF-8 bytes in small hexadecimal digits: SHA-256 unless said."""
    import hashlib  # 5 ms of start-up

    return hashlib.new(algorithm, value.encode(), usedforsecurity=False).hexdigest()


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example(_FOX, _SIGNED, options={"key": "key"}),
        Example(_FOX, "80070713463e7749b90c2dc24911e275", options={"key": "key", "algorithm": "md5"}),
    ],
)
def hmac(
    value: str,
    *,
    key: Annotated[str, Doc("The shared secret; its UTF-8 bytes sign.", secret=True)],
    algorithm: Algorithm = "sha256",
) -> str:
    """The HMAC (RFC 2104) of the text's UTF-8 bytes in small hexadecimal digits: with SHA-256 unless said."""
    from hmac import digest

    return digest(_revealed(key).encode(), value.encode(), algorithm).hex()


def _revealed(key: Any) -> str:
    """The secret itself, which travels in a wrapper that never prints it."""
    return str(key.reveal() if hasattr(key, "reveal") else key)


class Namespace:
    """The namespace of a name-based UUID: `dns`, `url`, `oid`, `x500`, or a UUID; becomes its 16 bytes."""

    kind = "namespace"
    schema: Final = {"type": "string"}

    @classmethod
    def parse(cls, value: Any) -> bytes:
        """The bytes of the namespace."""
        digits = str(value).replace("-", "")
        named = ("dns", "url", "oid", "x500")
        if value in named:
            return bytes.fromhex(f"6ba7b81{(0, 1, 2, 4)[named.index(value)]}9dad11d180b400c04fd430c8")
        if len(digits) == 32 and str(value) == _dashed(digits):
            try:
                return bytes.fromhex(digits)
            except ValueError:
                pass
        help = "`dns`, `url`, `oid`, `x500`, or a UUID such as `6ba7b810-9dad-11d1-80b4-00c04fd430c8`"
        raise OptionError("M311", f"{show(value)} is not a namespace", help)


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example("example.com", "cfbff0d1-9375-5685-968c-48ce8b15ae17", options={"namespace": "dns"}),
        Example("a", "e1407479-3136-56c0-9908-bb02fb0339e2", options={"namespace": "url"}),
    ],
)
def uuid5(
    value: str,
    *,
    namespace: Annotated[Namespace, Doc("`dns`, `url`, `oid`, `x500`, or a UUID of your own.")],
) -> str:
    """The UUID of version 5 (RFC 9562) that this name has in the namespace: the same name, the same UUID."""
    import hashlib

    made = bytearray(hashlib.sha1(bytes(namespace) + value.encode(), usedforsecurity=False).digest()[:16])  # type: ignore[call-overload]
    made[6] = made[6] & 0x0F | 0x50
    made[8] = made[8] & 0x3F | 0x80
    return _dashed(made.hex())


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example("héllo", "aMOpbGxv"),
        Example("aMOpbGxv", "héllo", options={"decode": True}),
        Example("a=b", error="R221", options={"decode": True}),
    ],
)
def base64(value: str, *, decode: Annotated[bool, Doc("Whether to read base64 instead of writing it.")] = False) -> str:
    """The text's UTF-8 bytes in base64 (RFC 4648, `+` `/`, padded, one line), or the text that base64 holds.

    Reading refuses anything but that form, and bytes that are not UTF-8.
    """
    if not decode:
        return binascii.b2a_base64(value.encode(), newline=False).decode()
    try:
        return binascii.a2b_base64(value, strict_mode=True).decode()
    except UnicodeDecodeError as error:
        raise RecordError("R221", f"{show(value)} is base64 of bytes that are not UTF-8 text", value) from error
    except ValueError as error:
        raise RecordError("R221", f"{show(value)} is not base64", value) from error
