r"""Alternatives as one set: ``x < 1, x > 2`` is a union, because together they could not be meant.

Intervals that overlap may stand for their intersection as well, so they are left as they are.
"""

from fractions import Fraction
from itertools import pairwise

from tracegen.verify.math import exact, identity
from tracegen.verify.math.grammar import Node, Unreadable
from tracegen.verify.math.shapes import Items, Leaf, Named, Shape, Union
from tracegen.verify.math.trees import tree_of


def joined(shape: Shape) -> Shape:
    """A list of disjoint intervals of one letter as their union; all else as it is."""
    if not isinstance(shape, Items) or shape.ordered or len(shape.items) < 2:
        return shape
    names = {item.name for item in shape.items if isinstance(item, Named)}
    parts = [item.value for item in shape.items if isinstance(item, Named)]
    if len(names) != 1 or len(parts) < len(shape.items):
        return shape
    bounds = sorted(found for part in parts if (found := _bounds(part)))
    if len(bounds) < len(parts) or not all(_apart(left, right) for left, right in pairwise(bounds)):
        return shape
    return Named(names.pop(), Union(tuple(parts)))


def _bounds(shape: Shape) -> tuple[float | Fraction, float | Fraction, bool, bool] | None:
    """Low and high, and whether they belong to it."""
    if not isinstance(shape, Items) or not shape.ordered or len(shape.items) != 2:
        return None
    ends = [_number(item.text) if isinstance(item, Leaf) else None for item in shape.items]
    if ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1], shape.opening == "[", shape.closing == "]"


def _apart(
    left: tuple[float | Fraction, float | Fraction, bool, bool],
    right: tuple[float | Fraction, float | Fraction, bool, bool],
) -> bool:
    return left[1] < right[0] or (left[1] == right[0] and not (left[3] and right[2]))


def _number(text: str) -> float | Fraction | None:
    infinite = {r"-\infty": float("-inf"), r"\infty": float("inf")}.get(text.strip().lstrip("+"))
    if infinite is not None:
        return infinite
    number = exact.read(text)
    if number is not None:
        return number.value
    node = tree_of(text)
    try:
        return identity.constant(node) if isinstance(node, Node) else None
    except Unreadable:
        return None
