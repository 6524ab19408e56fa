"""The coordinator: one run from its open shards to the last settled one. It wires the parts; each part decides itself.

Runs in the driver. Replicas are pumped, shards are opened ahead of the replicas' need, what arrives is recorded and
judged, and decided shards are settled once the verifiers have proven themselves. An error that nobody below could mend ends
the run; everything acknowledged is in the ledger by then, and the same command resumes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tracegen.protocols import RecorderPort, Replay, ReplicaPort, VerifierPort
from tracegen.runtime.intake import Quarantine, Recording
from tracegen.runtime.progress import Snapshot
from tracegen.runtime.pump import SERVING, Pump, close_quietly
from tracegen.runtime.shelf import Shelf
from tracegen.runtime.stopping import named_first
from tracegen.runtime.supervised import Supervised
from tracegen.runtime.watch import Watch
from tracegen.scheduling.scheduler import Resumed, Scheduler
from tracegen.scheduling.state import Poisoned
from tracegen.types import ShardEntry

logger = logging.getLogger(__name__)

READY_PER_SLOT = 2
"""Prompts held ready for each engine slot, so that opening a shard never keeps a slot waiting."""

FEED_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Parts:
    """How to start each part of a run; the coordinator starts them, and starts them again."""

    replicas: Sequence[Callable[[], Awaitable[ReplicaPort]]]
    recorders: Sequence[Callable[[], Awaitable[RecorderPort]]]
    verifiers: Sequence[Callable[[], Awaitable[VerifierPort]]]
    slots: int
    stall_s: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the coordinator needs of the world outside."""

    clock: Callable[[], float]
    """Monotonic seconds."""
    on_progress: Callable[[Snapshot], None]
    """Shows a snapshot; returns at once."""
    publish: Callable[[Snapshot], None]
    """Leaves a snapshot where others can read it; may block."""
    quarantine: Callable[[Poisoned], None]
    """Puts an attempt that was given up on record; may block."""
    wall_clock: Callable[[], float]
    """Unix time."""
    progress_every_s: float = 1.0
    publish_every_s: float = 5.0


class Coordinator:
    """See the module."""

    def __init__(
        self,
        scheduler: Scheduler,
        shards: Mapping[str, ShardEntry],
        shelf: Shelf,
        journaled: Collection[str],
        parts: Parts,
        surroundings: Surroundings,
    ) -> None:
        self._scheduler = scheduler
        self._shards = shards
        self._shelf = shelf
        self._journaled = journaled
        self._parts = parts
        self._world = surroundings
        self._recorders = [Supervised(f"recorder {n}", start) for n, start in enumerate(parts.recorders)]
        self._verifiers = [Supervised(f"verifier pool {n}", start) for n, start in enumerate(parts.verifiers)]
        self._pumps: list[Pump] = []

    async def run(self, watch: Watch) -> None:
        """Until the scheduler is done. Raises the first error that could not be mended."""
        if self._scheduler.done:
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._until_done(tasks, watch)
        except BaseExceptionGroup as errors:
            raise named_first(errors) from errors
        finally:
            await self._close()

    async def _until_done(self, tasks: asyncio.TaskGroup, watch: Watch) -> None:
        quarantine = Quarantine(self._world.quarantine, self._world.wall_clock)
        intake = Recording(self._scheduler, self._shelf, self._recorders, self._verifiers, tasks, quarantine)
        self._pumps = [self._pump(start, intake) for start in self._parts.replicas]
        for_ever = [
            tasks.create_task(self._feed(intake)),
            tasks.create_task(self._look(watch)),
            tasks.create_task(self._show(watch)),
            tasks.create_task(self._publish(watch)),
            *(tasks.create_task(pump.run()) for pump in self._pumps),
            # With the replicas, not after them: the first completions would wait for these parts.
            *(tasks.create_task(recorder.begin()) for recorder in self._recorders),
            *(tasks.create_task(pool.begin()) for pool in self._verifiers),
        ]
        await intake.done.wait()
        for task in for_ever:
            task.cancel()

    def _pump(self, start: Callable[[], Awaitable[ReplicaPort]], intake: Recording) -> Pump:
        return Pump(
            start,
            self._scheduler,
            self._shelf,
            intake,
            self._parts.slots,
            self._parts.stall_s,
            self._world.clock,
            intake.work,
            self._may_go,
        )

    def _may_go(self, pump: Pump) -> bool:
        """Whether the other replicas have slots enough for all that can still be wanted at once."""
        others = sum(1 for other in self._pumps if other is not pump and other.state == SERVING)
        return others * self._parts.slots >= self._scheduler.still_wanted

    async def _feed(self, intake: Recording) -> None:
        ready = READY_PER_SLOT * self._parts.slots * len(self._parts.replicas)
        while True:
            while not intake.behind and (shard_id := self._scheduler.next_shard(ready)):
                await self._open(shard_id, intake)
            await asyncio.sleep(FEED_EVERY_S)

    async def _open(self, shard_id: str, intake: Recording) -> None:
        groups = await self._shelf.take(shard_id)
        # Before one attempt of it is leased: a verifier that is wrong from the start must cost nothing.
        references = self._shelf.some_references(shard_id)
        await asyncio.gather(*(pool.call(lambda part: part.expect(references)) for pool in self._verifiers))
        entry = self._shards[shard_id]
        if shard_id not in self._journaled:
            self._scheduler.open(entry, groups)
            intake.advance()
            return
        recorder = self._recorders[0]
        replay, payload = await recorder.call(lambda part: part.replay(shard_id))
        self._scheduler.open(entry, groups, _resumed(replay))
        logger.info("shard %s resumed: %d completions kept", shard_id, len(replay.finished))
        intake.resume(replay, payload)

    async def _look(self, watch: Watch) -> None:
        while True:
            watch.see(await asyncio.gather(*(pool.call(lambda part: part.health()) for pool in self._verifiers)))
            await asyncio.sleep(self._world.progress_every_s)

    async def _show(self, watch: Watch) -> None:
        while True:
            self._world.on_progress(watch.snapshot(self._pumps, "generating"))
            await asyncio.sleep(self._world.progress_every_s)

    async def _publish(self, watch: Watch) -> None:
        while True:
            await asyncio.to_thread(self._world.publish, watch.snapshot(self._pumps, "generating"))
            await asyncio.sleep(self._world.publish_every_s)

    async def _close(self) -> None:
        ports = [pump.port for pump in self._pumps if pump.port]
        await asyncio.gather(*(close_quietly(port) for port in ports))
        await asyncio.gather(*(pool.close() for pool in self._verifiers))
        await asyncio.gather(*(recorder.close() for recorder in self._recorders))


def _resumed(replay: Replay) -> list[Resumed]:
    judged = {judgement.attempt_id: judgement for judgement in replay.judgements}
    resumed = []
    for completion in replay.finished:
        judgement = judged.get(completion.attempt_id)
        outcome, reason = (judgement.outcome, judgement.reason) if judgement else (None, "")
        resumed.append(Resumed(completion, outcome, reason))
    return resumed
