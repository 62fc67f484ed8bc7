r"""An expression computes a value. It stands behind `=` in place of a path: `total: =int(qty) * price`.

A condition gives true or false and is written without `=`: `when: int(qty) > 0`. The syntax is Python's; nothing but
what this section names is in the language, and `check` says what to write instead.

**What an expression is made of**

- `true`, `false`, `null`; numbers such as `7`, `-7`, `7.50`; texts in `"` or `'`, with `\\ \" \' \n \t \u1234` in them;
  lists: `["A", "B"]`.
- Fields by name: `qty`, `customer.email`, `lines[0].sku` (not `lines.0.sku`), `$out.total`. What holds other signs, or
  is a keyword, stands in `get`: `get("first-name")`, `get("lines[*].sku")`. A `-` between two names is a minus only
  with blanks around it.
- Operators: `+ - * / // %`; `== != < <= > >=`, also in chains (`0 < qty <= 9`); `in`, `not in`; `and`, `or`, `not`;
  `a if c else b`.
- Calls: every resolver, the value first and then its options in their order or by name
  (`round(price, 2, rounding="half_up")`), and the functions below. Options of `lookup`, `null_if`, `python` and what
  works on lists and objects (`pick`, `sort`, ..) are written down, not computed; a path among them is a text:
  `key="sku"`. An option that is a secret, such as the `key` of `hmac`, stands in `resolver: {..}` alone.
- A loop, as the one argument of `sum`, `min`, `max`, `any` or `all`: `sum(i.qty * i.price for i in lines if i.ok)`.
  Its name hides a field of that name.

**What operators do**

- Types are never converted unseen: where they do not go together, `check` names the resolver to call. Text does not
  compare with a number, nor a date with an instant; lists and objects do not compare at all.
- Numbers are exact: an int stays an int under `+ - * // %`, `/` gives a decimal of at most 34 digits (half even), `//`
  and `%` round down. Two floats give a float; a float beside an exact number counts as the shortest decimal that reads
  back to it. Division by zero rejects the record.
- `+` joins texts, which compare by code point. `date - date` is days, `instant - instant` seconds; a time moves by
  `duration`, a date by whole days.
- Only true and false decide, after `if`, `and`, `or`, `not` and in conditions: `present(x)`, not `x`.
- `x in list` holds where an item equals `x`.

**Blanks**

- A missing or null operand rejects the record, and so does an empty text where a number or a time is needed. Ask first:
  `present(x)` says whether there is a value, `coalesce(x, 0)` gives another. `x == null` is refused.
- `and`, `or`, `if`, `coalesce`, `any` and `all` look only at what they need. What is missing is null in a list.
- A loop takes its list as `each` does: a blank is no item, one object is a list of one. A blank among the values
  rejects; `if present(i.qty)` leaves it out.

**For instance**

- A date in one of two formats: `=date(day, format="%d/%m/%Y") if present(extract(day, "/")) else date(day)`.
- A text within a text: `when: present(extract(currency, "EUR"))`.
- A lookup by several keys: `=lookup(sku, "prices", key=["sku", "size"], field="price")`.

**Limits**: 4,096 characters, 500 operators, 64 levels of brackets, numbers of 1,000 digits.
"""

from engine.language.expressions.checking import condition_shape, expression_shape
from engine.language.expressions.evaluating import decider, evaluator
from engine.language.expressions.expression import Condition, Expression

__all__ = ["Condition", "Expression", "condition_shape", "decider", "evaluator", "expression_shape"]
