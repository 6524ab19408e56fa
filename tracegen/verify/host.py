"""Hosts verifiers for a run: completions in, judgements out. Extraction, then the verifier of the reference's kind.

The local :class:`~tracegen.protocols.VerifierPort`: its payload is a list of completions. Constructing one is cheap and
takes plain values only, so that it can be built inside of an actor.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from tracegen import registry
from tracegen.errors import RecipeError, VerifierError
from tracegen.extract import split
from tracegen.protocols import Payload, Verifier
from tracegen.types import Completion, FinishReason, Judgement, Outcome, Prompt, Reference, Trace, Verdict
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.process import Limits
from tracegen.verify.sandbox.contract import Isolation

EXTRACT = "extract/1"
NO_VERIFIER = "none/1"


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
        if verifier := self._ahead.pop(kind, None):
            verifier.preflight()


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
        processes: int = 1,
        deadline_s: float = 10.0,
        memory_bytes: int = 1024**3,
        isolation: Isolation = "auto",
    ) -> None:
        self._names = dict(verifiers)
        self._processes = processes
        self._limits = Limits(deadline_s, memory_bytes)
        self._isolation = isolation
        self._verifiers: dict[str, Verifier] = {}
        self._pool: VerifierPool | None = None

    async def start(self) -> None:
        """Raises RecipeError for an unknown verifier, VerifierError when no process starts."""
        self._verifiers = build(self._names, self._isolation)
        self._pool = VerifierPool(self._verifiers, self._processes, self._limits)
        await self._pool.start()

    async def judge(self, payload: Payload, references: Mapping[str, Reference]) -> list[Judgement]:
        """One judgement per completion, in order; ``references`` by prompt id."""
        if self._pool is None:
            raise VerifierError("the verifier host was not started")
        completions = cast(Sequence[Completion], payload)
        return await judge_completions(self._pool, self._verifiers, completions, references)

    async def close(self) -> None:
        """Ends every process. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()


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


def build(names: Mapping[str, str], isolation: Isolation = "auto") -> dict[str, Verifier]:
    """The verifiers of a recipe, by kind of reference. Raises RecipeError."""
    verifiers: dict[str, Verifier] = {}
    for kind, name in names.items():
        verifier: Verifier = registry.resolve("verifier", name)()
        if kind not in verifier.reads:
            reads = ", ".join(sorted(verifier.reads))
            raise RecipeError(f"verifier {name!r} does not read references of kind {kind!r}", hint=f"it reads: {reads}")
        verifiers[kind] = verifier.isolated(isolation) if isinstance(verifier, RunsPrograms) else verifier
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
