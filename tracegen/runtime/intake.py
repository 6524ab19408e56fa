"""What becomes of a replica's completions: durable, judged, counted; and of decided shards: settled.

Recording and judging go on side by side; the scheduler hears of a verdict only when completion and verdict are both
durable. Payloads are handed on without being looked into.
"""

import asyncio
from collections.abc import Sequence
from itertools import cycle

from tracegen.protocols import Exchange, Payload, RecorderPort, Replay, VerifierPort
from tracegen.runtime.shelf import Shelf
from tracegen.runtime.supervised import Supervised
from tracegen.scheduling.scheduler import Scheduler
from tracegen.types import Judgement

MAX_BATCHES = 256
"""Batches between a replica and the ledger; beyond it, replicas wait."""
MAX_TOKENS = 1 << 24
"""And their tokens, some 64 MB of text. Both bound memory when storage, or judging, is slower than the replicas."""
MAX_SETTLING = 4


class Recording:
    """The intake of a run."""

    def __init__(
        self,
        scheduler: Scheduler,
        shelf: Shelf,
        recorders: Sequence[Supervised[RecorderPort]],
        verifiers: Sequence[Supervised[VerifierPort]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._scheduler = scheduler
        self._shelf = shelf
        self._recorders = cycle(recorders)
        self._verifiers = cycle(verifiers)
        self._tasks = tasks
        self._batches = asyncio.Semaphore(MAX_BATCHES)
        self._tokens = 0
        self._fewer = asyncio.Event()
        self._settling = asyncio.Semaphore(MAX_SETTLING)
        self.work = asyncio.Event()
        """Set when there may be something new to hand out."""
        self.done = asyncio.Event()
        """Set when the run is complete."""

    async def take_in(self, exchange: Exchange, payload: Payload) -> None:
        """A replica's exchange. Returns at once, unless too much is on its way already."""
        for completion in exchange.finished:
            self._scheduler.finished(completion)
        for failure in exchange.failed:
            self._scheduler.failed(failure)
        if exchange.failed:
            self.advance()
        if exchange.finished:
            tokens = sum(completion.completion_tokens for completion in exchange.finished)
            await self._room_for(tokens)
            attempt_ids = [completion.attempt_id for completion in exchange.finished]
            self._tasks.create_task(self._record(attempt_ids, payload, tokens))

    def resume(self, replay: Replay, payload: Payload) -> None:
        """Judge what an earlier driver had left unjudged."""
        if replay.unjudged:
            self._tasks.create_task(self._judge(replay.unjudged, payload))
        self.advance()

    async def _room_for(self, tokens: int) -> None:
        await self._batches.acquire()
        while self._tokens and self._tokens + tokens > MAX_TOKENS:
            self._fewer.clear()
            await self._fewer.wait()
        self._tokens += tokens

    async def _record(self, attempt_ids: Sequence[str], payload: Payload, tokens: int) -> None:
        recorder, verifiers = next(self._recorders), next(self._verifiers)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(recorder.call(lambda part: part.append(payload)))
                judging = both.create_task(self._judgements(attempt_ids, payload, recorder, verifiers))
        finally:
            self._batches.release()
            self._tokens -= tokens
            self._fewer.set()
        self._count(judging.result())

    async def _judge(self, attempt_ids: Sequence[str], payload: Payload) -> None:
        self._count(await self._judgements(attempt_ids, payload, next(self._recorders), next(self._verifiers)))

    async def _judgements(
        self,
        attempt_ids: Sequence[str],
        payload: Payload,
        recorder: Supervised[RecorderPort],
        verifiers: Supervised[VerifierPort],
    ) -> Sequence[Judgement]:
        references = self._shelf.references(attempt_ids)
        judgements = await verifiers.call(lambda part: part.judge(payload, references))
        await recorder.call(lambda part: part.append_judgements(judgements))
        return judgements

    def _count(self, judgements: Sequence[Judgement]) -> None:
        for judgement in judgements:
            self._scheduler.judged(judgement.attempt_id, judgement.outcome, judgement.reason)
        self.advance()

    def advance(self) -> None:
        """Something may have been decided, or given back: settle the one, let replicas ask for the other."""
        self.work.set()
        for shard_id in self._scheduler.take_decided():
            self._tasks.create_task(self._settle(shard_id))

    async def _settle(self, shard_id: str) -> None:
        async with self._settling:
            await next(self._recorders).call(lambda part: part.settle(shard_id))
        self._scheduler.settled(shard_id)
        self._shelf.drop(shard_id)
        self.work.set()
        self.check_done()

    def check_done(self) -> None:
        if self._scheduler.done:
            self.done.set()
