"""Hosts verifiers for a run: completions in, judgements out. Extraction, then the verifier of the reference's kind.

The local :class:`~tracegen.protocols.VerifierPort`: its payload is a list of completions. Constructing one is cheap and
takes plain values only, so that it can be built inside of an actor.
"""

import asyncio
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from tracegen import registry
from tracegen.errors import RecipeError, VerifierError
from tracegen.extract import split
from tracegen.protocols import Payload, PoolHealth, Verifier
from tracegen.types import Completion, FinishReason, Judgement, Outcome, Prompt, Reference, Trace, Verdict
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.probes import own_probes
from tracegen.verify.process import Limits
from tracegen.verify.proving import drift

EXTRACT = "extract/1"
NO_VERIFIER = "none/1"
FEWEST_OWN = 4
"""Of so many probes made of a shard's own references, one right one at least must be judged correct."""


class Judges(Protocol):
    """What judges cases in order: the pool."""

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]: ...


@dataclass(frozen=True, slots=True)
class _Settled:
    """A completion that needs no verifier."""

    verifier: str
    verdict: Verdict


class VerifierHost:
    """Verifiers by kind of reference, in a pool of their own."""

    def __init__(
        self,
        verifiers: Mapping[str, str],
        processes: int | None = None,
        deadline_s: float = 10.0,
        memory_bytes: int = 1024**3,
    ) -> None:
        """``processes``: so many from the start. None: one, and up to one a core while cases wait."""
        self._names = dict(verifiers)
        self._processes = processes
        self._limits = Limits(deadline_s, memory_bytes)
        self._verifiers: dict[str, Verifier] = {}
        self._pool: VerifierPool | None = None
        self._trying: set[asyncio.Task[None]] = set()
        self._drift: BaseException | None = None

    async def start(self) -> None:
        """Raises RecipeError for an unknown verifier, VerifierError when no process starts."""
        self._verifiers = build(self._names)
        at_most = self._processes or len(os.sched_getaffinity(0))
        self._pool = VerifierPool(self._verifiers, self._processes or 1, self._limits, at_most=at_most)
        await self._pool.start()

    async def expect(self, references: Sequence[Reference]) -> None:
        """See :class:`~tracegen.protocols.VerifierPort`. The references become probes, too, judged in their turn."""
        pool = self._open_pool()
        await pool.expect({reference.kind for reference in references})
        trying = asyncio.create_task(self._try(pool, references))
        self._trying.add(trying)
        trying.add_done_callback(self._tried)

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

    async def judge(self, payload: Payload, references: Mapping[str, Reference]) -> list[Judgement]:
        """One judgement per completion, in order; ``references`` by prompt id."""
        pool, completions = self._open_pool(), cast(Sequence[Completion], payload)
        return await judge_completions(pool, self._verifiers, completions, references)

    async def verdicts(self, cases: Sequence[Case]) -> list[Verdict]:
        """Verdicts on cases that were prepared elsewhere, in order."""
        return await self._open_pool().judge(cases)

    async def close(self) -> None:
        """Ends every process. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        if self._trying:
            await asyncio.wait(self._trying)


async def judge_completions(
    pool: Judges,
    verifiers: Mapping[str, Verifier],
    completions: Sequence[Completion],
    references: Mapping[str, Reference],
) -> list[Judgement]:
    """Extraction first; what holds a trace goes to the pool, under the kind of its reference."""
    prepared = [_prepare(verifiers, completion, references.get(completion.prompt_id)) for completion in completions]
    cases = [item for item in prepared if isinstance(item, Case)]
    verdicts = iter(await pool.judge(cases) if cases else [])
    judgements = []
    for completion, item in zip(completions, prepared, strict=True):
        if isinstance(item, Case):
            item = _Settled(verifiers[item.verifier].name, next(verdicts))
        judgements.append(_judgement(completion, item))
    return judgements


def build(names: Mapping[str, str]) -> dict[str, Verifier]:
    """The verifiers of a recipe, by kind of reference. Raises RecipeError."""
    verifiers: dict[str, Verifier] = {}
    for kind, name in names.items():
        verifier: Verifier = registry.resolve("verifier", name)()
        if kind not in verifier.reads:
            reads = ", ".join(sorted(verifier.reads))
            raise RecipeError(f"verifier {name!r} does not read references of kind {kind!r}", hint=f"it reads: {reads}")
        verifiers[kind] = verifier
    return verifiers


def verdict_set(verifiers: Mapping[str, Verifier]) -> str:
    """Name of what these verifiers say, safe as a part of a path: ``math-1_logic-1-0a1b2c3d``.

    The digest is over kinds, versions and options, so another configuration is another set.
    """
    told = [[kind, verifier.name, repr(verifier)] for kind, verifier in sorted(verifiers.items())]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]
    names = dict.fromkeys(
        re.sub(r"[^a-z0-9_.]+", "-", verifier.name.lower()) for _, verifier in sorted(verifiers.items())
    )
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


def _prepare(verifiers: Mapping[str, Verifier], completion: Completion, reference: Reference | None) -> Case | _Settled:
    if completion.finish_reason is FinishReason.ABORT:
        return _Settled(EXTRACT, Verdict(Outcome.UNDECIDED, "aborted", "the engine was told to stop"))
    trace = split(completion.text, completion.prefill, completion.finish_reason)
    if not isinstance(trace, Trace):
        return _Settled(EXTRACT, Verdict(Outcome.INCORRECT, trace.reason, trace.detail))
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
