r"""Two answers as whole texts: letters that are free to choose, and options that name their letter.

A dummy variable (``f(x) = x^2`` and ``f(t) = t^2``), an integer that an answer declares (``k\pi, k \in \mathbb{Z}``)
and the one constant of a family have no name of their own. Any other letter is the problem's, and stays what it is.
"""

import re
from collections.abc import Iterator

from tracegen.types import Outcome, Verdict
from tracegen.verify.math.compare import compare
from tracegen.verify.math.structure import parse

_FUNCTION = re.compile(r"([A-Za-z]\w?)\(([a-z](?:,[a-z])*)\)=(.+)", re.DOTALL)
_PIECE = re.compile(r"\\text\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]|[^A-Za-z\\]+|\\.", re.DOTALL)
_DECLARED = (
    re.compile(
        r"(?:[,;]?\(|[,;]?)(?:\\text\{(?:where|for|with)(?: all| any| some)?\})?(?P<letter>[a-z])\s?\\in\s?"
        r"(?:\\mathbb\{?\s?Z\}?|\\Z|Z)\)?$"
    ),
    re.compile(r"[,;(]*\\text\{(?:where|for|with)?\s?(?:any|some|all|an|each|every)?\s?integers?\}\s?(?P<letter>[a-z])\)?$"),
    re.compile(r"[,;(]*(?:\\text\{(?:where|for|with)\})?(?P<letter>[a-z])\\text\{(?:is|being) (?:an|any) integer\}\)?$"),
)  # fmt: skip
_CONSTANTS = frozenset({"C", "c", "K", "k"})
_NOT_VARIABLES = frozenset({"e", "i"})
_OPTION = re.compile(r"\(([A-J])\)((?:-?[\d.]|\\frac|\\sqrt|-\\frac).*)", re.DOTALL)
SHIFTS = 3
"""Families whose integer is counted from elsewhere: so far are they looked for."""


def compare_texts(reference: str, answer: str) -> Verdict:
    """Verdict on two normalised texts."""
    if mine := _OPTION.fullmatch(reference):
        return _option(mine[1], mine[2], answer)
    if (theirs := _OPTION.fullmatch(answer)) and len(reference.strip("()")) == 1 and reference.strip("()").isupper():
        answer = theirs[1]
    verdict = _once(reference, answer)
    if verdict.outcome is Outcome.CORRECT:
        return verdict
    found = (_once(*texts) for texts in _renamed(reference, answer))
    return next((other for other in found if other.outcome is Outcome.CORRECT), verdict)


def _once(reference: str, answer: str) -> Verdict:
    return compare(parse(reference), parse(answer))


def _option(letter: str, value: str, answer: str) -> Verdict:
    """``(A) 5``: the letter or the value will do, but not one with another's."""
    theirs = _OPTION.fullmatch(answer)
    said = (theirs[1], theirs[2]) if theirs else (answer.strip("()"), answer)
    verdict = _once(value, said[1])
    if theirs and (verdict.outcome is Outcome.CORRECT) != (said[0] == letter):
        return Verdict(Outcome.UNDECIDED, "letter_and_text_differ")
    return Verdict(Outcome.CORRECT, "equal") if said[0] == letter else verdict


def _renamed(reference: str, answer: str) -> Iterator[tuple[str, str]]:
    """The pair of texts with the answer's free letters called as the reference's are."""
    functions = _FUNCTION.fullmatch(reference), _FUNCTION.fullmatch(answer)
    if functions[0] and functions[1]:
        yield from _functions(functions[0], functions[1])
        return
    (mine, my_letter), (theirs, their_letter) = _declared(reference), _declared(answer)
    if not (my_letter or their_letter):
        yield from _constants(reference, answer)
        return
    values = letters(_value(mine)), letters(_value(theirs))
    left, right = values[0] - values[1], values[1] - values[0]
    if len(left) == len(right) == 1 and (my_letter in left or their_letter in right):
        theirs = rename(theirs, dict(zip(right, left, strict=True)))
        their_letter = my_letter and next(iter(left))
        yield mine, theirs
    if my_letter and my_letter == their_letter:
        for sign in ("", "-"):
            for shift in range(-SHIFTS, SHIFTS + 1):
                yield mine, rename(theirs, {my_letter: f"({sign}{my_letter}{shift:+d})"})


def _functions(mine: re.Match[str], theirs: re.Match[str]) -> Iterator[tuple[str, str]]:
    """The same function of other arguments; then, of one other constant."""
    dummies = theirs[2].split(","), mine[2].split(",")
    if mine[1] != theirs[1] or len(dummies[0]) != len(dummies[1]):
        return
    mapping = dict(zip(*dummies, strict=True))
    if set(mapping.values()) & (letters(theirs[3]) - mapping.keys()):
        return
    body = rename(theirs[3], mapping)
    yield mine[3], body
    left, right = letters(mine[3]) - letters(body), letters(body) - letters(mine[3])
    if len(left) == len(right) == 1:
        yield mine[3], rename(body, dict(zip(right, left, strict=True)))


def _constants(reference: str, answer: str) -> Iterator[tuple[str, str]]:
    """``y = Cx`` and ``y = kx``: the constant of a general solution."""
    left, right = letters(reference) - letters(answer), letters(answer) - letters(reference)
    solutions = reference.startswith("y=") and answer.startswith("y=") and left | right <= _CONSTANTS
    if solutions and len(left) == len(right) == 1:
        yield reference, rename(answer, dict(zip(right, left, strict=True)))


def _declared(text: str) -> tuple[str, str]:
    """The text before ``k \\in \\mathbb{Z}`` or its like, and the letter; empty where there is none."""
    for pattern in _DECLARED:
        if match := pattern.search(text):
            return text[: match.start()].rstrip(" ,;"), match["letter"]
    return text, ""


def _value(text: str) -> str:
    """Without the one name that it is given."""
    return text.partition("=")[2] if text.count("=") == 1 else text


def letters(text: str) -> frozenset[str]:
    """Single letters that stand for something."""
    return frozenset(piece for piece in _PIECE.findall(text) if len(piece) == 1 and piece.isalpha()) - _NOT_VARIABLES


def rename(text: str, mapping: dict[str, str]) -> str:
    """All at once, so that two letters may be exchanged."""
    return "".join(mapping.get(piece, piece) for piece in _PIECE.findall(text))
