"""Hosts verifiers for a run: a pool, its probes and the judge, behind one port. How it judges is ``completions.py``.

The local :class:`~tracegen.protocols.VerifierPort`: its payload is a list of completions. Constructing one is cheap and
takes plain values only, so that it can be built inside of an actor.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence, Set
from typing import cast

from tracegen.errors import VerifierError
from tracegen.filters.sieve import Sieve
from tracegen.protocols import Payload, PoolHealth, Verifier
from tracegen.types import Completion, Judgement, Reference, Verdict
from tracegen.verify.completions import Appeals, judge_completions
from tracegen.verify.judge import Panel
from tracegen.verify.own_probes import OwnProbes
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.preflight import Preflights
from tracegen.verify.process import Limits
from tracegen.verify.spec import HostSpec, build_verifiers


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
        self._own = OwnProbes()

    async def start(self) -> None:
        """Raises RecipeError for an unknown verifier, MissingDependency for a filter's, VerifierError when no process
        starts or the judge is unfit."""
        spec = self._spec
        self._verifiers = build_verifiers(spec.verifiers, spec.judge.judge if spec.judge else None, spec.isolation)
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
        self._own.put(pool, self._verifiers, references)

    async def _expect(self, pool: VerifierPool, kinds: Set[str]) -> None:
        """Raises UserError where this machine, which need not be the driver's, lacks what a kind takes; VerifierDrift."""
        for kind in sorted(kinds):
            await asyncio.to_thread(self._preflights.before, kind)
        await pool.expect(kinds)
        self._expected |= kinds

    async def prove(self) -> None:
        """See :class:`~tracegen.protocols.VerifierPort`."""
        await self._own.judged()
        await self._open_pool().prove()

    async def health(self) -> PoolHealth:
        """See :class:`~tracegen.protocols.VerifierPort`."""
        return self._open_pool().health()

    def _open_pool(self) -> VerifierPool:
        self._own.check()
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
        await self._own.judged()
        if self._panel:
            await self._panel.close()
