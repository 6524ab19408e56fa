"""One replica's side of the coordinator: keeps its slots full, watches its pulse, and replaces it when it is gone.

The pulse is token progress. A replica that has work and produces no token for ``stall_s``, or that does not answer,
is closed and started anew; its leases go back to the scheduler at once. What it may still send is never looked at.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tracegen.errors import ActorLost, EngineDead, RecipeError, TracegenError, UserError, boundary, first_line
from tracegen.protocols import Exchange, Payload, ReplicaPort
from tracegen.runtime.shelf import Shelf
from tracegen.scheduling.scheduler import Scheduler

logger = logging.getLogger(__name__)

BUSY_WAIT_S = 0.5
SPARE_WAIT_S = 0.05
RELEASED = "released"
SERVING = "serving"
SLOTS_PER_AHEAD = 16
"""One attempt may wait at a replica for so many slots: what waits is in hand when a replica dies, and is suspected
of it like the rest.
"""
ANSWER_S = 60.0
"""An exchange that overstays its wait by so long counts as lost: the actor's event loop is stuck."""
START_ATTEMPTS = 3
REFUSALS = 64
"""A replica that has completed nothing and refused so many attempts refuses them all: each is in quarantine for good,
and the whole run would be, at no cost that anybody would notice.
"""
BACK_OFF_S = 2.0
GIVE_BACK_S = 5.0
"""Before a node that leaves is gone, what is unfinished is given back; a tenth of the notice where that is less."""


class Intake(Protocol):
    """Where a replica's completions go."""

    async def take_in(self, exchange: Exchange, payload: Payload) -> None: ...

    async def drained(self) -> None: ...

    def revoke(self, replica_id: str, why: str, lost_tokens: int, *, died: bool) -> bool: ...


@dataclass(slots=True)
class Pulse:
    """Token progress of one replica."""

    produced_tokens: int = 0
    moved_at_s: float = 0.0
    in_flight: int = 0
    delivered_tokens: int = 0
    """In completions; the others are lost when the replica is."""

    def feel(self, exchange: Exchange, now_s: float) -> None:
        moved = exchange.produced_tokens != self.produced_tokens or not self.in_flight
        if moved or exchange.finished or exchange.failed:
            self.moved_at_s = now_s
        self.produced_tokens = exchange.produced_tokens
        self.in_flight = exchange.in_flight
        self.delivered_tokens += sum(completion.completion_tokens for completion in exchange.finished)

    @property
    def undelivered_tokens(self) -> int:
        return max(0, self.produced_tokens - self.delivered_tokens)


class _Leaving(Exception):  # noqa: N818 - handled where it is raised
    """The replica's node is about to be taken away, and the replica has nothing more to give."""


class _Released(Exception):  # noqa: N818 - handled where it is raised
    """What is left of the run will never fill the slots of the other replicas: this one may give its GPUs back."""


class Pump:
    """Serves one replica, and its replacements."""

    def __init__(  # noqa: PLR0913 — the composition point of one replica
        self,
        start: Callable[[], Awaitable[ReplicaPort]],
        scheduler: Scheduler,
        shelf: Shelf,
        intake: Intake,
        slots: int,
        stall_s: float,
        clock: Callable[[], float],
        work: asyncio.Event,
        may_go: Callable[["Pump"], bool],
    ) -> None:
        self._start = start
        self._scheduler = scheduler
        self._shelf = shelf
        self._intake = intake
        self._slots = slots
        self._stall_s = stall_s
        self._clock = clock
        self._work = work
        self._may_go = may_go
        self._failed_starts = 0
        self._refusals = 0
        self._past_tokens = 0
        self._leaves: tuple[float, float] | None = None
        self._ahead = 0
        """Attempts leased beyond the slots, to fill those that become free between two exchanges without us: twice
        what became free between the last two, so that it grows as long as it was too little.
        """
        self.port: ReplicaPort | None = None
        self.pulse = Pulse()
        self.state = "starting"

    @property
    def produced_tokens(self) -> int:
        """Over this replica and the ones it replaced."""
        return self._past_tokens + self.pulse.produced_tokens

    async def run(self) -> None:
        """Until cancelled or released. Raises EngineDead when the replica cannot be made to work at all."""
        while self.state != RELEASED:
            try:
                await self._life()
            except (ActorLost, EngineDead, TimeoutError) as error:
                await self._bury(error)
            except _Leaving:
                await self._leave()
            except _Released:
                await self._release()

    async def _life(self) -> None:
        self.state = "starting"
        self.port = await self._start()
        await self.port.start()
        self.state = SERVING
        self._leaves = None
        self.pulse = Pulse(moved_at_s=self._clock())
        while True:
            await self._exchange(self.port)

    async def _exchange(self, port: ReplicaPort) -> None:
        free = max(0, self._slots + self._ahead - self.pulse.in_flight) if self._leaves is None else 0
        handouts = self._scheduler.lease(port.replica_id, free, self._slots) if free else []
        if not handouts and not self.pulse.in_flight:
            await self._idle()
            return
        leases = [self._shelf.lease(handout) for handout in handouts]
        wait_s = SPARE_WAIT_S if len(handouts) < free else BUSY_WAIT_S
        try:
            async with asyncio.timeout(wait_s + ANSWER_S):
                exchange, payload = await port.exchange(leases, wait_s)
        except UserError:
            # What is paid for goes on record before the run stops; it may show what is wrong.
            await self._intake.drained()
            raise
        self.pulse.feel(exchange, self._clock())
        freed = len(exchange.finished) + len(exchange.failed)
        self._ahead = min(self._slots // SLOTS_PER_AHEAD, 2 * freed)
        await self._intake.take_in(exchange, payload)
        if exchange.finished:
            self._failed_starts = 0
        self._count_refusals(exchange)
        if self.pulse.in_flight and self._clock() - self.pulse.moved_at_s > self._stall_s:
            raise EngineDead(f"replica {port.replica_id}: no token for {self._stall_s:.0f} s with work in its slots")
        self._heed(exchange.leaving_in_s, port.replica_id)

    def _count_refusals(self, exchange: Exchange) -> None:
        """Raises RecipeError where every attempt so far was refused."""
        if exchange.finished:
            self._refusals = -1
        if self._refusals < 0:
            return
        refused = [failed for failed in exchange.failed if not failed.retryable]
        self._refusals += len(refused)
        if self._refusals >= REFUSALS:
            raise RecipeError(
                f"the first {self._refusals} attempts were all refused: {refused[-1].error}",
                hint="mend the teacher in the recipe; `tracegen quarantine --requeue` has these tried again",
            )

    def _heed(self, leaving_in_s: float | None, name: str) -> None:
        """Notices are heeded once: no new leases; what ends in time is taken in, and the rest is given back."""
        now_s = self._clock()
        if self._leaves is None:
            if leaving_in_s is None:
                return
            logger.warning("%s is drained: its node leaves in %.0f s", name, leaving_in_s)
            self.state = "draining"
            margin_s = min(GIVE_BACK_S, leaving_in_s / 10)
            self._leaves = (now_s + leaving_in_s - margin_s, now_s + leaving_in_s)
        if not self.pulse.in_flight or now_s >= self._leaves[0]:
            raise _Leaving

    async def _leave(self) -> None:
        port, ends_at_s = self.port, self._leaves[1] if self._leaves else 0.0
        self.port = None
        self.state = "left"
        self._past_tokens += self.pulse.produced_tokens
        pulse, self.pulse = self.pulse, Pulse()
        if port:
            self._intake.revoke(port.replica_id, "its node was taken away", pulse.undelivered_tokens, died=False)
            await close_quietly(port)
        # Until its node is gone, a replacement might be placed on it.
        await asyncio.sleep(max(0.0, ends_at_s - self._clock()))

    async def _release(self) -> None:
        # Told before it is closed: two idle replicas must not each count on the other.
        self.state = RELEASED
        self._past_tokens += self.pulse.produced_tokens
        self.pulse = Pulse()
        port, self.port = self.port, None
        if port:
            logger.info("%s released: nothing is left for it", port.replica_id)
            await close_quietly(port)

    async def _idle(self) -> None:
        if self._may_go(self):
            raise _Released
        self._work.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUSY_WAIT_S):
                await self._work.wait()
        self.pulse.moved_at_s = self._clock()

    async def _bury(self, error: Exception) -> None:
        self.state = "lost"
        self._past_tokens += self.pulse.produced_tokens
        pulse, self.pulse = self.pulse, Pulse()
        port, self.port = self.port, None
        name = port.replica_id if port else "replica"
        logger.warning("%s lost, its leases are taken back: %s", name, first_line(error))
        convicted = False
        if port:
            convicted = self._intake.revoke(port.replica_id, first_line(error), pulse.undelivered_tokens, died=True)
            await close_quietly(port)
        # A death that convicted an attempt says nothing against the next replica.
        self._failed_starts = 0 if convicted else self._failed_starts + 1
        if self._failed_starts >= START_ATTEMPTS:
            with boundary(EngineDead, f"{name} died {START_ATTEMPTS} times without one completion"):
                raise error
        await asyncio.sleep(BACK_OFF_S * max(0, self._failed_starts - 1))


async def close_quietly(port: ReplicaPort, within_s: float = 10.0) -> None:
    """Close a replica that may be dead or deaf."""
    try:
        with boundary(ActorLost, "closing"):
            async with asyncio.timeout(within_s):
                await port.close()
    except TracegenError as error:
        logger.info("%s did not close: %s", port.replica_id, first_line(error))
