"""Prompts by the million with known duplicates and known quotations among them, made of real problems' sentences.

Every prompt is put together from sentences of real problems (GSM8K, MATH), with words and numbers changed, so that
lengths, words and common phrases are those of real ones. Planted are: near-duplicates, of several kinds of edit; and
prompts that quote a held-out benchmark.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_NUMBER = re.compile(r"\d+")
_WHOLE_NUMBER = re.compile(r"(?<![\w$.,{}^\\-])\d+(?:[.,]\d+)*(?![\w$}%])")


@dataclass(frozen=True, slots=True)
class Planted:
    """One prompt, and what is known of it."""

    text: str
    answer: str
    kind: str
    """``new``, ``near:<edit>`` or ``quote``."""


Edit = Callable[[random.Random, str], str]


def _label(draw: random.Random, text: str) -> str:
    return f"{draw.choice(['', 'Problem ', 'Question '])}{draw.randrange(1, 100)}. {text}"


def _mark_up(_: random.Random, text: str) -> str:
    return _WHOLE_NUMBER.sub(lambda found: f"${found[0]}$", text).replace(". ", ".\n\n")


def _case(_: random.Random, text: str) -> str:
    return text.upper()


def _one_word(draw: random.Random, text: str) -> str:
    of = text.split(" ")
    places = [at for at, word in enumerate(of) if word.isalpha() and len(word) > 3]
    if places:
        of[draw.choice(places)] = draw.choice(("certain", "other", "several"))
    return " ".join(of)


def _politeness(_: random.Random, text: str) -> str:
    return f"{text} Please explain."


EDITS: dict[str, Edit] = {
    "label": _label,
    "mark-up": _mark_up,
    "case": _case,
    "one word": _one_word,
    "politeness": _politeness,
}


def sentences(problems: Sequence[str]) -> list[str]:
    return [part for text in problems for part in _SENTENCE.split(text) if len(part.split()) >= 5]


def benchmark(parts: Sequence[str], rows: int, seed: int) -> list[str]:
    """Problems of nonsense words in real sentences' shape: no prompt that is not planted can quote them."""
    draw = random.Random(seed)
    return [" ".join(_strange(draw, draw.choice(parts)) for _ in range(3)) for _ in range(rows)]


def prompts(
    parts: Sequence[str], size: int, *, near: int, quotes: Sequence[str], quoted: int, seed: int
) -> Iterator[Planted]:
    """``size`` prompts: ``near`` of them repeat an earlier one, ``quoted`` of them quote one of ``quotes``."""
    draw = random.Random(seed)
    recent: list[Planted] = []
    kinds = ["near"] * near + ["quote"] * quoted + ["new"] * (size - near - quoted)
    draw.shuffle(kinds)
    for kind in kinds:
        if kind == "near" and recent:
            first = draw.choice(recent)
            edit = draw.choice(list(EDITS))
            yield Planted(EDITS[edit](draw, first.text), first.answer, f"near:{edit}")
        elif kind == "quote":
            yield Planted(_quoting(draw, parts, draw.choice(quotes)), str(draw.randrange(10**6)), "quote")
        else:
            made = Planted(_problem(draw, parts), str(draw.randrange(10**6)), "new")
            if len(recent) < 50_000:
                recent.append(made)
            else:
                recent[draw.randrange(50_000)] = made
            yield made


def _problem(draw: random.Random, parts: Sequence[str]) -> str:
    chosen = " ".join(draw.choice(parts) for _ in range(draw.randrange(2, 6)))
    return _NUMBER.sub(lambda _: str(draw.randrange(2, 1000)), chosen)


def _quoting(draw: random.Random, parts: Sequence[str], quoted: str) -> str:
    of = quoted.split()
    start = draw.randrange(max(1, len(of) - 12))
    return f"{draw.choice(parts)} {' '.join(of[start : start + 12])} {draw.choice(parts)}"


def _strange(draw: random.Random, sentence: str) -> str:
    return re.sub(
        r"[A-Za-z]+|\d+", lambda found: "".join(draw.choices("bcdfghklmnprstvwz", k=len(found[0]) + 2)), sentence
    )
