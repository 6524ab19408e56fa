r"""Values of trees at given points, to as many digits as the tree asks for, and never more work than a bound.

Magnitudes are added up on the way: they say how many digits can matter. 1/2^99 and 1/2^98 differ in the thirtieth
decimal, and a difference that is not looked for there is a false positive. A tower of powers ends at the bound.
It may still be slow (a sine to ten thousand digits): it is called in killable processes only.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tracegen.verify.math.grammar import Node, Unreadable

MAX_BITS = 24_000
"""Sum of the magnitudes of all intermediate values, as powers of two. 2004! needs 19,300."""
MAX_FACTORIAL = 3_000


@dataclass(slots=True)
class Evaluation:
    """One value, and what was met on the way to it."""

    value: Any
    bits: int
    left_reals: bool
    """Whether an intermediate value was not real, as the logarithm of a negative number."""


@dataclass(slots=True)
class _Walk:
    mp: Any
    point: Mapping[str, Any]
    bits: int = 0
    left_reals: bool = False


def symbols(node: Node) -> frozenset[str]:
    """Free symbols; ``e`` and ``i`` are constants."""
    if node.kind == "symbol":
        return frozenset() if node.name in ("e", "i") else frozenset({node.name})
    return frozenset().union(*map(symbols, node.args))


def mentions_i(node: Node) -> bool:
    """Whether the imaginary unit stands in it."""
    return (node.kind == "symbol" and node.name == "i") or any(map(mentions_i, node.args))


def point(names: frozenset[str], which: int) -> dict[str, Fraction]:
    """The ``which``-th point of a fixed sequence; a symbol has the same value in every expression.

    0 and 1 are positive, 2 and 3 of mixed signs, 4 and 5 whole numbers: what holds at some of them only is not decided.
    """
    chosen = {}
    for name in names:
        dice = random.Random(f"{which}:{name}")  # noqa: S311 - a point of a plane, not a secret
        magnitude = Fraction(dice.randint(300, 2900), 997)
        whole = Fraction(dice.randint(2, 23))
        chosen[name] = (magnitude, magnitude, magnitude * dice.choice((-1, 1)), -magnitude, whole, whole)[which]
    return chosen


POINTS = 6


def evaluate(node: Node, where: Mapping[str, Fraction], precision_bits: int) -> Evaluation:
    """The value of a tree. Raises Unreadable: too_big, or undefined at this point."""
    import mpmath  # type: ignore[import-untyped]

    mp = mpmath.mp
    try:
        with mp.workprec(precision_bits):
            walk = _Walk(mp, {name: mp.mpf(value.numerator) / value.denominator for name, value in where.items()})
            value = _value(node, walk)
    except (ZeroDivisionError, ValueError, OverflowError, mpmath.libmp.ComplexResult) as error:
        raise Unreadable("undefined") from error
    return Evaluation(value, walk.bits, walk.left_reals)


def _value(node: Node, walk: _Walk) -> Any:
    operation = _OPERATIONS.get(node.kind)
    if operation is None:
        return _seen(_leaf(node, walk), walk)
    return _seen(operation(walk, [_value(arg, walk) for arg in node.args]), walk)


def _seen(value: Any, walk: _Walk) -> Any:
    mp = walk.mp
    if not mp.isfinite(value):
        raise Unreadable("undefined")
    if value:
        walk.bits += abs(int(mp.mag(value)))
    if walk.bits > MAX_BITS:
        raise Unreadable("too_big")
    if isinstance(value, mp.mpc):
        if value.imag:
            walk.left_reals = True
        else:
            value = value.real
    return value


def _leaf(node: Node, walk: _Walk) -> Any:
    if node.kind == "number":
        walk.bits += 4 * len(node.name)
        return walk.mp.mpf(node.name)
    if node.kind == "repeating":
        return _repeating(node.name, walk)
    if node.kind == "pi":
        return +walk.mp.pi
    if node.kind == "function":
        return _function(node, walk)
    constants = {"e": walk.mp.e, "i": walk.mp.j}
    return +constants[node.name] if node.name in constants else walk.point[node.name]


def _repeating(name: str, walk: _Walk) -> Any:
    start, _, repeated = name.partition("|")
    scale = Fraction(1, 10 ** len(start.partition(".")[2]))
    exact = Fraction(start + "0") + scale * Fraction(int(repeated), 10 ** len(repeated) - 1)
    return walk.mp.mpf(exact.numerator) / exact.denominator


def _function(node: Node, walk: _Walk) -> Any:
    mp = walk.mp
    argument = _value(node.args[0], walk)
    name = node.name
    if name in ("log", "lg", "ln") and argument == 0:
        raise Unreadable("undefined")
    if name in ("log", "lg"):
        base = _value(node.args[1], walk) if len(node.args) > 1 else mp.mpf(10) if name == "lg" else None
        return mp.log(argument) / mp.log(base) if base is not None else mp.log(argument)
    if name == "exp":
        _bounded_power(mp.e, argument, walk)
    arcs = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc"}
    return getattr(mp, arcs.get(name, name))(argument)


def _bounded_power(base: Any, exponent: Any, walk: _Walk) -> None:
    """Refuse a power before it is computed, by what its magnitude would be."""
    mp = walk.mp
    if base and mp.mag(exponent) + max(0, mp.mag(mp.mag(base) or 1)) > 17:
        raise Unreadable("too_big")
    if base and abs(mp.mag(base)) * abs(mp.re(exponent)) > 2 * MAX_BITS:
        raise Unreadable("too_big")


def _power(walk: _Walk, args: list[Any]) -> Any:
    base, exponent = args
    if not base and (walk.mp.im(exponent) or walk.mp.re(exponent) <= 0):
        raise Unreadable("undefined")
    _bounded_power(base, exponent, walk)
    return base**exponent


def _root(walk: _Walk, args: list[Any]) -> Any:
    base, degree = args
    if degree == 3 and not isinstance(base, walk.mp.mpc) and base < 0:
        return -walk.mp.cbrt(-base)  # the real root, as school has it
    return walk.mp.sqrt(base) if degree == 2 else _power(walk, [base, 1 / degree])


def _factorial(walk: _Walk, args: list[Any]) -> Any:
    if abs(args[0]) > MAX_FACTORIAL:
        raise Unreadable("too_big")
    return walk.mp.factorial(args[0])


def _binomial(walk: _Walk, args: list[Any]) -> Any:
    if max(abs(args[0]), abs(args[1])) > MAX_FACTORIAL:
        raise Unreadable("too_big")
    return walk.mp.binomial(*args)


_OPERATIONS: dict[str, Callable[[_Walk, list[Any]], Any]] = {
    "sum": lambda walk, args: walk.mp.fsum(args),
    "negate": lambda _, args: -args[0],
    "times": lambda _, args: args[0] * args[1],
    "over": lambda _, args: args[0] / args[1],
    "power": _power,
    "root": _root,
    "factorial": _factorial,
    "binomial": _binomial,
    "degrees": lambda walk, args: args[0] * walk.mp.pi / 180,
    "floor": lambda walk, args: walk.mp.floor(args[0]),
    "ceil": lambda walk, args: walk.mp.ceil(args[0]),
    "abs": lambda _, args: abs(args[0]),
}
