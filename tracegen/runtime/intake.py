"""What becomes of a replica's completions: durable, judged, counted; and of decided shards: settled.

Recording and judging go on side by side; the scheduler hears of a verdict only when completion and verdict are both
durable. Payloads are handed on without being looked into.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle

from tracegen.errors import PayloadLost
from tracegen.protocols import Exchange, Finished, Payload, RecorderPort, Replay, VerifierPort
from tracegen.runtime.shelf import Shelf
from tracegen.runtime.supervised import Supervised
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.state import Poisoned
from tracegen.types import Judgement

logger = logging.getLogger(__name__)

MAX_BATCHES = 4096
"""Batches between replicas and the ledger; beyond it, replicas wait. Some 10 kB each without their text."""
MAX_TOKENS = 1 << 24
"""And their tokens, some 64 MB of text. Both bound memory when storage, or judging, is slower than the replicas."""
DRAIN_S = 30.0
SETTLING_PER_RECORDER = 4
UNSETTLED_PER_RECORDER = 3 * SETTLING_PER_RECORDER
"""Decided shards that are being settled, or wait for it. Their prompts and their journals stay until it is done, so
beyond this no shard is opened: the replicas wait for the ledger, and memory does not grow.
"""


class Quarantine:
    """Keeps the evidence of attempts that were given up."""

    def __init__(self, write: Callable[[Poisoned], None], wall_clock: Callable[[], float]) -> None:
        self._write = write
        self._writing = asyncio.Lock()
        self.wall_clock = wall_clock

    async def keep(self, poisoned: Sequence[Poisoned]) -> None:
        async with self._writing:
            for one in poisoned:
                logger.warning("attempt %s quarantined: %d tries, %d deaths", one.attempt_id, one.tries, one.deaths)
                await asyncio.to_thread(self._write, one)

    async def kept(self) -> None:
        """Returns when all that was given up so far is on record: no shard settles before."""
        async with self._writing:
            pass


class Recording:
    """The intake of a run."""

    def __init__(
        self,
        scheduler: Scheduler,
        shelf: Shelf,
        recorders: Sequence[Supervised[RecorderPort]],
        verifiers: Sequence[Supervised[VerifierPort]],
        tasks: asyncio.TaskGroup,
        quarantine: Quarantine,
    ) -> None:
        self._scheduler = scheduler
        self._shelf = shelf
        self._recorders = cycle(recorders)
        self._pools = verifiers
        self._verifiers = cycle(verifiers)
        self._tasks = tasks
        self._quarantine = quarantine
        self._batches = asyncio.Semaphore(MAX_BATCHES)
        self._tokens = 0
        self._fewer = asyncio.Event()
        self._settling = asyncio.Semaphore(SETTLING_PER_RECORDER * len(recorders))
        self._unsettled = 0
        self._most_unsettled = UNSETTLED_PER_RECORDER * len(recorders)
        self.work = asyncio.Event()
        """Set when there may be something new to hand out."""
        self.done = asyncio.Event()
        """Set when the run is complete."""

    async def take_in(self, exchange: Exchange, payload: Payload) -> None:
        """A replica's exchange. Returns at once, unless too much is on its way already."""
        self._scheduler.canary(exchange.canary_tokens)
        for completion in exchange.finished:
            self._scheduler.finished(completion)
        for failure in exchange.failed:
            self._scheduler.failed(failure, at_s=self._quarantine.wall_clock())
        if exchange.failed:
            self.advance()
        if exchange.finished:
            tokens = sum(completion.completion_tokens for completion in exchange.finished)
            await self._room_for(tokens)
            self._tasks.create_task(self._record(exchange.finished, payload, tokens))

    async def drained(self) -> None:
        """Returns when all that was taken in is on record and judged, or after ``DRAIN_S``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while self._tokens:
                    self._fewer.clear()
                    await self._fewer.wait()

    def revoke(self, replica_id: str, why: str, lost_tokens: int, *, died: bool) -> bool:
        """A replica is gone: what it had in hand goes to others. True where an attempt was found guilty of it."""
        at_s = self._quarantine.wall_clock()
        convicted = self._scheduler.revoke(replica_id, died=died, lost_tokens=lost_tokens, why=why, at_s=at_s)
        self.advance()
        return bool(convicted)

    def resume(self, replay: Replay, payload: Payload) -> None:
        """Judge what an earlier driver had left unjudged."""
        if replay.unjudged:
            unjudged = frozenset(replay.unjudged)
            finished = [completion for completion in replay.finished if completion.attempt_id in unjudged]
            self._tasks.create_task(self._judge(finished, payload))
        self.advance()

    async def _room_for(self, tokens: int) -> None:
        await self._batches.acquire()
        while self._tokens and self._tokens + tokens > MAX_TOKENS:
            self._fewer.clear()
            await self._fewer.wait()
        self._tokens += tokens

    async def _record(self, finished: Sequence[Finished], payload: Payload, tokens: int) -> None:
        recorder, verifiers = next(self._recorders), next(self._verifiers)
        attempt_ids = [completion.attempt_id for completion in finished]
        try:
            # Each to its own end: whether a payload that is lost to one was written by the other must be known.
            recorded, judged = await asyncio.gather(
                recorder.call(lambda part: part.append(payload)),
                self._judgements(attempt_ids, payload, recorder, verifiers),
                return_exceptions=True,
            )
            if lost := _loss(recorded, judged):
                await self._recover(finished, lost, judged=not isinstance(judged, BaseException))
            elif not isinstance(judged, BaseException):
                self._count(judged)
        finally:
            self._batches.release()
            self._tokens -= tokens
            self._fewer.set()

    async def _judge(self, finished: Sequence[Finished], payload: Payload) -> None:
        attempt_ids = [completion.attempt_id for completion in finished]
        try:
            self._count(await self._judgements(attempt_ids, payload, next(self._recorders), next(self._verifiers)))
        except PayloadLost as error:
            await self._recover(finished, error, judged=False)

    async def _recover(self, finished: Sequence[Finished], error: PayloadLost, *, judged: bool) -> None:
        """The ledger knows which of them it holds: those are judged from there, the others are asked for again.

        ``judged``: a verdict on each lost text is in the ledger already, and must not meet another text.
        """
        by_shard: dict[str, list[Finished]] = {}
        for completion in finished:
            by_shard.setdefault(completion.shard_id, []).append(completion)
        for shard_id, wanted in by_shard.items():
            attempt_ids = [completion.attempt_id for completion in wanted]
            found, payload = await next(self._recorders).call(partial(_recalled, shard_id, attempt_ids))
            by_id = {completion.attempt_id: completion for completion in wanted}
            logger.warning("%d of %d completions lost on their way: %s", len(by_id) - len(found), len(by_id), error)
            for attempt_id in by_id.keys() - set(found):
                self._scheduler.lost(attempt_id, again=not judged)
            self.advance()
            if found:
                await self._judge([by_id[attempt_id] for attempt_id in found], payload)

    async def _judgements(
        self,
        attempt_ids: Sequence[str],
        payload: Payload,
        recorder: Supervised[RecorderPort],
        verifiers: Supervised[VerifierPort],
    ) -> Sequence[Judgement]:
        references, questions = self._shelf.references(attempt_ids), self._shelf.questions(attempt_ids)
        judgements = await verifiers.call(lambda part: part.judge(payload, references, questions))
        await recorder.call(lambda part: part.append_judgements(judgements))
        return judgements

    def _count(self, judgements: Sequence[Judgement]) -> None:
        for judgement in judgements:
            self._scheduler.judged(judgement.attempt_id, judgement.outcome, judgement.reason)
        self.advance()

    def advance(self) -> None:
        """Something may have been decided, or given back: settle the one, let replicas ask for the other."""
        self.work.set()
        if poisoned := self._scheduler.take_quarantined():
            self._tasks.create_task(self._quarantine.keep(poisoned))
        for shard_id in self._scheduler.take_decided():
            self._unsettled += 1
            self._tasks.create_task(self._settle(shard_id))

    @property
    def behind(self) -> bool:
        """So many shards wait to be settled that none should be opened."""
        return self._unsettled >= self._most_unsettled

    async def _settle(self, shard_id: str) -> None:
        async with self._settling:
            await self._quarantine.kept()
            # Of every pool: nobody knows which one judged what. A verifier that has drifted is found here at the latest.
            await asyncio.gather(*(pool.call(lambda part: part.prove()) for pool in self._pools))
            await next(self._recorders).call(lambda part: part.settle(shard_id))
        self._unsettled -= 1
        self._scheduler.settled(shard_id)
        self._shelf.drop(shard_id)
        self.work.set()
        self.check_done()

    def check_done(self) -> None:
        if self._scheduler.done:
            self.done.set()


def _loss(*answers: object) -> PayloadLost | None:
    """A lost payload among the answers. Raises whatever else went wrong first."""
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    for error in errors:
        if not isinstance(error, PayloadLost):
            raise error
    return next((error for error in errors if isinstance(error, PayloadLost)), None)


async def _recalled(shard_id: str, attempt_ids: Sequence[str], part: RecorderPort) -> tuple[tuple[str, ...], Payload]:
    return await part.recall(shard_id, attempt_ids)
