r"""math-verify behind a guard: for what the grammar does not read, as sums, integrals and limits.

math-verify finds a parse in nearly everything and says "equal" when any pair of candidates is. So its word counts only
when every number and letter of the text is in what it parsed, and only for equality: "not equal" is often a failure to
show it. sympy may hang or eat memory here; this runs in killable processes.
"""

import logging
import re
from collections import Counter
from typing import Any

from tracegen.types import Outcome, Verdict

MAX_CHARACTERS = 400
_UNDECIDED = Outcome.UNDECIDED
_KNOWN = frozenset(
    (  # noqa: SIM905
        "frac sqrt sum prod int lim to infty pi cdot times div sin cos tan cot sec csc arcsin arccos arctan ln log "
        "exp binom alpha beta gamma delta theta lambda mu rho sigma phi omega"
    ).split()
)
_COMMAND = re.compile(r"\\([A-Za-z]+|.)")
_OURS_TO_ASK = re.compile(r"\\(?:sum|prod|int|lim)(?![A-Za-z])")
_LETTER = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_DIGITS = re.compile(r"\d+")
_BIG = re.compile(r"\d{5,}|!|\^\{?\d{3,}|\^[^\\a-zA-Z0-9{(-]|(?:\^[^^]*){8,}")
_SALVAGED = re.compile(r"[^\x20-\x7e]|[;:?&@#\"]|,")


def compare(reference: str, answer: str) -> Verdict:
    """Equal, or undecided with the reason."""
    if not (_OURS_TO_ASK.search(reference) or _OURS_TO_ASK.search(answer)):
        return Verdict(_UNDECIDED, "unreadable")
    for text in (reference, answer):
        if reason := unsafe(text):
            return Verdict(_UNDECIDED, reason)
    parsed = [_parse(text) for text in (reference, answer)]
    for text, expression in zip((reference, answer), parsed, strict=True):
        if expression is None or not covers(text, expression):
            return Verdict(_UNDECIDED, "unreadable")
    if _equal(*parsed):
        return Verdict(Outcome.CORRECT, "equal")
    return Verdict(_UNDECIDED, "not_shown_equal")


def unsafe(text: str) -> str:
    """Why a text is kept from sympy: what it would misread, or what would take for ever."""
    if len(text) > MAX_CHARACTERS or _BIG.search(text):
        return "too_big"
    unknown = {name for name in _COMMAND.findall(text) if name not in _KNOWN}
    if unknown or _LETTER.search(text) or _SALVAGED.search(text):
        return "unreadable"
    return ""


def covers(text: str, expression: Any) -> bool:
    """Whether every number and letter of the text is in what was parsed from it."""
    shown = str(expression)
    written, read = Counter(_DIGITS.findall(text)), Counter(_DIGITS.findall(shown))
    plain = re.sub(r"\\[A-Za-z]+", " ", text)
    plain = re.sub(r"d([a-z])", r"\1", plain)  # dx
    letters = set(re.findall(r"[A-Za-z]", plain)) - {"e", "i"}
    return not (written - read) and letters <= set(re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", shown))


def _parse(text: str) -> Any:
    from math_verify import LatexExtractionConfig, parse

    # It warns, once a process, that we keep the clock ourselves.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    found = parse(
        rf"\boxed{{{text}}}",
        extraction_config=[LatexExtractionConfig()],
        fallback_mode="no_fallback",
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    return found[0] if len(found) == 1 else None


def _equal(reference: Any, answer: Any) -> bool:
    from math_verify import verify

    return bool(verify([reference], [answer], timeout_seconds=None)) and _numerically(reference, answer)


def _numerically(reference: Any, answer: Any) -> bool:
    """math-verify rounds to six decimals: constants must agree to thirty digits, relative to their size."""
    if getattr(reference, "free_symbols", None) or getattr(answer, "free_symbols", None):
        return True
    left, right = reference.evalf(40), answer.evalf(40)
    if not (left.is_number and right.is_number):
        return False
    return bool(abs(left - right) <= max(abs(left), abs(right)) * 10**-30)
