"""From words to nodes. Python's parser decides what belongs together; only forms of a closed list become nodes.

It is given a name of ours for every word (`v0 * v1`), so that it meets no name, number or text of the spec, and every
place that it speaks of is a word of the text.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from engine.errors import OptionError
from engine.language.expressions import calling
from engine.language.expressions.nodes import (
    Area,
    Arithmetic,
    Choice,
    Comparison,
    Listing,
    Literal,
    Logic,
    Loop,
    Negative,
    Node,
    Not,
    Pick,
)
from engine.language.expressions.refusals import shown
from engine.language.expressions.scanning import DEEPEST, Token, scan
from engine.spelling import describe

OPERATORS: Final[Mapping[type[ast.AST], str]] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.And: "and", ast.Or: "or",
}  # fmt: skip

FORMS: Final[Mapping[type[ast.AST], str]] = {
    ast.Tuple: "a list stands in square brackets: `[a, b]`",
    ast.Set: "a list stands in square brackets: `[a, b]`",
    ast.Dict: "a map stands only as an option of a resolver",
    ast.ListComp: "`sum min max any all` go over a list without brackets: `sum(i.qty for i in items)`",
    ast.SetComp: "`sum min max any all` go over a list: `sum(i.qty for i in items)`",
    ast.DictComp: "make the object with `fields`",
    ast.GeneratorExp: "it is the one argument of `sum`, `min`, `max`, `any` or `all`",
}
"""Forms of Python that the language does not have, and what to write."""

_KEYS: Final = (str, int, Decimal)

SAID: Final[Mapping[str, tuple[str, str, str]]] = {
    "expected 'else'": ("E101", "`if` stands without `else`", "say both: `a if c else b`; `null` is a value too"),
    "Generator expression": (
        "E111",
        "a loop cannot stand here",
        "it is the one argument of `sum`, `min`, `max`, `any` or `all`",
    ),
    "positional argument follows": (
        "E110",
        "a value follows an option",
        'values come first: `lookup(sku, "stock", field="qty")`',
    ),
}
"""What Python's parser says of some mistakes, and what we say."""


def parse(text: str, start: int) -> Node:
    """The node of a whole expression; OptionError says what is wrong, and where in the text."""
    tokens = scan(text, start)
    return _Parser(text, tokens).whole()


class _Parser:
    """One expression on its way: its words, and where each stands in what Python's parser is given."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.columns: list[int] = []
        self.loops: list[str] = []
        self.depth = 0

    def whole(self) -> Node:
        """All of it."""
        said, column = [], 0
        for number, token in enumerate(self.tokens):
            self.columns.append(column)
            said.append(token.text if token.kind in ("word", "sign") else f"v{number}")
            column += len(said[-1]) + 1
        try:
            tree = ast.parse(" ".join(said), mode="eval")
        except SyntaxError as error:
            raise self._broken(error) from None
        except (MemoryError, RecursionError):
            raise OptionError("E102", "the expression nests too deep", "make it in two fields") from None
        return self.node(tree.body)

    def _broken(self, error: SyntaxError) -> OptionError:
        """Where the parser stopped, as a place in the text."""
        offset = error.offset or 1
        token = self.tokens[max(bisect_right(self.columns, offset - 1) - 1, 0)]
        help = "as in `int(qty) * price`, `a if c else b`, `sum(i.qty for i in items)`"
        for said, (code, message, remedy) in SAID.items():
            if said in error.msg:
                return OptionError(code, message, remedy, token.area)
        return OptionError("E101", f"`{shown(token.text)}` cannot stand here", help, token.area)

    # ── places ───────────────────────────────────────────────────────────────────────────────────────────

    def token(self, column: int) -> Token:
        """The word at a column of what the parser was given."""
        return self.tokens[bisect_right(self.columns, column) - 1]

    def area(self, tree: Any) -> Area:
        """Where in the text it stands."""
        start = self.token(tree.col_offset).start
        return start, self.token(tree.end_col_offset - 1).end - start

    def named(self, identifier: str) -> Token:
        """The word that a name of ours stands for."""
        return self.tokens[int(identifier[1:])]

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────────────

    def node(self, tree: ast.AST) -> Node:
        """The node of one form; refused where the language has no such form."""
        make = _MAKE.get(type(tree))
        if make is None:
            help = FORMS.get(type(tree), "as in `int(qty) * price`")
            raise OptionError("E108", "the language has no such form", help, self.area(tree))
        self.depth += 1
        if self.depth > DEEPEST:
            raise OptionError(
                "E102", f"the expression nests more than {DEEPEST} deep", "make it in two fields", self.area(tree)
            )
        made = make(self, tree)
        self.depth -= 1
        return made

    def name(self, tree: ast.Name) -> Node:
        token = self.named(tree.id)
        if token.kind == "literal":
            return Literal(token.area, token.value)
        return self.pick(token)

    def pick(self, token: Token) -> Pick:
        return Pick(token.area, token.value, calling.is_looped(token.value, self.loops), token.start)

    def binary(self, tree: ast.BinOp) -> Node:
        """Operators of one rank side by side are one chain, however long."""
        rank = _rank(tree.op)
        rest: list[tuple[str, Node]] = []
        first: ast.expr = tree
        while isinstance(first, ast.BinOp) and _rank(first.op) == rank:
            sign = OPERATORS[type(first.op)]
            rest.append((sign, self.operand(first.right, sign)))
            first = first.left
        return Arithmetic(self.area(tree), self.operand(first, rest[-1][0]), tuple(reversed(rest)))

    def operand(self, tree: ast.expr, sign: str) -> Node:
        """One side of `+` or `-`, where a duration may stand."""
        if sign in "+-" and isinstance(tree, ast.Call) and self.called(tree).text == "duration":
            return calling.duration(self.written(tree))
        return self.node(tree)

    def unary(self, tree: ast.UnaryOp) -> Node:
        if isinstance(tree.op, ast.Not):
            return Not(self.area(tree), self.node(tree.operand))
        if not isinstance(tree.op, ast.USub):
            raise OptionError(
                "E105", "`+` stands before nothing to add to", "leave it out", self.token(tree.col_offset).area
            )
        operand = self.node(tree.operand)
        if isinstance(operand, Literal) and type(operand.value) in (int, Decimal):
            return Literal(self.area(tree), -operand.value)
        return Negative(self.area(tree), operand)

    def logic(self, tree: ast.BoolOp) -> Node:
        operands = tuple(self.node(each) for each in tree.values)
        return Logic(self.area(tree), OPERATORS[type(tree.op)], operands)

    def comparison(self, tree: ast.Compare) -> Node:
        first = self.node(tree.left)
        pairs = zip(tree.ops, tree.comparators, strict=True)
        rest = tuple((OPERATORS[type(op)], self.node(right)) for op, right in pairs)
        self.refuse_null(first, rest)
        return Comparison(self.area(tree), first, rest)

    def refuse_null(self, left: Node, rest: Sequence[tuple[str, Node]]) -> None:
        """Nothing is compared with null: `present` asks whether there is a value."""
        for sign, right in rest:
            for operand, other in ((left, right), (right, left)):
                for each in operand.entries if isinstance(operand, Listing) else (operand,):
                    if _is_null(each):
                        said = "x" if _is_null(other) else describe(self.text[other.area[0] : sum(other.area)])
                        present = f"`not present({said})`" if sign == "==" else f"`present({said})`"
                        help = f"write {present}" if sign in ("==", "!=") else f"ask {present} beside it"
                        raise OptionError("E107", "null is compared with nothing", help, each.area)
            left = right

    def choice(self, tree: ast.IfExp) -> Node:
        branches = []
        last: ast.expr = tree
        while isinstance(last, ast.IfExp):
            branches.append((self.node(last.test), self.node(last.body)))
            last = last.orelse
        return Choice(self.area(tree), tuple(branches), self.node(last))

    def listing(self, tree: ast.List) -> Node:
        return Listing(self.area(tree), tuple(self.node(each) for each in tree.elts))

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────

    def called(self, tree: ast.Call) -> Token:
        """The name of the function."""
        if not isinstance(tree.func, ast.Name) or (token := self.named(tree.func.id)).kind != "function":
            help = "functions are called by their names: `trim(name)`"
            raise OptionError("E108", "what is called is no name", help, self.area(tree.func))
        return token

    def call(self, tree: ast.Call) -> Node:
        return calling.call(self.written(tree), self.text, self.loops)

    def written(self, tree: ast.Call) -> calling.Written:
        """The call with its arguments as nodes; a loop is the only argument of an aggregate."""
        token = self.called(tree)
        loop = next((each for each in tree.args if isinstance(each, ast.GeneratorExp)), None)
        if loop is not None and (token.text not in calling.AGGREGATES or len(tree.args) > 1 or tree.keywords):
            help = "it is the one argument of `sum`, `min`, `max`, `any` or `all`"
            raise OptionError("E111", "a loop cannot stand here", help, self.area(loop))
        arguments = [
            self.loop(each) if isinstance(each, ast.GeneratorExp) else self.argument(each) for each in tree.args
        ]
        named = [(self.keyword(each), self.argument(each.value)) for each in tree.keywords]
        return calling.Written(token.text, token.area, self.area(tree), arguments, named)

    def argument(self, tree: ast.expr) -> Node:
        """A value, or a map of literals, which only an option can be."""
        return self.mapping(tree) if isinstance(tree, ast.Dict) else self.node(tree)

    def mapping(self, tree: ast.Dict) -> Node:
        found: dict[str, Any] = {}
        for key, value in zip(tree.keys, tree.values, strict=True):
            name, held = self.node(key) if key else None, self.node(value)
            if not isinstance(name, Literal) or type(name.value) not in _KEYS or not isinstance(held, Literal):
                raise OptionError("E108", "a map of an option holds literals", 'as in `{"10": "LOW"}`', self.area(tree))
            if str(name.value) in found:
                raise OptionError("E110", f"`{shown(str(name.value))}` stands twice in a map", "keep one", name.area)
            found[str(name.value)] = held.value
        return Literal(self.area(tree), found)

    def keyword(self, tree: ast.keyword) -> Token:
        if tree.arg is None:
            raise OptionError(
                "E108", "the language has no such form", "options are written one by one", self.area(tree)
            )
        return self.named(tree.arg)

    def loop(self, tree: ast.GeneratorExp) -> Node:
        """`body for variable in source if condition`."""
        area, only = self.area(tree), tree.generators[0]
        if self.loops or len(tree.generators) > 1:
            raise OptionError("E111", "a loop stands in a loop", "make the inner one in a field of its own", area)
        if len(only.ifs) > 1:
            raise OptionError("E111", "a loop has one `if`", "join the conditions with `and`", area)
        variable = self.variable(only.target)
        self.loops.append("")  # no name: the source is outside, and yet no place for another loop
        source = self.node(only.iter)
        self.loops[-1] = variable
        condition = self.node(only.ifs[0]) if only.ifs else None
        body = self.node(tree.elt)
        self.loops.pop()
        return Loop(area, body, variable, source, condition)

    def variable(self, tree: ast.expr) -> str:
        token = self.named(tree.id) if isinstance(tree, ast.Name) else None
        if token is None or token.kind != "path" or token.value.head or len(token.value.steps) != 1:
            raise OptionError("E111", "a loop has one plain name", "as in `sum(i.qty for i in items)`", self.area(tree))
        return token.text


def _is_null(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None


def _rank(op: ast.operator) -> int:
    return 1 if isinstance(op, ast.Add | ast.Sub) else 2


_MAKE: Final[Mapping[type[ast.AST], Callable[[_Parser, Any], Node]]] = {
    ast.Name: _Parser.name,
    ast.BinOp: _Parser.binary,
    ast.UnaryOp: _Parser.unary,
    ast.BoolOp: _Parser.logic,
    ast.Compare: _Parser.comparison,
    ast.IfExp: _Parser.choice,
    ast.List: _Parser.listing,
    ast.Call: _Parser.call,
}
