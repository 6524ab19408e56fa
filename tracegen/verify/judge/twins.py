r"""Briefs whose right verdict is known to be incorrect, made of a case: what shows a judge that agrees to everything.

The standard is replaced, and the answer stays: whatever talks the judge into agreeing does so here as well. All that
is drawn is drawn from the case's id.
"""

import hashlib
import re
from dataclasses import replace
from typing import TypeVar

from tracegen.verify.judge.brief import Brief

T = TypeVar("T")

_NUMBER = re.compile(r"(?<![\d.])\d+")
"""Of a decimal, what stands before the point: 2.50 and 2.51 might pass for the same number rounded."""
_OPPOSITES = (
    *(("yes", "no"), ("true", "false"), ("even", "odd"), ("increasing", "decreasing"), ("increases", "decreases")),
    *(("convergent", "divergent"), ("converges", "diverges"), ("positive", "negative"), ("left", "right")),
    *(("north", "south"), ("east", "west"), ("maximum", "minimum"), ("always", "never"), ("rational", "irrational")),
)
_OPPOSITE = {word: other for pair in _OPPOSITES for word, other in (pair, pair[::-1])}
_WORD = re.compile("|".join(rf"\b{word}\b" for word in sorted(_OPPOSITE)), re.IGNORECASE)
_TEXTS = (
    "the Treaty of Utrecht",
    "a regular heptagon",
    "photosynthesis",
    "on Tuesday, at low tide",
    "sodium chloride",
    "the third violin",
)
_FOREIGN = (
    ("Write a haiku about autumn in Finnish.", "The answer is a haiku of three lines, written in Finnish."),
    ("List the first six presidents of Chile.", "The answer lists six presidents of Chile with their terms of office."),
    ("How is sourdough starter fed?", "The answer gives flour and water in grams and the hours between two feedings."),
)
_OFF_TOPIC = (
    "Low tide is at a quarter past four on Tuesday.",
    "Blue.",
    "The third violin entered two bars too early, and the conductor smiled.",
)


def twins(brief: Brief) -> tuple[Brief, Brief]:
    """Two briefs that must be found incorrect if the brief's own answer is right."""
    if brief.by_rubric:
        question, rubric = _drawn(_FOREIGN, brief.case_id)
        return (
            replace(brief, question=question, standard=rubric),
            replace(brief, answer=_drawn(_OFF_TOPIC, brief.case_id)),
        )
    first, second = _wrong_standards(brief)
    return replace(brief, standard=first), replace(brief, standard=second)


def _wrong_standards(brief: Brief) -> tuple[str, str]:
    taken = {_same(brief.standard), _same(brief.answer)}
    candidates = [*_shuffled(brief.others, brief.case_id), *_near(brief.standard), *_shuffled(_TEXTS, brief.case_id)]
    fresh = [text for text in dict.fromkeys(candidates) if _same(text) not in taken]
    return fresh[0], fresh[1]


def _near(text: str) -> list[str]:
    """Another number, or the opposite word: as like the standard as something wrong can be."""
    numbers = list(_NUMBER.finditer(text))
    if numbers:
        last = numbers[-1]
        return [f"{text[: last.start()]}{_more(last[0], by)}{text[last.end() :]}" for by in (1, 10)]
    word = _WORD.search(text)
    return [f"{text[: word.start()]}{_OPPOSITE[word[0].lower()]}{text[word.end() :]}"] if word else []


def _more(digits: str, by: int) -> str:
    """Of thousands of digits the last nine are enough: Python refuses to read so many."""
    head, tail = digits[:-9], digits[-9:]
    more = str(int(tail) + by)
    return head + (more[-9:].zfill(9) if head else more)


def _same(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _draw(case_id: str, salt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}\0{case_id}".encode(errors="replace")).digest()[:8], "big")


def _drawn(pool: tuple[T, ...], case_id: str) -> T:
    return pool[_draw(case_id, "pool") % len(pool)]


def _shuffled(texts: tuple[str, ...], case_id: str) -> list[str]:
    return sorted(texts, key=lambda text: _draw(case_id, text))
