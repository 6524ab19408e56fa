"""From completions to judgements: extraction, filters, verifiers, the judge, in this order. It owns no process."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tracegen.extract import split
from tracegen.filters.finding import Subject, shown
from tracegen.filters.sieve import Sieve
from tracegen.protocols import Verifier
from tracegen.types import FILTERED, Completion, FinishReason, Judgement, Outcome, Reference, Trace, Verdict
from tracegen.verify.judge import Appeal, Panel
from tracegen.verify.pool import Case

EXTRACT = "extract/1"
NO_VERIFIER = "none/1"


class Judges(Protocol):
    """What judges cases in order: the pool."""

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Appeals:
    """Who settles what the verifiers leave undecided."""

    panel: Panel
    questions: Mapping[str, str]
    """By prompt id."""


@dataclass(frozen=True, slots=True)
class _Settled:
    """A completion that needs no verifier."""

    verifier: str
    verdict: Verdict


async def judge_completions(
    pool: Judges,
    verifiers: Mapping[str, Verifier],
    completions: Sequence[Completion],
    references: Mapping[str, Reference],
    appeals: Appeals | None = None,
    sieve: Sieve | None = None,
) -> list[Judgement]:
    """Extraction, then filters; what passes goes to the pool, under the kind of its reference; then to the judge."""
    prepared = []
    for completion in completions:
        prepared.append(_prepare(verifiers, completion, references.get(completion.prompt_id), sieve))
        if sieve:
            await asyncio.sleep(0)  # filters take a millisecond or two, and others share this event loop
    cases = [item for item in prepared if isinstance(item, Case)]
    verdicts = await pool.judge(cases) if cases else []
    said = [(verifiers[case.verifier].name, verdict) for case, verdict in zip(cases, verdicts, strict=True)]
    if appeals:
        asked = [completion for completion, item in zip(completions, prepared, strict=True) if isinstance(item, Case)]
        said = await appeals.panel.settle(
            [
                Appeal(c.attempt_id, appeals.questions.get(c.prompt_id, ""), case.reference, case.trace, *first)
                for c, case, first in zip(asked, cases, said, strict=True)
            ]
        )
    last = iter(said)
    return [
        _judgement(completion, item if isinstance(item, _Settled) else _Settled(*next(last)))
        for completion, item in zip(completions, prepared, strict=True)
    ]


def _prepare(
    verifiers: Mapping[str, Verifier], completion: Completion, reference: Reference | None, sieve: Sieve | None
) -> Case | _Settled:
    if completion.finish_reason is FinishReason.ABORT:
        return _Settled(EXTRACT, Verdict(Outcome.UNDECIDED, "aborted", "the engine was told to stop"))
    if completion.finish_reason is FinishReason.LOOPED:
        return _Settled(
            EXTRACT, Verdict(Outcome.INCORRECT, "looped", f"stopped while it wrote: {shown(completion.text[-200:])}")
        )
    trace = split(completion.text, completion.prefill, completion.finish_reason)
    if not isinstance(trace, Trace):
        return _Settled(EXTRACT, Verdict(Outcome.INCORRECT, trace.reason, trace.detail))
    finding = sieve.find(Subject(trace, completion.domain, completion.finish_reason)) if sieve else None
    if sieve and finding:
        return _Settled(sieve.name, Verdict(Outcome.UNDECIDED, f"{FILTERED}{finding.reason}", finding.detail))
    if reference is None:
        return _Settled(NO_VERIFIER, Verdict(Outcome.UNDECIDED, "no_reference", f"prompt {completion.prompt_id}"))
    if reference.kind not in verifiers:
        return _Settled(NO_VERIFIER, Verdict(Outcome.UNDECIDED, "no_verifier", f"for kind {reference.kind!r}"))
    return Case(reference.kind, reference, trace)


def _judgement(completion: Completion, settled: _Settled) -> Judgement:
    verdict = settled.verdict
    return Judgement(
        attempt_id=completion.attempt_id,
        prompt_id=completion.prompt_id,
        shard_id=completion.shard_id,
        epoch=completion.epoch,
        outcome=verdict.outcome,
        reason=verdict.reason,
        detail=verdict.detail,
        verifier=settled.verifier,
        completion_tokens=completion.completion_tokens,
        cpu_s=verdict.cpu_s,
    )
