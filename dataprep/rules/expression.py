"""Rule expressions: a small language of conditions over columns, parsed into a typed tree.

Not SQL passed through: an expression may name known columns, constants and a dozen functions, and nothing else, so a
pipeline file from a stranger can neither read a file nor run for ever. The alternative, letting DuckDB parse the text
and walking its tree, would accept whatever the next DuckDB adds. Kinds are checked while parsing, so that
`label > 3` fails when the file is read and not after an hour.

Method: precedence climbing (V. Pratt, "Top down operator precedence", 1973), one function per level that differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from dataprep.pipeline.quoting import shortened
from dataprep.rules.functions import FUNCTIONS, Signature
from dataprep.rules.tokens import Source, Token, did_you_mean, tokenize
from dataprep.rules.tree import (
    Column,
    ColumnKind,
    Constant,
    Expression,
    Kind,
    Node,
    Operation,
    Scalar,
    Threshold,
    kind_of,
    show_constant,
)

MAX_DEPTH: Final = 64
"""Deepest nesting of an expression; bounds recursion here and in DuckDB."""
MAX_INTEGER: Final = 2**63 - 1

_COMPARISONS: Final = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RESERVED: Final = frozenset(("and", "or", "not", "in", "between", "like", "ilike", "is", "null", "true", "false"))
_ADDITIVE: Final = ("+", "-")
_MULTIPLICATIVE: Final = ("*", "/", "%")


def parse(
    text: str, columns: Mapping[str, ColumnKind], *, threshold: Scalar | None = None, key: str | None = None
) -> Expression:
    """Parse and check an expression.

    Args:
        text: the expression.
        columns: every column it may name, with its kind.
        threshold: the rule's threshold, whose kind `$threshold` takes; None if the rule has none.
        key: the key of the pipeline file the text stands under, for messages.

    Raises:
        InputError: a mistake in the expression, with the place and, where there is one, the name that was meant.

    >>> parse("n_words < 3 and label = 'x'", {"n_words": "number", "label": "text"}).columns
    ('label', 'n_words')
    >>> parse("n_word < 3", {"n_words": "number"})
    Traceback (most recent call last):
    dataprep.errors.InputError: unknown column "n_word"; did you mean "n_words"?
        n_word < 3
        ^
      next: mend the expression; docs/rules.md has its grammar, columns and functions
    """
    source = Source(text, key)
    parser = _Parser(source, columns, threshold)
    root = parser.whole()
    return Expression(root, source, tuple(sorted(parser.used)), parser.uses_threshold)


class _Parser:
    """One pass over the tokens; each method parses one level and returns its node."""

    def __init__(self, source: Source, columns: Mapping[str, ColumnKind], threshold: Scalar | None) -> None:
        self.source = source
        self.columns = columns
        self.threshold = threshold
        self.tokens = tokenize(source)
        self.index = 0
        self.depth = 0
        self.used: set[str] = set()
        self.uses_threshold = False

    # -- tokens --

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def takes(self, *texts: str) -> Token | None:
        """The current token if it is one of these operators or words, consumed; else None."""
        token = self.token
        text = token.text.lower() if token.kind == "word" else token.text
        return self.advance() if token.kind in ("word", "operator") and text in texts else None

    def expect(self, text: str, why: str) -> None:
        if not self.takes(text):
            found = f"not `{shortened(self.token.text)}`" if self.token.kind != "end" else "not the end"
            raise self.source.error(f"expected `{text}` {why}, {found}", self.token.start)

    # -- levels, loosest first --

    def whole(self) -> Node:
        root = self.disjunction()
        if self.token.kind != "end":
            hint = "write `=`" if self.token.text == "=" else None
            raise self.source.error(
                f"unexpected `{shortened(self.token.text)}` after the expression", self.token.start, hint=hint
            )
        return root

    def disjunction(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.source.error(f"nested deeper than {MAX_DEPTH} levels", self.token.start)
        node = self.logical("or", lambda: self.logical("and", self.negation))
        self.depth -= 1
        return node

    def logical(self, word: str, operand: Callable[[], Node]) -> Node:
        """`a and b and c` becomes one node with three operands, so long chains stay shallow."""
        operands = [operand()]
        position = self.token.start
        while self.takes(word):
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        for node in operands:
            self.require(node, "bool", f"`{word}` joins conditions")
        return Operation(word, tuple(operands), "bool", position)

    def negation(self) -> Node:
        negations: list[Token] = []
        while token := self.takes("not"):
            negations.append(token)
        node = self.comparison()
        if negations:
            self.require(node, "bool", "`not` takes a condition")
        # Two negations are none, also for null.
        return Operation("not", (node,), "bool", negations[0].start) if len(negations) % 2 else node

    def comparison(self) -> Node:
        left = self.sum()
        token = self.token
        if found := self.takes(*_COMPARISONS):
            right = self.sum()
            self.comparable(found, left, right)
            left = Operation(_COMPARISONS[found.text], (left, right), "bool", found.start)
        elif self.takes("is"):
            op = "is not null" if self.takes("not") else "is null"
            self.expect("null", f"after `{op.removesuffix(' null')}`")
            left = Operation(op, (left,), "bool", token.start)
        else:
            negated = "not " if self.takes("not") else ""
            if operation := self.membership(left, negated):
                left = operation
            elif negated:
                raise self.source.error("expected `in`, `between`, `like` or `ilike` after `not`", self.token.start)
        if self.token.text in _COMPARISONS and self.token.kind == "operator":
            raise self.source.error("comparisons do not chain", self.token.start, hint="write: a < b and b < c")
        return left

    def membership(self, left: Node, negated: str) -> Node | None:
        """`in`, `between`, `like` and `ilike`, the operators that `not` may precede."""
        found = self.takes("in", "between", "like", "ilike")
        if not found:
            return None
        op = found.text.lower()
        if op == "in":
            self.expect("(", "after `in`")
            operands = [self.sum()]
            while self.takes(","):
                operands.append(self.sum())
            self.expect(")", "at the end of the list")
        elif op == "between":
            operands = [self.sum()]
            self.expect("and", "between the two ends of `between`")
            operands.append(self.sum())
        else:
            operands = [self.sum()]
            self.require(left, "text", f"`{op}` compares texts")
        for operand in operands:
            self.comparable(found, left, operand)
        return Operation(negated + op, (left, *operands), "bool", found.start)

    def sum(self) -> Node:
        return self.chain((*_ADDITIVE, "||"), lambda: self.chain(_MULTIPLICATIVE, self.sign))

    def chain(self, operators: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        left = operand()
        length = 0
        while token := self.takes(*operators):
            length += 1
            if length > MAX_DEPTH:
                raise self.source.error(f"more than {MAX_DEPTH} operators in a row", token.start)
            right = operand()
            kind: Kind = "text" if token.text == "||" else "number"
            hint = "`||` joins texts; conditions are joined by `or`" if token.text == "||" else None
            for node in (left, right):
                self.require(node, kind, f"`{shortened(token.text)}` takes {_PLURAL[kind]}", hint=hint)
            left = Operation(token.text, (left, right), kind, token.start)
        return left

    def sign(self) -> Node:
        signs: list[Token] = []
        while token := self.takes("-", "+"):
            signs.append(token)
        node = self.primary()
        if not signs:
            return node
        self.require(node, "number", f"`{signs[0].text}` takes a number")
        if sum(token.text == "-" for token in signs) % 2 == 0:
            return node
        if isinstance(node, Constant) and isinstance(node.value, int | float):
            return Constant(-node.value, "number", signs[0].start)
        return Operation("neg", (node,), "number", signs[0].start)

    def primary(self) -> Node:
        token = self.advance()
        match token.kind:
            case "number":
                return Constant(self.number(token), "number", token.start)
            case "string":
                return Constant(token.text, "text", token.start)
            case "parameter":
                return self.parameter(token)
            case "quoted":
                return self.column(token)
            case "word":
                return self.word(token)
            case "operator" if token.text == "(":
                node = self.disjunction()
                self.expect(")", "to close the bracket")
                return node
            case "end":
                raise self.source.error("the expression ends too early", token.start)
            case _:
                hint = "write `=`" if token.text == "=" else None
                raise self.source.error(f"unexpected `{shortened(token.text)}`", token.start, hint=hint)

    # -- leaves --

    def number(self, token: Token) -> float | int:
        if token.text.isdigit():
            if len(token.text) > 19 or int(token.text) > MAX_INTEGER:
                raise self.source.error("a whole number beyond 64 bits", token.start)
            return int(token.text)
        value = float(token.text)
        if math.isinf(value):
            raise self.source.error("a number too large to represent", token.start)
        return value

    def parameter(self, token: Token) -> Node:
        if token.text != "$threshold":
            raise self.source.error(
                f"unknown parameter `{shortened(token.text)}`", token.start, hint="the only one is $threshold"
            )
        if self.threshold is None:
            raise self.source.error("the rule has no `threshold`", token.start, hint="add a line `threshold: …`")
        self.uses_threshold = True
        return Threshold(kind_of(self.threshold), token.start)

    def word(self, token: Token) -> Node:
        word = token.text.lower()
        if self.token.text == "(" and self.token.kind == "operator" and word not in _RESERVED:
            return self.call(token)
        if word in ("true", "false"):
            return Constant(word == "true", "bool", token.start)
        if word == "null":
            return Constant(None, "null", token.start)
        if word in _RESERVED:
            raise self.source.error(f"unexpected `{shortened(token.text)}`", token.start)
        return self.column(token)

    def column(self, token: Token) -> Node:
        kind = self.columns.get(token.text)
        if kind is None:
            guess = did_you_mean(token.text, self.columns)
            hint = (
                f"a text takes single quotes: {show_constant(shortened(token.text))}"
                if token.kind == "quoted"
                else None
            )
            raise self.source.error(f'unknown column "{shortened(token.text)}"{guess}', token.start, hint=hint)
        self.used.add(token.text)
        return Column(token.text, kind, token.start)

    def call(self, token: Token) -> Node:
        name = token.text.lower()
        signature = FUNCTIONS.get(name)
        if signature is None:
            guess = did_you_mean(name, FUNCTIONS) or f"; there are {', '.join(sorted(FUNCTIONS))}"
            raise self.source.error(f'unknown function "{shortened(token.text)}"{guess}', token.start)
        self.advance()
        arguments: list[Node] = []
        if not self.takes(")"):
            arguments.append(self.disjunction())
            while self.takes(","):
                arguments.append(self.disjunction())
            self.expect(")", f"at the end of {name}(…)")
        return Operation(name, tuple(arguments), self.check_call(token, signature, arguments), token.start)

    # -- kinds --

    def check_call(self, token: Token, signature: Signature, arguments: list[Node]) -> Kind:
        """The kind of a call's result, once its arguments have been found to fit."""
        name = token.text.lower()
        if not signature.minimum <= len(arguments) <= signature.maximum:
            raise self.source.error(f"{name} takes {signature.arity}, not {len(arguments)}", token.start)
        for place, check in signature.constants.items():
            if place < len(arguments):
                self.check_constant(arguments[place], name, check)
        if signature.arguments is not None:
            for argument, kind in zip(arguments, signature.arguments, strict=False):
                self.require(argument, kind, f"{name} takes {_SINGULAR[kind]} here")
            return signature.result or "null"
        kinds = [argument.kind for argument in arguments if argument.kind != "null"]
        for argument in arguments:
            if argument.kind not in ("null", *kinds[:1]):
                raise self.source.error(f"{name} takes values of one kind", argument.position)
        if signature.numbers_or_texts and "bool" in kinds:
            raise self.source.error(f"{name} takes numbers or texts", token.start)
        return kinds[0] if kinds else "null"

    def check_constant(self, node: Node, name: str, check: Callable[[object], str | None]) -> None:
        """Arguments that would fail at run time for one row in a million must be constants, and are tried now."""
        if isinstance(node, Threshold):
            value: object = self.threshold
        elif isinstance(node, Constant):
            value = node.value
        else:
            raise self.source.error(f"{name} takes a constant here", node.position)
        if complaint := check(value):
            raise self.source.error(complaint, node.position)

    def require(self, node: Node, kind: Kind, why: str, *, hint: str | None = None) -> None:
        if node.kind != kind:
            raise self.source.error(f"{why}, and this is {_SINGULAR[node.kind]}", node.position, hint=hint)

    def comparable(self, operator: Token, left: Node, right: Node) -> None:
        for node in (left, right):
            if node.kind == "null":
                raise self.source.error(
                    f"`{operator.text}` with null never holds", node.position, hint="write `is null` or `is not null`"
                )
        if left.kind != right.kind:
            raise self.source.error(
                f"`{operator.text}` between {_SINGULAR[left.kind]} and {_SINGULAR[right.kind]}",
                operator.start,
                hint=_MIXED.get(frozenset((left.kind, right.kind))),
            )


_SINGULAR: Final[dict[Kind, str]] = {"text": "a text", "number": "a number", "bool": "a condition", "null": "null"}
_PLURAL: Final[dict[Kind, str]] = {"text": "texts", "number": "numbers", "bool": "conditions", "null": "nulls"}
_MIXED: Final[dict[frozenset[Kind], str]] = {
    frozenset[Kind](("text", "number")): "numbers are written without quotes; length(…) gives a text's length",
    frozenset[Kind](("bool", "number")): "a condition is compared with true or false, or stands alone",
    frozenset[Kind](("bool", "text")): "a condition is compared with true or false, or stands alone",
}
