"""Where ours differs from the original SDK on purpose: one table, for `check`, for the reference, for `--convert`."""

from __future__ import annotations

from typing import Final, NamedTuple


class Difference(NamedTuple):
    """One intended difference: what is concerned, what the SDK does, what ours does."""

    code: str
    what: str
    sdk: str
    ours: str


DIFFERENCES: Final = (
    Difference(
        "M601",
        "`sdk.parseInt` `sdk.parseFloat` `sdk.number`",
        "nothing and garbage become 0",
        "the same; write `int` or `decimal`, which refuse garbage; digits beyond 2^53 are kept",
    ),
    Difference(
        "M602",
        "`sdk.boolean`, `toBoolean`",
        "nothing and every unknown word become false",
        "the same; write `bool`, which refuses them",
    ),
    Difference(
        "M603",
        "dates",
        "no offset is the host's zone; `2024-02-30` rolls over; what is no date stays text",
        "no offset is UTC; a day that its month does not have rejects; what is no date stays text",
    ),
    Difference(
        "M604",
        "`defaultValue` beside `required` in `fields`, or beside a transform with `nodes`",
        "the default is never used",
        "the same beside `required`; beside a transform it is used",
    ),
    Difference(
        "M605",
        "`required` before a resolver",
        "the resolver may still give nothing",
        "the same; in our language `required` comes after it",
    ),
    Difference(
        "M606",
        "`custom.*` resolvers",
        "code of the application; without it the field is lost, or sent as it came, in silence",
        "the field is left out; `{type: python, function: module:name}` calls code; a required one, or an unknown "
        "name, is an error",
    ),
    Difference(
        "M607",
        "a resolver of the other mapper",
        "ignored, or the field is lost",
        "applied",
    ),
    Difference(
        "M608",
        "`required` with `nodes`, or on an array; `minItems` of no array",
        "never checked",
        "the record is rejected",
    ),
    Difference(
        "M609",
        "`[-1]`, `a[0][1]`, `[]`, several `[*]`, `.*`, `['k']`, `$record`, `nodes.x`; a name asked of a list",
        "each is nothing to one mapper or another; nothing",
        "read as they say; the record is rejected (R205)",
    ),
    Difference(
        "M610",
        "arrays in `arguments`, and `a[*]` over one object",
        "one object instead of a list is lost; with `autoWrap`, null is one empty item",
        "one object is a list of one, null an empty list",
    ),
    Difference(
        "M611",
        "names such as `__proto__` and `constructor`",
        "read from, or written into, the prototype of all objects",
        "names like any other",
    ),
    Difference(
        "M612",
        "`$context`",
        "what the application laid into each record",
        "the record's own `$context`, else the variable of that name",
    ),
    Difference(
        "M613",
        "unknown keys",
        "ignored in silence",
        "ignored, with a warning",
    ),
    Difference(
        "M614",
        "`comment` and `fields` in nested arguments, children beside `source`",
        "`comment` is a path and is sent; `fields` gives `{}`; children are lost",
        "a comment with blanks is one; `fields` holds children; children beside `source` are lost",
    ),
    Difference(
        "M615",
        "`${NAME}` as a value",
        "the environment, read while mapping",
        "the variable of that name; without one an error",
    ),
    Difference(
        "M616",
        "`m[0][1]` as a target; with `nodes`, an array under `a.b`",
        "a list under the name `m[0]`; a key `a.b`",
        "the name as it stands; an array inside an object",
    ),
    Difference(
        "M617",
        "a text instead of a map in `fields`",
        "skipped in silence",
        "a path",
    ),
    Difference(
        "M618",
        "forms of its examples that no mapper of it runs: `_array`, `_autoWrap`, `_resolver`, `item.x`, `x[]`; objects "
        "and arrays in items of the mutation mapper",
        "nothing, a raw copy, or a failure",
        "what they say",
    ),
    Difference(
        "M619",
        "NaN and Invalid Date: `parseInt` `parseFloat` `toDate` of `arguments`, `sdk.parseDate`",
        "null in JSON; an error of an optional field drops the branch around it",
        "the record is rejected (R275)",
    ),
)
"""Each is a warning of `check` under its code, where it applies to a file."""

BY_CODE: Final = {each.code: each for each in DIFFERENCES}


def table() -> str:
    """The table as Markdown, for the reference page."""
    rows = [f"| {each.code} | {each.what} | {each.sdk} | {each.ours} |" for each in DIFFERENCES]
    return "\n".join(["| | where | the SDK | ours |", "|---|---|---|---|", *rows]) + "\n"
