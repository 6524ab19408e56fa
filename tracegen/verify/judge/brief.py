r"""What the judge is handed of a case: question, standard, final answer. Never the reasoning. Pure.

Also says which cases a reader of the answer can settle at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tracegen.types import AnswerReference, ChoiceReference, Outcome, Reference, RubricReference, Trace, Verdict
from tracegen.verify.math import MathVerifier

OUTAGES = frozenset(
    {
        *("timeout", "worker_died", "out_of_memory", "verifier_error", "aborted"),
        *("too_big", "reference_unreadable", "scorer_unsound", "no_reference"),
    }
)
"""Reasons that reading the answer does not remove: something of ours failed, the answer is no answer's size, or there
is nothing sound to judge against."""

_FINAL_ANSWER = MathVerifier(answer_from="box_or_last_line").answer


@dataclass(frozen=True, slots=True)
class Brief:
    """One case for the judge."""

    case_id: str
    """The attempt's id: all that is drawn for this case is drawn from it."""
    question: str
    """Empty where nobody knows it."""
    standard: str
    """The reference answer, or the rubric."""
    answer: str
    by_rubric: bool = False
    others: tuple[str, ...] = ()
    """Standards known to be wrong, as the other options of a choice."""


def may_be_asked(settles: Sequence[str], reference: Reference, verdict: Verdict) -> bool:
    """Whether this verdict is one that the judge may replace."""
    return verdict.outcome is Outcome.UNDECIDED and reference.kind in settles and verdict.reason not in OUTAGES


def brief(case_id: str, question: str, reference: Reference, trace: Trace) -> Brief | None:
    """The brief of a case; None where the trace gives no final answer."""
    if isinstance(reference, RubricReference):
        return Brief(case_id, question, _rubric(reference), trace.answer.strip(), by_rubric=True)
    answer = _FINAL_ANSWER(trace)
    if answer is None or not answer.strip():
        return None
    if isinstance(reference, ChoiceReference):
        right, *wrong = _options(reference)
        return Brief(case_id, question, right, answer.strip(), others=tuple(wrong))
    if isinstance(reference, AnswerReference):
        return Brief(case_id, question, _answer(reference), answer.strip())
    return None


def _answer(reference: AnswerReference) -> str:
    unit = f" {reference.unit}" if reference.unit else ""
    within = f"within {100 * reference.tolerance:g} % of " if reference.tolerance else ""
    return f"{within}{reference.answer}{unit}"


def _options(reference: ChoiceReference) -> list[str]:
    """The right option, then the others."""
    letter = reference.answer.strip().strip("().").upper()
    lettered = {chr(ord("A") + at): text for at, text in enumerate(reference.options)}
    shown = {key: f"{key}: {text}" for key, text in lettered.items()}
    return [shown.pop(letter, reference.answer), *shown.values()]


def _rubric(reference: RubricReference) -> str:
    return f"{reference.rubric}\n\nA good answer:\n{reference.example}" if reference.example else reference.rubric
