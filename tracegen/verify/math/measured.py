r"""Answers that are measured: numbers within a tolerance, and in another unit of the same quantity.

For references that say so (``tolerance``, ``unit``). What is no number, and all else, is for ``compare.py``.
"""

import re
from fractions import Fraction

from tracegen.types import AnswerReference, Outcome, Verdict
from tracegen.verify.math import exact, identity
from tracegen.verify.math.compare import compare
from tracegen.verify.math.grammar import Node, Unreadable
from tracegen.verify.math.measures import Measure, measure
from tracegen.verify.math.shapes import Leaf, Named, Relation, Shape
from tracegen.verify.math.structure import parse
from tracegen.verify.math.trees import tree_of
from tracegen.verify.math.units import Quantity, in_plain_letters, quantity, without_degrees

_DIGIT = re.compile(r"\d|\\pi")
_BEHIND = re.compile(
    r"(?:\s|\$|\\[,;: ])*(?:\\(?:text|mathrm|rm|mbox)\s*\{?\s*)?([A-Za-zµμΩ°]+(?:\s*/\s*[A-Za-z]+)?(?:\^\{?-?\d\}?)?)"
)
_MORE_OFTEN_WORDS = frozenset({"a", "as", "at", "in", "h", "d", "s"})
"""``\boxed{5} in total`` is no length."""
_ROUNDING = Fraction(1, 10**30)
"""Relative error of a value that is no fraction, as a root of two, and of a conversion by pi."""


def compare_measured(reference: AnswerReference, mine_text: str, theirs_text: str, behind: str = "") -> Verdict:
    """Verdict on a normalised answer. ``behind``: what the text says behind its box, where a unit may stand, too."""
    theirs = _leaf(parse(theirs_text))
    mine = _quantity(mine_text)
    if theirs is None:
        return compare(parse(mine.value), parse(theirs_text))
    given = _quantity(theirs)
    if not given.words and not given.degrees and not given.percent and (words := _unit_of(behind)):
        given = given._replace(words=words)
    wanted_words = reference.unit or mine.words or ("deg" if mine.degrees else "")
    in_unit = _in_unit(given, wanted_words)
    if isinstance(in_unit, Verdict):
        return in_unit
    right, answer = _value(mine, wanted_words), _value(given, wanted_words)
    if right is None or answer is None:
        return compare(parse(mine.value), parse(given.value))
    if in_unit is None and reference.tolerance is None:
        return compare(Leaf(_number(mine)), Leaf(_number(given)))
    return _within(right, answer if in_unit is None else in_unit[0].convert(answer, in_unit[1]), reference.tolerance)


def _unit_of(behind: str) -> str:
    """The unit that a text begins with, where it is one that is known."""
    found = _BEHIND.match(behind)
    return found[1] if found and found[1] not in _MORE_OFTEN_WORDS and measure(found[1]) else ""


def _leaf(shape: Shape) -> str | None:
    """The one value that an answer gives, without its name and before its approximation."""
    if isinstance(shape, Named):
        shape = shape.value
    if isinstance(shape, Relation) and shape.sign == r"\approx":
        return shape.left if _DIGIT.search(shape.left) else shape.right
    return shape.text if isinstance(shape, Leaf) else None


def _quantity(text: str) -> Quantity:
    found = quantity(text)
    return found if found.words or found.degrees or found.percent else in_plain_letters(text) or found


def _in_unit(given: Quantity, wanted_words: str) -> tuple[Measure, Measure] | Verdict | None:
    """From which unit to which the answer is converted; None where it is in the reference's, or names none."""
    words = "deg" if given.degrees else given.words
    if not words or not wanted_words:
        return None
    wanted, mine = measure(wanted_words), measure(words)
    if wanted is None or mine is None:
        by_name = quantity(rf"1\text{{{wanted_words}}}").unit == given.unit != ""
        return None if by_name else Verdict(Outcome.UNDECIDED, "different_units")
    if wanted.dimension != mine.dimension:
        return Verdict(Outcome.INCORRECT, "different_dimension")
    return None if wanted == mine else (mine, wanted)


def _number(given: Quantity) -> str:
    return without_degrees(given.value)


def _value(given: Quantity, wanted_words: str) -> Fraction | None:
    """The number, where it is one."""
    text = _number(given)
    number = exact.read(text)
    value = number.value if number else _constant(text)
    return value / 100 if value is not None and given.percent and wanted_words not in ("%", "percent") else value


def _constant(text: str) -> Fraction | None:
    node = tree_of(text)
    try:
        return identity.constant(node) if isinstance(node, Node) else None
    except Unreadable:
        return None


def _within(right: Fraction, answer: Fraction, tolerance: float | None) -> Verdict:
    error = abs(right - answer)
    if error <= abs(right) * _ROUNDING:
        return Verdict(Outcome.CORRECT, "equal")
    if tolerance and error <= abs(right) * Fraction(str(tolerance)):
        return Verdict(Outcome.CORRECT, "within_tolerance")
    return Verdict(Outcome.INCORRECT, "different")
