r"""Expressions make a value where a path would pick one, behind `=`; conditions, without it, give true or false.

The syntax is Python's, the language a closed one: literals (`true` `false` `null`, `7`, `7.50`, texts in `"` or
`'`), names and dotted names (paths, never attributes), `[0]` on them, lists, `+ - * / // %` and unary minus,
comparisons (chains too), `in` and `not in`, `and or not`, `a if c else b`, and calls by name: every resolver, value
first and its options by name or in their order, and the functions below. At most 4,096 characters, 500 operators
and 64 levels.

- Texts know the escapes `\\ \" \' \n \t \u1234`. A name that is a keyword, holds other signs than letters, digits and
  `_`, or could be taken for another stands in `get("first-name")`; so does every path that is more than names and
  indexes. `a-b` without blanks is refused: it may be one name or a difference.
- Numbers mix exactly. An int stays an int under `+ - * // %`; `/` gives a decimal of 34 digits, half even, without
  zeros at its end; `//` and `%` floor. Two floats give a float; beside an exact number a float counts as the shortest
  decimal that reads back to it. No number has over 1,000 digits, and nothing divides by zero.
- `+` joins texts, empty ones too. Texts compare by code point. `date - date` is days (int), `instant - instant`
  seconds (decimal); a time plus or minus `duration("7d")` is a time, and a date moves by whole days.
- Only true and false decide; text is never compared with a number, nor a date with an instant; lists and objects are
  not compared. `check` says which resolver to call. `x in list` is `any(x == i for i in list)`.
- A missing or null operand rejects the record, and so does an empty text where no text is wanted, unless `present` or
  `coalesce` asked first. `and`, `or`, `if`, `coalesce`, `any` and `all` look only at what they need. A list keeps the
  places of its entries: what is missing is null in it.
- A loop, `x for i in list if c`, is the one argument of `sum`, `min`, `max`, `any` or `all`. Its variable hides a
  name of the record. Its list is taken as `each` takes one: blank is none, one object is a list of one. A blank among
  the values rejects.
"""

from engine.language.expressions.checking import condition_shape, expression_shape
from engine.language.expressions.evaluating import decider, evaluator
from engine.language.expressions.expression import Condition, Expression

__all__ = ["Condition", "Expression", "condition_shape", "decider", "evaluator", "expression_shape"]
