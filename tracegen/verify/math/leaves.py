r"""Expressions against expressions. Numbers exactly, then trees at points, then math-verify; text only as text."""

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

from tracegen.types import Outcome, Verdict
from tracegen.verify.math import exact, grammar, identity, symbolic
from tracegen.verify.math.evaluate import symbols
from tracegen.verify.math.grammar import Node, Unreadable
from tracegen.verify.math.units import Quantity, quantity, without_degrees

T = TypeVar("T")
CORRECT, INCORRECT, UNDECIDED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED
_THREE_PARTS = re.compile(r"[^:]+(?::[^:]+){2,}")
_IN_BASE = re.compile(r"(-?\w+)_\{?(\d+)\}?\s*")
_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_INFINITY = {r"\infty": 1, r"+\infty": 1, r"-\infty": -1}
_CHOICE = re.compile(r"\(?([A-Z])\)?")


def compare_leaves(reference: str, answer: str) -> Verdict:
    """Whether two normalised expressions say the same."""
    if reference == answer or _words(reference) == _words(answer):
        return Verdict(CORRECT, "equal")
    if not reference or not answer:
        return Verdict(UNDECIDED, "unreadable")
    if reference.strip() in _INFINITY or answer.strip() in _INFINITY:
        return _infinities(reference.strip(), answer.strip())
    if r"\ldots" in reference or r"\ldots" in answer:
        return Verdict(UNDECIDED, "ellipsis")
    if _THREE_PARTS.fullmatch(reference) or _THREE_PARTS.fullmatch(answer):
        return Verdict(UNDECIDED, "ratio")
    if based := _bases(reference, answer):
        return based
    mine, theirs = quantity(reference), quantity(answer)
    if mine.unit and not theirs.unit and theirs.value.endswith(mine.unit):
        theirs = theirs._replace(value=theirs.value.removesuffix(mine.unit).strip(), unit=mine.unit)
    verdict = _quantities(mine, theirs)
    if mine.unit and theirs.unit and mine.unit != theirs.unit:
        return Verdict(UNDECIDED, "different_units")
    return verdict


def _bases(reference: str, answer: str) -> Verdict | None:
    """``12_5``: digits of a base. The same value in another base is not what was asked for."""
    mine, theirs = _IN_BASE.fullmatch(reference), _IN_BASE.fullmatch(answer)
    if not (mine and mine[1].lstrip("-")[0].isdigit()):
        return None
    if theirs is None or theirs[2] != mine[2]:
        return Verdict(UNDECIDED, "different_bases")
    same = mine[1].lstrip("0") == theirs[1].lstrip("0")
    return Verdict(CORRECT if same else INCORRECT, "equal" if same else "different")


def readable(text: str) -> bool:
    """Whether a leaf is mathematics that is read to its end."""
    return text.strip() in _INFINITY or not isinstance(_tree(quantity(text).value), str)


def equations(reference: tuple[str, str], answer: tuple[str, str]) -> Verdict:
    """Two equations: one, where left minus right is the same up to a factor."""
    trees = [_tree(side) for side in (*reference, *answer)]
    if any(isinstance(tree, str) for tree in trees):
        return Verdict(UNDECIDED, "unreadable")
    mine, theirs = _difference(trees[0], trees[1]), _difference(trees[2], trees[3])
    if symbols(mine) != symbols(theirs):
        return Verdict(UNDECIDED, "different_letters")
    return _said(_guarded(identity.proportional, mine, theirs))


def explicit(equation: tuple[str, str], answer: str, name: str) -> Verdict:
    """An equation against one side solved: it must be linear in the letter that the answer lacks."""
    trees = [_tree(side) for side in (*equation, answer)]
    if any(isinstance(tree, str) for tree in trees):
        return Verdict(UNDECIDED, "unreadable")
    difference, solved = _difference(trees[0], trees[1]), trees[2]
    assert isinstance(solved, Node)  # noqa: S101 - narrows for the type checker; strings have left above
    missing = symbols(difference) - symbols(solved)
    if len(missing) != 1 or (name and missing != {name}):
        return Verdict(UNDECIDED, "different_shapes")
    letter = next(iter(missing))
    if not _linear(difference, letter):
        return Verdict(UNDECIDED, "not_linear")
    at_answer = _substitute(difference, letter, solved)
    word = _guarded(identity.identical, at_answer, Node("number", name="0"))
    return _said(word) if word in (identity.SAME, identity.DIFFERENT) else Verdict(UNDECIDED, word)


def _linear(difference: Node, letter: str) -> bool:
    def at(number: str) -> Node:
        return _substitute(difference, letter, Node("number", name=number))

    bent = Node("sum", (at("1"), at("3")))
    straight = Node("times", (Node("number", name="2"), at("2")))
    return (
        _guarded(identity.identical, bent, straight) == identity.SAME
        and _guarded(identity.identical, at("1"), at("2")) == identity.DIFFERENT
    )


def _substitute(node: Node, letter: str, value: Node) -> Node:
    if node.kind == "symbol":
        return value if node.name == letter else node
    return Node(node.kind, tuple(_substitute(arg, letter, value) for arg in node.args), node.name)


def _difference(left: Node | str, right: Node | str) -> Node:
    sides = [side for side in (left, right) if isinstance(side, Node)]
    return Node("sum", (sides[0], Node("negate", (sides[1],))))


@lru_cache(maxsize=4_096)
def _tree(text: str) -> Node | str:
    """The tree, or why there is none."""
    ratio = re.fullmatch(r"([^:]+):([^:]+)", text)
    try:
        return grammar.parse(f"({ratio[1]}):({ratio[2]})" if ratio else text)
    except Unreadable as error:
        return str(error.args[0])


def _words(text: str) -> str:
    """A text answer without wrappers, case and spaces; unlike for every other text."""
    bare = _TEXT.sub(r"\1", text)
    if choice := _CHOICE.fullmatch(bare.strip()):
        return choice[1]
    return re.sub(r"[\s.]", "", bare).casefold() if re.search(r"[A-Za-z]{3}", bare) and "\\" not in bare else text


def _infinities(reference: str, answer: str) -> Verdict:
    mine, theirs = _INFINITY.get(reference), _INFINITY.get(answer)
    if mine is not None and mine == theirs:
        return Verdict(CORRECT, "equal")
    known = (mine is not None or readable(reference)) and (theirs is not None or readable(answer))
    return Verdict(INCORRECT if known else UNDECIDED, "different" if known else "unreadable")


def _quantities(mine: Quantity, theirs: Quantity) -> Verdict:
    numbers = exact.read(mine.value), exact.read(theirs.value)
    if numbers[0] and numbers[1]:
        return compare_numbers(numbers[0], numbers[1], mine.percent, theirs.percent)
    trees = _tree(mine.value), _tree(theirs.value)
    if isinstance(trees[0], Node) and isinstance(trees[1], Node):
        return _trees(mine, theirs, trees[0], trees[1])
    for tree in trees:
        if tree in ("text_answer", "too_big", "too_deep", "ambiguous"):
            return Verdict(UNDECIDED, str(tree))
    return symbolic.compare(mine.value, theirs.value)


def compare_numbers(mine: exact.Number, theirs: exact.Number, percent: bool, their_percent: bool) -> Verdict:
    """Two rationals. 50 and 50% are the same answer, as are 50% and 1/2."""
    same = mine.value == theirs.value
    if percent != their_percent:
        same = same or (mine.value / 100 == theirs.value if percent else mine.value == theirs.value / 100)
    if same:
        return Verdict(CORRECT, "equal")
    scale = 100 if percent and not their_percent else 1
    error = abs(mine.value - theirs.value * scale)
    if error <= 2 * exact.half_unit(mine) and mine.decimals:
        rounds = _rounds(mine, error, percent) and not theirs.decimals and not exact.terminates(theirs.value)
        return Verdict(CORRECT, "rounds_to_reference") if rounds else Verdict(UNDECIDED, "rounded")
    if theirs.decimals and abs(mine.value - theirs.value) <= 2 * exact.half_unit(theirs):
        return Verdict(UNDECIDED, "rounded")
    return Verdict(INCORRECT, "different")


def _rounds(reference: exact.Number, error: Fraction, percent: bool) -> bool:
    enough = exact.is_rounding(reference) or (percent and reference.digits >= 3)
    return enough and error <= exact.half_unit(reference)


def _trees(mine: Quantity, theirs: Quantity, reference: Node, answer: Node) -> Verdict:
    word = _guarded(identity.identical, reference, answer)
    if word == identity.SAME:
        return Verdict(CORRECT, "equal")
    number = exact.read(mine.value)
    if number and number.decimals and not symbols(answer):
        return _near(number, reference, answer, mine.percent and not theirs.percent)
    if mine.percent != theirs.percent and _percent_same(mine, reference, answer):
        return Verdict(CORRECT, "equal")
    if mine.degrees != theirs.degrees and _degrees_same(mine, theirs):
        return Verdict(CORRECT, "equal")
    if word == identity.DIFFERENT and symbols(reference) != symbols(answer) and symbols(answer) and symbols(reference):
        return Verdict(UNDECIDED, "different_letters")
    if word == identity.DIFFERENT and _is_decimal(theirs) and _close_by(theirs, reference):
        return Verdict(UNDECIDED, "rounded")
    return _said(word)


def _near(number: exact.Number, reference: Node, answer: Node, in_percent: bool) -> Verdict:
    """A reference that is a decimal, against an exact value: does the value round to it?"""
    value = Node("times", (answer, Node("number", name="100"))) if in_percent else answer
    word = _guarded(_distance, reference, value)
    if isinstance(word, str):
        return _said(word)
    if word <= exact.half_unit(number) and _rounds(number, Fraction(0), in_percent):
        return Verdict(CORRECT, "rounds_to_reference")
    return Verdict(*((UNDECIDED, "rounded") if word <= 2 * exact.half_unit(number) else (INCORRECT, "different")))


def _distance(left: Node, right: Node) -> Fraction | str:
    values = [identity.constant(node) for node in (left, right)]
    return abs(values[0] - values[1]) if values[0] is not None and values[1] is not None else "undefined"


def _is_decimal(theirs: Quantity) -> bool:
    number = exact.read(theirs.value)
    return bool(number and number.decimals)


def _close_by(theirs: Quantity, reference: Node) -> bool:
    number = exact.read(theirs.value)
    value = (
        _guarded(_distance, Node("number", name=str(float(abs(number.value)))), Node("abs", (reference,)))
        if number
        else ""
    )
    return number is not None and not isinstance(value, str) and value <= 2 * exact.half_unit(number)


def _percent_same(mine: Quantity, reference: Node, answer: Node) -> bool:
    hundred = Node("number", name="100")
    scaled = (
        (Node("over", (reference, hundred)), answer) if mine.percent else (reference, Node("over", (answer, hundred)))
    )
    return _guarded(identity.identical, *scaled) == identity.SAME


def _degrees_same(mine: Quantity, theirs: Quantity) -> bool:
    left, right = _tree(without_degrees(mine.value)), _tree(without_degrees(theirs.value))
    if not (isinstance(left, Node) and isinstance(right, Node)):
        return False
    return _guarded(identity.identical, left, right) == identity.SAME


def _said(word: object) -> Verdict:
    if word == identity.SAME:
        return Verdict(CORRECT, "equal")
    return Verdict(INCORRECT, "different") if word == identity.DIFFERENT else Verdict(UNDECIDED, str(word))


def _guarded(function: Callable[[Node, Node], T], left: Node, right: Node) -> T | str:
    """What a comparison says, or the reason why the trees cannot be evaluated."""
    try:
        return function(left, right)
    except Unreadable as error:
        return str(error.args[0])
