"""Trees of normalised expressions, and what a comparison of two of them comes to. It compares nothing itself."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from tracegen.types import Outcome, Verdict
from tracegen.verify.math import grammar, identity
from tracegen.verify.math.grammar import Node, Unreadable

T = TypeVar("T")
_SCIENTIFIC = re.compile(r"([-+]?(?:\d+(?=[eE]\d)|\d*\.\d+))[eE]\+?(-?\d+)")


@lru_cache(maxsize=4_096)
def tree_of(text: str) -> Node | str:
    """The tree of a normalised expression, or why there is none."""
    if scientific := _SCIENTIFIC.fullmatch(text):
        text = rf"{scientific[1]}\times10^{{{scientific[2]}}}"
    ratio = re.fullmatch(r"([^:]+):([^:]+)", text)
    try:
        return grammar.parse(f"({ratio[1]}):({ratio[2]})" if ratio else text)
    except Unreadable as error:
        return str(error.args[0])


def guarded(function: Callable[[Node, Node], T], left: Node, right: Node) -> T | str:
    """What a comparison says, or the reason why the trees cannot be evaluated."""
    try:
        return function(left, right)
    except Unreadable as error:
        return str(error.args[0])


def said(word: object) -> Verdict:
    """The verdict that a comparison's word comes to; a word of its own is the reason why nobody can tell."""
    if word == identity.SAME:
        return Verdict(Outcome.CORRECT, "equal")
    if word == identity.DIFFERENT:
        return Verdict(Outcome.INCORRECT, "different")
    return Verdict(Outcome.UNDECIDED, str(word))
