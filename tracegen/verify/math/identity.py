"""Whether two trees are the same function: compared at points, to the precision that their sizes call for.

Three answers, as everywhere: same, different, or a reason why it cannot be told.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Any

from tracegen.verify.math.evaluate import POINTS, Evaluation, evaluate, mentions_i, point, symbols
from tracegen.verify.math.grammar import Node, Unreadable

SAME = "same"
DIFFERENT = "different"
FIRST_LOOK_BITS = 160


def identical(left: Node, right: Node) -> str:
    """``same``, ``different``, or why neither can be said."""
    return _over_points((left, right))


def proportional(left: Node, right: Node) -> str:
    """Whether ``left = 0`` and ``right = 0`` are one equation: the quotient is the same number everywhere."""
    quotient = Node("over", (left, right))
    first = next((which for which in range(POINTS) if _defined(quotient, which)), None)
    if first is None:
        return "undefined"
    names = symbols(quotient)
    bits = _needed_bits([quotient], names, first)
    values = [_at(quotient, names, which, bits).value for which in range(POINTS) if _defined(quotient, which)]
    if len(values) < 3 or any(_close(value, 0, bits) for value in values):
        return "undefined"  # one of them holds everywhere, but for rounding
    return SAME if all(_close(value, values[0], bits) for value in values) else DIFFERENT


def _defined(node: Node, which: int) -> bool:
    try:
        return bool(_at(node, symbols(node), which).value)
    except Unreadable:
        return False


def constant(node: Node) -> Fraction | None:
    """The real value of a tree without symbols, to the precision of a first look."""
    if symbols(node):
        return None
    value = _at(node, frozenset(), 0).value
    if not hasattr(value, "_mpf_"):  # not real
        return None
    sign, mantissa, exponent, _ = value._mpf_
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** int(exponent)


def _over_points(pair: tuple[Node, Node]) -> str:
    names = symbols(pair[0]) | symbols(pair[1])
    points = range(POINTS) if names else range(1)
    complex_is_fine = not names or any(map(mentions_i, pair))
    found = {word for which in points if (word := _at_point(pair, names, which, complex_is_fine))}
    if found == {SAME}:
        return SAME
    if found == {DIFFERENT}:
        return DIFFERENT
    return "depends_on_the_domain" if found else "undefined"


def _at_point(pair: tuple[Node, Node], names: frozenset[str], which: int, complex_is_fine: bool) -> str:
    """Empty where the first is not defined, or not real: such a point says nothing."""
    try:
        bits = _needed_bits(pair[:1], names, which)
        first = _at(pair[0], names, which)
    except Unreadable as error:
        if error.args[0] == "too_big":
            raise
        return ""
    if first.left_reals and not complex_is_fine:
        return ""
    try:
        bits = max(bits, _needed_bits(pair[1:], names, which))
        values = [_at(node, names, which, bits).value for node in pair]
    except Unreadable as error:
        if error.args[0] == "too_big":
            raise
        return DIFFERENT
    return SAME if _close(values[0], values[1], bits) else DIFFERENT


def _needed_bits(nodes: tuple[Node, ...] | list[Node], names: frozenset[str], which: int) -> int:
    return 256 + 8 * max(_at(node, names, which).bits for node in nodes)


@lru_cache(maxsize=4_096)
def _at(node: Node, names: frozenset[str], which: int, bits: int = FIRST_LOOK_BITS) -> Evaluation:
    return evaluate(node, point(names, which), bits)


def _close(left: Any, right: Any, bits: int) -> bool:
    """Equal but for rounding: half of the digits are there to tell it from a small difference."""
    return bool(abs(left - right) * 2 ** (bits // 2) <= max(abs(left), abs(right), 1))
