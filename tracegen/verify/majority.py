"""Majority vote for prompts without a reference, ``majority/1``: the answer that most attempts give is taken for right.

It knows no truth: it is for problems that nobody has answered, and what it accepts is as good as the teacher's
agreement with itself. Answers are equal as the verifier of ``answer`` references says, one text as the reference of
the other; the same text needs no verifier.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tracegen.extract import last_boxed
from tracegen.types import AnswerReference, Outcome, Trace, Verdict
from tracegen.verify.pool import Case

MAJORITY = "majority/1"
AT_LEAST = 3
"""Attempts that must agree, by default."""
LONGEST = 2_000
"""Characters of an answer; a longer one is none."""

Judge = Callable[[Sequence[Case]], Awaitable[Sequence[Verdict]]]


def final_answer(trace: Trace) -> str:
    """What the trace's last box holds; empty for none."""
    found = (last_boxed(trace.answer) or "").strip()
    return found if len(found) <= LONGEST else ""


async def vote(answers: Mapping[str, str], judge: Judge, at_least: int = AT_LEAST) -> dict[str, Verdict]:
    """The verdicts on one prompt's attempts, by attempt id; ``answers`` are their final answers, empty for none."""
    groups = await _grouped(Counter(answer for answer in answers.values() if answer), judge)
    answered = sum(group.votes for group in groups)
    best = max(groups, key=lambda group: group.votes, default=None)
    if best is not None and (best.votes < at_least or 2 * best.votes <= answered):
        best = None
    return {attempt_id: _verdict(answer, best, answered) for attempt_id, answer in answers.items()}


@dataclass(slots=True)
class _Group:
    """Answers that are equal. The first is the one that was given most often."""

    answer: str
    votes: int = 0
    texts: set[str] = field(default_factory=set)


async def _grouped(texts: Counter[str], judge: Judge) -> list[_Group]:
    groups: list[_Group] = []
    # Sorted, so that the same attempts give the same groups in whatever order they came.
    for text, votes in sorted(texts.items(), key=lambda item: (-item[1], item[0])):
        group = await _home(text, groups, judge)
        if group is None:
            group = _Group(text)
            groups.append(group)
        group.votes += votes
        group.texts.add(text)
    return groups


async def _home(text: str, groups: Sequence[_Group], judge: Judge) -> _Group | None:
    trace = Trace("", rf"\boxed{{{text}}}")
    verdicts = await judge([Case("answer", AnswerReference(answer=group.answer), trace) for group in groups])
    equal = (group for group, verdict in zip(groups, verdicts, strict=True) if verdict.outcome is Outcome.CORRECT)
    return next(equal, None)


def _verdict(answer: str, best: _Group | None, answered: int) -> Verdict:
    if not answer:
        return Verdict(Outcome.INCORRECT, "no_answer", "no box in the answer")
    if best is None:
        return Verdict(Outcome.UNDECIDED, "no_majority", f"{answer[:120]!r}, one of {answered} answers")
    detail = f"{best.votes} of {answered} answers are {best.answer[:120]!r}"
    if answer in best.texts:
        return Verdict(Outcome.CORRECT, "majority", detail)
    return Verdict(Outcome.INCORRECT, "minority", f"{answer[:120]!r}; {detail}")
