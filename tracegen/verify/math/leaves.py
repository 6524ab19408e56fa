r"""Expressions against expressions. Numbers exactly, then trees at points, then math-verify; text only as text."""

import re
from fractions import Fraction

from tracegen.types import Outcome, Verdict
from tracegen.verify.math import exact, grammar, identity, symbolic
from tracegen.verify.math.evaluate import symbols
from tracegen.verify.math.grammar import Node
from tracegen.verify.math.measures import measure
from tracegen.verify.math.trees import guarded, said, tree_of
from tracegen.verify.math.units import Quantity, in_plain_letters, quantity, without_degrees
from tracegen.verify.math.words import words

CORRECT, INCORRECT, UNDECIDED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED
_THREE_PARTS = re.compile(r"[^:]+(?::[^:]+){2,}")
_CAPITALS = re.compile(r"[A-Z]{2,}")
_CLOCK = re.compile(r"\d{1,2}:[0-5]\d")
_IN_BASE = re.compile(r"\(?(-?\w+?)\)?_\{?(\d+)\}?\s*")
_ANGLE_INSIDE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")
RADIANS = frozenset({"rad", "radian"})
_INFINITY = {r"\infty": 1, r"+\infty": 1, r"-\infty": -1}


def compare_leaves(reference: str, answer: str) -> Verdict:
    """Whether two normalised expressions say the same."""
    if reference == answer or words(reference) == words(answer):
        return Verdict(CORRECT, "equal")
    if reason := _opaque(reference, answer):
        return Verdict(UNDECIDED, reason)
    for compare in (_ratios, _infinities, _bases):
        if settled := compare(reference, answer):
            return settled
    return _measured(reference, answer)


def _measured(reference: str, answer: str) -> Verdict:
    """Expressions that may each have a unit."""
    mine, theirs = quantity(reference), quantity(answer)
    if mine.unit and not theirs.unit:
        theirs = in_plain_letters(answer) or theirs
    if mine.unit and theirs.unit and mine.words != theirs.words:
        return _converted(mine, theirs)
    if RADIANS & {mine.unit, theirs.unit} and mine.degrees != theirs.degrees:
        mine, theirs = mine._replace(degrees=True), theirs._replace(degrees=True)  # each says what it is in
    return _quantities(mine, theirs)


def _converted(mine: Quantity, theirs: Quantity) -> Verdict:
    """Two units: the same by another name, or of one quantity and so to be converted, or else not to be weighed."""
    to, given = measure(mine.words), measure(theirs.words)
    if to == given and (to is not None or mine.unit == theirs.unit):
        return _quantities(mine, theirs)
    if to is None or given is None or to.dimension != given.dimension:
        return Verdict(UNDECIDED, "different_units")
    numbers = exact.read(mine.value), exact.read(theirs.value)
    if not (numbers[0] and numbers[1]):
        return Verdict(UNDECIDED, "different_units")
    same = given.convert(numbers[1].value, to) == numbers[0].value
    return Verdict(CORRECT, "equal") if same else Verdict(UNDECIDED, "different_units")


def _opaque(reference: str, answer: str) -> str:
    """Why two texts that are not the same text are not compared at all."""
    if not reference or not answer:
        return "unreadable"
    if _CAPITALS.fullmatch(reference) and _CAPITALS.fullmatch(answer):
        return "different_names"  # AB is BA as a segment, and not as a ray or as a code
    if r"\ldots" in reference or r"\ldots" in answer:
        return "ellipsis"
    if _CLOCK.fullmatch(reference) and _CLOCK.fullmatch(answer):
        return "ratio"  # or two times of the day
    return ""


def _ratios(reference: str, answer: str) -> Verdict | None:
    """``2:3:4``: as many parts, in proportion."""
    if not (_THREE_PARTS.fullmatch(reference) or _THREE_PARTS.fullmatch(answer)):
        return None
    mine, theirs = ([tree_of(part) for part in text.split(":")] for text in (reference, answer))
    nodes = [part for part in (*mine, *theirs) if isinstance(part, Node)]
    if len(mine) != len(theirs) or len(nodes) < 2 * len(mine):
        return Verdict(UNDECIDED, "ratio")
    left, right = nodes[: len(mine)], nodes[len(mine) :]
    crossed = [(Node("times", (left[0], b)), Node("times", (right[0], a))) for a, b in zip(left, right, strict=True)]
    found = {guarded(identity.identical, *pair) for pair in crossed}
    return said(found.pop() if len(found) == 1 else "ratio")


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
    return text.strip() in _INFINITY or not isinstance(tree_of(quantity(text).value), str)


def _infinities(reference: str, answer: str) -> Verdict | None:
    mine, theirs = _INFINITY.get(reference.strip()), _INFINITY.get(answer.strip())
    if mine is None and theirs is None:
        return None
    if mine is not None and mine == theirs:
        return Verdict(CORRECT, "equal")
    known = (mine is not None or readable(reference)) and (theirs is not None or readable(answer))
    return Verdict(INCORRECT if known else UNDECIDED, "different" if known else "unreadable")


def _quantities(mine: Quantity, theirs: Quantity) -> Verdict:
    numbers = exact.read(mine.value), exact.read(theirs.value)
    if numbers[0] and numbers[1]:
        return exact.compare(numbers[0], numbers[1], mine.percent, theirs.percent)
    trees = tree_of(mine.value), tree_of(theirs.value)
    if isinstance(trees[0], Node) and isinstance(trees[1], Node):
        return _trees(mine, theirs, trees[0], trees[1])
    for tree in trees:
        if tree in ("text_answer", "too_big", "too_deep", "ambiguous"):
            return Verdict(UNDECIDED, str(tree))
    return symbolic.compare(mine.value, theirs.value)


def _trees(mine: Quantity, theirs: Quantity, reference: Node, answer: Node) -> Verdict:
    word = guarded(identity.identical, reference, answer)
    if word == identity.SAME:
        return _same(mine.percent == theirs.percent, bool(symbols(answer) and not symbols(reference)))
    number = exact.read(mine.value)
    if number and number.decimals and not symbols(answer):
        return _near(number, reference, answer, mine.percent and not theirs.percent)
    if mine.percent != theirs.percent and _percent_same(mine, reference, answer):
        return Verdict(CORRECT, "equal")
    if mine.degrees != theirs.degrees and _degrees_same(mine, theirs):
        return Verdict(CORRECT, "equal")
    if word == identity.DIFFERENT and _other_letters(symbols(reference), symbols(answer)):
        return Verdict(UNDECIDED, "different_letters")
    if word == identity.DIFFERENT and _is_decimal(theirs) and _close_by(theirs, reference):
        return Verdict(UNDECIDED, "rounded")
    return said(word)


def _same(as_percent: bool, letters_cancel: bool) -> Verdict:
    """Letters that cancel may have been words, as in "of 0"."""
    if letters_cancel:
        return Verdict(UNDECIDED, "different_letters")
    return Verdict(CORRECT, "equal") if as_percent else Verdict(UNDECIDED, "percent")


def _other_letters(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Whether a difference may be one of names only; a logarithm without a base counts as a name."""
    return mine != theirs and (bool(mine and theirs) or grammar.ANY_LOG in mine | theirs)


def _near(number: exact.Number, reference: Node, answer: Node, in_percent: bool) -> Verdict:
    """A reference that is a decimal, against an exact value: does the value round to it?"""
    value = Node("times", (answer, Node("number", name="100"))) if in_percent else answer
    word = guarded(_distance, reference, value)
    if isinstance(word, str):
        return said(word)
    if word <= exact.half_unit(number) and exact.rounds(number, Fraction(0), in_percent):
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
        guarded(_distance, Node("number", name=str(float(abs(number.value)))), Node("abs", (reference,)))
        if number
        else ""
    )
    return number is not None and not isinstance(value, str) and value <= 2 * exact.half_unit(number)


def _percent_same(mine: Quantity, reference: Node, answer: Node) -> bool:
    hundred = Node("number", name="100")
    scaled = (
        (Node("over", (reference, hundred)), answer) if mine.percent else (reference, Node("over", (answer, hundred)))
    )
    return guarded(identity.identical, *scaled) == identity.SAME


def _degrees_same(mine: Quantity, theirs: Quantity) -> bool:
    if r"\pi" in mine.value + theirs.value or _ANGLE_INSIDE.search(mine.value + theirs.value):
        return False
    left, right = tree_of(without_degrees(mine.value)), tree_of(without_degrees(theirs.value))
    if not (isinstance(left, Node) and isinstance(right, Node)):
        return False
    return guarded(identity.identical, left, right) == identity.SAME
