"""Conditions: comparisons of answers, parsed to an AST of a few allowed node types. Evaluating one never raises. Pure."""

import ast
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

MOST_CHARS, MOST_PARTS = 300, 80
WORDS = {"true": True, "false": False, "yes": True, "no": False, "none": None}
HINT = 'Compare answers, for example: mood == "low" and hours > 2'


class BadCondition(ValueError):
    """Raised for an invalid condition; the message is a sentence for the person."""


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Restricts an order comparison to two numbers or two texts; all other pairs compare as false."""
    return lambda a, b: ((isinstance(a, str) and isinstance(b, str)) or _are_numbers(a, b)) and compare(a, b)


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _equals(a: Any, b: Any) -> bool:
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _within(a: Any, b: Any) -> bool:
    """Returns whether a value is in a list, or a text in a text."""
    return any(_equals(a, item) for item in b) if isinstance(b, list) else isinstance(a, str) and isinstance(b, str) and a in b


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: _equals,
    ast.NotEq: lambda a, b: not _equals(a, b),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _within,
    ast.NotIn: lambda a, b: not _within(a, b),
}


def parsed(text: str, names: Collection[str]) -> ast.expr:
    """Returns the AST of a condition, which can use only these names; raises `BadCondition`."""
    if len(text) > MOST_CHARS:
        raise BadCondition(f"A condition can have at most {MOST_CHARS} characters.")
    try:
        tree = _tree(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise BadCondition("This condition can't be read.") from error
    if sum(1 for _ in ast.walk(tree)) > MOST_PARTS:
        raise BadCondition("This condition has too many parts.")
    _check(tree, names)
    return tree


def mentioned(checked: str) -> Iterator[str]:
    """Yields the names of the answers that a condition compares; that of a step's as `steps.name`."""
    for node in ast.walk(_tree(checked)):
        match node:
            case ast.Attribute(attr=name):
                yield f"steps.{name}"
            case ast.Name(id=name) if name != "steps" and name not in WORDS:
                yield name


def holds_now(checked: str, values: Mapping[str, Any]) -> bool:
    """Evaluates the text of a condition that was already checked."""
    return holds(_tree(checked), values)


def holds(tree: ast.expr, values: Mapping[str, Any]) -> bool:
    """Returns whether a condition is true for these values; a name without a value is None."""
    return bool(_value(tree, values))


def _tree(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _check(node: ast.expr, names: Collection[str]) -> None:
    match node:
        case ast.BoolOp(values=inside) | ast.List(elts=inside) | ast.Tuple(elts=inside):
            parts = inside
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            parts = [operand]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            parts = []
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(operator) in COMPARISONS for operator in ops):
            parts = [left, *others]
        case ast.Constant(value=str() | int() | float()):
            parts = []
        case ast.Name(id=name):
            _check_name(name, names)
            parts = []
        case ast.Attribute(value=ast.Name(id="steps"), attr=name):
            _check_name(f"steps.{name}", names)
            parts = []
        case _:
            raise BadCondition("A condition can only compare answers, with and, or, not and in.")
    for part in parts:
        _check(part, names)


def _check_name(name: str, names: Collection[str]) -> None:
    if name not in names and name not in WORDS:
        raise BadCondition(f"There is no answer named “{name}”.")


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=inside):
            return all(_value(part, values) for part in inside)
        case ast.BoolOp(values=inside):
            return any(_value(part, values) for part in inside)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, values)
        case ast.UnaryOp(operand=ast.Constant(value=int(number) | float(number))):
            return -number
        case ast.List(elts=inside) | ast.Tuple(elts=inside):
            return [_value(part, values) for part in inside]
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(side, values) for side in (left, *others)]
            return all(COMPARISONS[type(op)](*pair) for op, pair in zip(ops, pairwise(sides), strict=True))
        case ast.Attribute(attr=name):
            return values.get(f"steps.{name}")
        case ast.Name(id=name):
            return values[name] if name in values else WORDS.get(name)
        case ast.Constant(value=value):
            return value
    return None
