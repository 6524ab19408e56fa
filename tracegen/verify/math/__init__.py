r"""The math verifier, ``math/1``: final answers against reference answers. It judges answers, not reasoning.

A cascade (docs/math.md): the last box of the answer; one spelling; exact numbers; shapes (lists, tuples,
sets, intervals, named values); trees compared at points to the precision their sizes call for; math-verify behind a
guard for the rest. CORRECT needs both sides read to their ends. What cannot be read or shown is UNDECIDED.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar, Literal

from tracegen.extract import last_boxed
from tracegen.types import AnswerReference, Outcome, Reference, Trace, Verdict
from tracegen.verify.math import exact
from tracegen.verify.math.normalise import normalise

MAX_CHARACTERS = 2_000
"""Longest answer that is judged. The longest answer of MATH's train split has 159."""

_LAST_LINE = re.compile(r"(?:A:|####|(?:the )?(?:final )?answer(?: is)?:?)\s*(\S.*)", re.IGNORECASE)
_BARE_NUMBER = re.compile(r"\s*\$?\s*(-?)\s*(\d+(?:,\d{3})*)(\.\d+)?\s*\.?\s*")

__all__ = ["MathVerifier"]


@dataclass(frozen=True, slots=True)
class MathVerifier:
    r"""Judges ``answer`` references."""

    answer_from: Literal["box", "box_or_last_line"] = "box"
    r"""Where the answer stands. ``box``: in the last ``\boxed{}``, or there is none: what a corpus should teach.

    ``box_or_last_line``: without a box, after ``A:``, ``####`` or ``The answer is`` on the last line; for traces that
    others made.
    """

    name: ClassVar[str] = "math/1"
    reads: ClassVar[frozenset[str]] = frozenset({"answer"})

    def check(self, reference: Reference) -> str:
        """Why a reference cannot be judged against, or an empty string."""
        if not isinstance(reference, AnswerReference):
            return f"a reference of kind {reference.kind!r} is none of an answer"
        if _plain(reference.answer) is not None:
            return ""
        if len(reference.answer) > MAX_CHARACTERS:
            return f"the reference has {len(reference.answer)} characters; at most {MAX_CHARACTERS} are read"
        text = _bare(reference.answer)
        if not text:
            return "the reference is empty"
        return "" if _balanced(text) else f"the braces of the reference do not balance: {text[:60]}"

    def deadline_s(self, _: Reference) -> None:
        """What the pool gives."""

    def quick(self, reference: Reference, trace: Trace) -> Verdict | None:
        """What equality of text or of plain numbers settles, and what needs no judging."""
        if not isinstance(reference, AnswerReference):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", self.check(reference))
        answer = self.answer(trace)
        if answer is None:
            return Verdict(Outcome.INCORRECT, "no_answer", "no box in the answer")
        plain = _plain(reference.answer), _plain(answer)
        if plain[0] is not None and plain[0] == plain[1] and not reference.unit:
            return Verdict(Outcome.CORRECT, "equal")
        if len(answer) > MAX_CHARACTERS:
            return Verdict(Outcome.UNDECIDED, "too_big", f"an answer of {len(answer)} characters")
        if why := self.check(reference):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", why)
        if reference.unit or reference.tolerance is not None:
            return None
        return _quick(_bare(reference.answer), _bare(answer), _detail(reference.answer, answer))

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        """The whole cascade."""
        verdict = self.quick(reference, trace)
        if verdict is not None:
            return verdict
        from tracegen.verify.math.readings import compare_texts

        if not isinstance(reference, AnswerReference):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", self.check(reference))
        texts = _bare(reference.answer), _bare(self.answer(trace) or "")
        if not texts[1]:
            return Verdict(Outcome.INCORRECT, "no_answer", "the box is empty")
        if reference.unit or reference.tolerance is not None:
            from tracegen.verify.math.measured import compare_measured

            verdict = compare_measured(reference, *texts, behind=self._behind(trace))
        else:
            verdict = compare_texts(*texts)
        return Verdict(verdict.outcome, verdict.reason, _detail(*texts))

    def warm(self) -> None:
        """Import what the slow stages need: half a second that is no case's fault."""
        for module in ("mpmath", "math_verify", "pint", "tracegen.verify.math.measured"):
            import_module(module)

    def answer(self, trace: Trace) -> str | None:
        """The answer that the text gives, as it is written."""
        boxed = last_boxed(trace.answer)
        if boxed is not None or self.answer_from == "box":
            return boxed
        line = trace.answer.rstrip().rpartition("\n")[2].strip().strip("*")
        found = _LAST_LINE.fullmatch(line)
        return found[1] if found else None

    def _behind(self, trace: Trace) -> str:
        """The text right behind the box."""
        boxed = last_boxed(trace.answer)
        return "" if boxed is None else trace.answer.rpartition(f"{{{boxed}}}")[2][:60]


def _quick(reference: str, answer: str, detail: str) -> Verdict | None:
    if not answer:
        return Verdict(Outcome.INCORRECT, "no_answer", "the box is empty")
    if reference == answer:
        return Verdict(Outcome.CORRECT, "equal")
    numbers = exact.read(reference), exact.read(answer)
    if numbers[0] is None or numbers[1] is None:
        return None
    verdict = exact.compare(numbers[0], numbers[1])
    return Verdict(verdict.outcome, verdict.reason, detail)


def _plain(text: str) -> str | None:
    """A bare integer or decimal in one spelling, for the very common case; None for all else."""
    match = _BARE_NUMBER.fullmatch(text) if len(text) < 100 else None
    if match is None:
        return None
    decimals = (match[3] or "").rstrip("0").rstrip(".")
    return match[1] + (match[2].replace(",", "").lstrip("0") or "0") + decimals


def _bare(text: str) -> str:
    """Normalised, and out of the boxes that it may stand in."""
    text = normalise(text)
    for _ in range(3):
        inner = re.fullmatch(r"\\(?:boxed|fbox)\{(.*)\}", text, re.DOTALL)
        if inner is None:
            break
        text = normalise(inner[1])
    return text


def _balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", text):
        depth += (brace == "{") - (brace == "}")
        if depth < 0:
            return False
    return depth == 0


def _detail(reference: str, answer: str) -> str:
    return f"{answer[:120]!r} against {reference[:120]!r}"
