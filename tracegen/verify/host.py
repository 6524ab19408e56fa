"""Hosts verifiers for a run: completions in, judgements out. Extraction, filters, the verifier of the reference's kind.

The local :class:`~tracegen.protocols.VerifierPort`: its payload is a list of completions. Constructing one is cheap and
takes plain values only, so that it can be built inside of an actor.
"""

import asyncio
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from tracegen import registry
from tracegen.errors import RecipeError, VerifierError
from tracegen.extract import split
from tracegen.filter_options import Filters
from tracegen.filters.finding import Subject
from tracegen.filters.sieve import Sieve
from tracegen.protocols import Payload, PoolHealth, Verifier
from tracegen.recipe import Judge
from tracegen.types import FILTERED, Completion, FinishReason, Judgement, Outcome, Prompt, Reference, Trace, Verdict
from tracegen.verify.judge import VERSION as JUDGE
from tracegen.verify.judge import Appeal, JudgeSpec, Panel, RubricVerifier
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.probes import own_probes
from tracegen.verify.process import Limits
from tracegen.verify.proving import drift
from tracegen.verify.sandbox.contract import Isolation

EXTRACT = "extract/1"
NO_VERIFIER = "none/1"
PARTS = ("name", "reads", "check", "deadline_s", "quick", "verify")
"""Of a verifier: a plug-in may have been written for another version."""
FEWEST_OWN = 4
"""Of so many probes made of a shard's own references, one right one at least must be judged correct."""


class Judges(Protocol):
    """What judges cases in order: the pool."""

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]: ...


@runtime_checkable
class RunsPrograms(Protocol):
    """A verifier that runs programs which it does not trust."""

    def isolated(self, isolation: Isolation) -> Verifier:
        """The same verifier, with another way to keep programs apart from the machine."""

    def preflight(self) -> None:
        """Raises UserError where this machine has no such way."""


class Preflights:
    """Each verifier's look at this machine, once, when the first reference turns up that needs it."""

    def __init__(self, verifiers: Mapping[str, Verifier]) -> None:
        self._ahead = {kind: verifier for kind, verifier in verifiers.items() if isinstance(verifier, RunsPrograms)}

    def before(self, kind: str) -> None:
        """Raises UserError where references of this kind cannot be judged here."""
        if verifier := self._ahead.get(kind):
            verifier.preflight()
            self._ahead = {other: ahead for other, ahead in self._ahead.items() if ahead != verifier}


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


@dataclass(frozen=True, slots=True)
class HostSpec:
    """By what a pool judges: plain values, so that a host can be built inside of an actor."""

    verifiers: Mapping[str, str]
    """Names by kind of reference."""
    judge: JudgeSpec | None = None
    filters: Filters | None = None
    isolation: Isolation = "auto"


class VerifierHost:
    """Verifiers by kind of reference, in a pool of their own."""

    def __init__(
        self,
        spec: HostSpec,
        processes: int | None = None,
        deadline_s: float = 10.0,
        memory_bytes: int = 1024**3,
    ) -> None:
        """``processes``: so many from the start. None: one, and up to one a core while cases wait."""
        self._spec = spec
        self._panel = Panel(spec.judge) if spec.judge else None
        self._processes = processes
        self._limits = Limits(deadline_s, memory_bytes)
        self._sieve: Sieve | None = None
        self._verifiers: dict[str, Verifier] = {}
        self._preflights = Preflights({})
        self._expected: set[str] = set()
        self._pool: VerifierPool | None = None
        self._trying: set[asyncio.Task[None]] = set()
        self._drift: BaseException | None = None

    async def start(self) -> None:
        """Raises RecipeError for an unknown verifier, MissingDependency for a filter's, VerifierError when no process
        starts or the judge is unfit."""
        spec = self._spec
        self._verifiers = build(spec.verifiers, spec.judge.judge if spec.judge else None, spec.isolation)
        self._preflights = Preflights(self._verifiers)
        self._sieve = Sieve(spec.filters) if spec.filters else None
        at_most = self._processes or len(os.sched_getaffinity(0))
        self._pool = VerifierPool(self._verifiers, self._processes or 1, self._limits, at_most=at_most)
        await self._pool.start()
        if self._panel:
            try:
                await self._panel.start()
            except BaseException:
                await self.close()
                raise

    async def expect(self, references: Sequence[Reference]) -> None:
        """See :class:`~tracegen.protocols.VerifierPort`. The references become probes, too, judged in their turn."""
        pool = self._open_pool()
        await self._expect(pool, {reference.kind for reference in references})
        trying = asyncio.create_task(self._try(pool, references))
        self._trying.add(trying)
        trying.add_done_callback(self._tried)

    async def _expect(self, pool: VerifierPool, kinds: Set[str]) -> None:
        """Raises UserError where this machine, which need not be the driver's, lacks what a kind takes; VerifierDrift."""
        for kind in sorted(kinds):
            await asyncio.to_thread(self._preflights.before, kind)
        await pool.expect(kinds)
        self._expected |= kinds

    async def prove(self) -> None:
        """See :class:`~tracegen.protocols.VerifierPort`."""
        if self._trying:
            await asyncio.wait(self._trying)
        await self._open_pool().prove()

    async def health(self) -> PoolHealth:
        """See :class:`~tracegen.protocols.VerifierPort`."""
        return self._open_pool().health()

    async def _try(self, pool: VerifierPool, references: Sequence[Reference]) -> None:
        """Judge the references' own answers, and spoilt ones. Raises VerifierDrift."""
        probes = own_probes(reference for reference in references if reference.kind in self._verifiers)
        verdicts = await pool.judge([Case(probe.kind, probe.reference, probe.trace) for probe in probes])
        passed: Counter[str] = Counter()
        for probe, verdict in zip(probes, verdicts, strict=True):
            if not probe.right and probe.refutes(verdict):
                raise drift(self._verifiers[probe.kind], probe, f"correct ({verdict.reason})")
            passed[probe.kind] += probe.right and verdict.outcome is Outcome.CORRECT
        # One reference may be odd; a verifier that finds none of many equal to itself reads them no more.
        for probe, verdict in zip(probes, verdicts, strict=True):
            if not passed[probe.kind] and sum(other.kind == probe.kind for other in probes) >= FEWEST_OWN:
                raise drift(self._verifiers[probe.kind], probe, f"{verdict.outcome} ({verdict.reason}), as of the rest")

    def _tried(self, trying: "asyncio.Task[None]") -> None:
        self._trying.discard(trying)
        if not trying.cancelled() and (error := trying.exception()):
            self._drift = self._drift or error

    def _open_pool(self) -> VerifierPool:
        if self._drift is not None:
            raise self._drift
        if self._pool is None:
            raise VerifierError("the verifier host was not started")
        return self._pool

    async def judge(
        self, payload: Payload, references: Mapping[str, Reference], questions: Mapping[str, str] | None = None
    ) -> list[Judgement]:
        """One judgement per completion, in order; ``references`` and the judge's ``questions`` by prompt id."""
        pool, completions = self._open_pool(), cast(Sequence[Completion], payload)
        kinds = {reference.kind for reference in references.values()}
        if not kinds <= self._expected:  # it took the place of one that was lost, and nobody has told it yet
            await self._expect(pool, kinds)
        appeals = Appeals(self._panel, questions or {}) if self._panel else None
        return await judge_completions(pool, self._verifiers, completions, references, appeals, self._sieve)

    async def verdicts(self, cases: Sequence[Case]) -> list[Verdict]:
        """Verdicts on cases that were prepared elsewhere, in order."""
        return await self._open_pool().judge(cases)

    async def close(self) -> None:
        """Ends every process, and the judge's engine. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        if self._trying:
            await asyncio.wait(self._trying)
        if self._panel:
            await self._panel.close()


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


def build(names: Mapping[str, str], judge: Judge | None = None, isolation: Isolation = "auto") -> dict[str, Verifier]:
    """The verifiers of a recipe, by kind of reference. Raises RecipeError."""
    verifiers: dict[str, Verifier] = {"rubric": RubricVerifier()} if judge and "rubric" in judge.settles else {}
    for kind, name in names.items():
        verifier = registry.resolve("verifier", name)()
        if missing := [part for part in PARTS if not hasattr(verifier, part)]:
            raise RecipeError(
                f"verifier {name!r} lacks {', '.join(missing)}", hint="see tracegen/protocols.py: Verifier"
            )
        if kind not in verifier.reads:
            reads = ", ".join(sorted(verifier.reads))
            raise RecipeError(f"verifier {name!r} does not read references of kind {kind!r}", hint=f"it reads: {reads}")
        verifiers[kind] = verifier.isolated(isolation) if isinstance(verifier, RunsPrograms) else verifier
    return verifiers


def verdict_set(verifiers: Mapping[str, Verifier], judge: Judge | None = None, sieve: Sieve | None = None) -> str:
    """Name of what verifiers, filters and the judge say, safe as a part of a path: ``math-1_logic-1-0a1b2c3d``.

    The digest is over kinds, versions and options, so another configuration is another set.
    """
    judges: list[tuple[str, Verifier | Sieve]] = [*sorted(verifiers.items()), *([("", sieve)] if sieve else [])]
    told: list[object] = [[kind, one.name, repr(one)] for kind, one in judges]
    if judge:
        told.append([JUDGE, judge.decides])
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    told_names = [*(one.name for _, one in judges), *([JUDGE] if judge else [])]
    names = dict.fromkeys(re.sub(r"[^a-z0-9_.]+", "-", name.lower()) for name in told_names)
    return f"{'_'.join(names) or 'none'}-{digest}"


def check_references(prompts: Sequence[Prompt], verifiers: Mapping[str, Verifier]) -> list[tuple[Prompt, str]]:
    """Prompts whose reference nobody can judge against, and why: to be told before anything is spent."""
    found = []
    for prompt in prompts:
        verifier = verifiers.get(prompt.reference.kind)
        why = verifier.check(prompt.reference) if verifier else f"no verifier for kind {prompt.reference.kind!r}"
        if why:
            found.append((prompt, why))
    return found


def _prepare(
    verifiers: Mapping[str, Verifier], completion: Completion, reference: Reference | None, sieve: Sieve | None
) -> Case | _Settled:
    if completion.finish_reason is FinishReason.ABORT:
        return _Settled(EXTRACT, Verdict(Outcome.UNDECIDED, "aborted", "the engine was told to stop"))
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
