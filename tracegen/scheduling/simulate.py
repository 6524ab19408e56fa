"""A run in virtual time: the real scheduler, replicas made of arithmetic. Seconds of computing for weeks of cluster.

A replica decodes all of its sequences at one rate, which falls as they become more (continuous batching). So each
replica needs a single counter, the tokens that a sequence which never left would have by now: a sequence ends when
the counter has moved by its length. That makes an event cost two heap operations, whatever the number of slots.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Protocol

from tracegen.protocols import Finished
from tracegen.scheduling.scheduler import Handout, Scheduler
from tracegen.scheduling.tokens import TokenCounts
from tracegen.types import Attempt, Domain, FinishReason, Outcome, ShardEntry


class Draw(NamedTuple):
    """What will come of one attempt."""

    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason
    outcome: Outcome


class Population(Protocol):
    """Prompts and teacher as data: a pure function of the attempt, so that every policy meets the same luck."""

    def draw(self, attempt: Attempt, domain: Domain) -> Draw: ...


@dataclass(frozen=True, slots=True)
class ReplicaModel:
    """How fast a replica is. ``rate(n) = tokens_per_s / (1 + n / half_rate_at)`` per sequence, at n sequences."""

    slots: int
    tokens_per_s: float
    half_rate_at: float
    prefill_tokens_per_s: float = float("inf")
    """Of one sequence alone; the prompt's share is added to its length."""
    start_s: float = 0.0
    """Until it serves: weights have to be loaded."""

    def rate(self, sequences: int) -> float:
        return self.tokens_per_s / (1 + sequences / self.half_rate_at)

    def work(self, draw: Draw) -> float:
        """An attempt's length on the replica's counter, prefill included."""
        return draw.completion_tokens + draw.prompt_tokens * self.tokens_per_s / self.prefill_tokens_per_s


@dataclass(frozen=True, slots=True)
class Simulated:
    """How a simulated run went."""

    makespan_s: float
    attempts: int
    accepted: int
    covered: int
    """Prompts with at least one accepted trace."""
    tokens: TokenCounts
    busy_s: float
    """Slot-seconds in use."""
    slots: int

    @property
    def busy_share(self) -> float:
        return self.busy_s / (self.slots * self.makespan_s) if self.makespan_s else 0.0


@dataclass(slots=True, eq=False)
class _Replica:
    name: str
    model: ReplicaModel
    counter: float = 0.0
    at_s: float = 0.0
    version: int = 0
    running: list[tuple[float, int, Handout, Draw]] = field(default_factory=list)
    """Heap by the counter's value at which each ends."""

    def advance(self, now_s: float) -> float:
        """Move the counter to now; returns the slot-seconds that have passed."""
        passed = now_s - self.at_s
        self.at_s = now_s
        if not self.running:
            return 0.0
        self.counter += passed * self.model.rate(len(self.running))
        return passed * len(self.running)

    def next_end_s(self) -> float:
        return self.at_s + max(0.0, self.running[0][0] - self.counter) / self.model.rate(len(self.running))


class Simulation:
    """One run. Shards are entries with the group of each prompt, by prompt id.

    Deaths are data: (second, replica number, seconds until its replacement serves).
    """

    def __init__(
        self,
        scheduler: Scheduler,
        shards: Mapping[str, tuple[ShardEntry, Mapping[str, str]]],
        population: Population,
        replicas: Sequence[ReplicaModel],
        deaths: Sequence[tuple[float, int, float]] = (),
    ) -> None:
        self._scheduler = scheduler
        self._shards = shards
        self._population = population
        self._replicas = [_Replica(f"replica-{n}", model, at_s=model.start_s) for n, model in enumerate(replicas)]
        self._ready = 2 * sum(model.slots for model in replicas)
        self._events: list[tuple[float, int, _Replica, int]] = []
        self._order = count()
        self._hungry: dict[str, _Replica] = {}
        self._deaths = sorted(deaths)
        self._attempts = 0
        self._covered: set[str] = set()
        self._busy_s = 0.0

    def run(self) -> Simulated:
        """To the end. Raises RuntimeError if the scheduler stalls, which would be a mistake of its own."""
        now_s = 0.0
        for replica in self._replicas:
            self._schedule(replica, replica.at_s)
        while not self._scheduler.done:
            if not self._events:
                msg = "the scheduler is not done and nothing is in flight"
                raise RuntimeError(msg)
            at_s, _, replica, version = heapq.heappop(self._events)
            if version != replica.version:
                continue
            while self._deaths and self._deaths[0][0] <= at_s:
                self._die(*self._deaths.pop(0))
            if version != replica.version:
                continue
            now_s = at_s
            self._step(replica, now_s)
        return self._result(now_s)

    def _schedule(self, replica: _Replica, at_s: float) -> None:
        replica.version += 1
        heapq.heappush(self._events, (at_s, next(self._order), replica, replica.version))

    def _step(self, replica: _Replica, now_s: float) -> None:
        self._busy_s += replica.advance(now_s)
        while replica.running and replica.running[0][0] <= replica.counter + 1e-6:
            _, _, handout, draw = heapq.heappop(replica.running)
            self._finish(handout, draw)
        for shard_id in self._scheduler.take_decided():
            self._scheduler.settled(shard_id)
        self._feed()
        self._fill(replica, now_s)
        for hungry in list(self._hungry.values()) if self._scheduler.has_work else ():
            if hungry is not replica:
                self._busy_s += hungry.advance(now_s)
                self._fill(hungry, now_s)

    def _feed(self) -> None:
        while (shard_id := self._scheduler.next_shard(self._ready)) is not None:
            entry, groups = self._shards[shard_id]
            self._scheduler.open(entry, groups)

    def _fill(self, replica: _Replica, now_s: float) -> None:
        free = replica.model.slots - len(replica.running)
        handouts = self._scheduler.lease(replica.name, free, replica.model.slots) if free else []
        for handout in handouts:
            domain = self._shards[handout.shard_id][0].domain
            draw = self._population.draw(handout.attempt, domain)
            end = replica.counter + replica.model.work(draw)
            heapq.heappush(replica.running, (end, next(self._order), handout, draw))
        if len(handouts) < free:
            self._hungry[replica.name] = replica
        else:
            self._hungry.pop(replica.name, None)
        if replica.running:
            self._schedule(replica, replica.next_end_s())
        else:
            replica.at_s = now_s

    def _finish(self, handout: Handout, draw: Draw) -> None:
        self._attempts += 1
        attempt_id = handout.attempt.attempt_id
        self._scheduler.finished(
            Finished(attempt_id, handout.shard_id, draw.finish_reason, draw.prompt_tokens, draw.completion_tokens)
        )
        reason = "truncated" if draw.finish_reason is FinishReason.LENGTH else ""
        self._scheduler.judged(attempt_id, draw.outcome, reason)
        if draw.outcome is Outcome.CORRECT:
            self._covered.add(handout.attempt.prompt_id)

    def _die(self, at_s: float, number: int, away_s: float) -> None:
        replica = self._replicas[number]
        self._busy_s += replica.advance(at_s)
        begun = (end - replica.model.work(draw) for end, _, _, draw in replica.running)
        lost_tokens = round(sum(max(0.0, replica.counter - at) for at in begun))
        self._scheduler.revoke(replica.name, died=False, lost_tokens=lost_tokens)
        replica.running.clear()
        replica.at_s = at_s + away_s
        self._hungry.pop(replica.name, None)
        self._schedule(replica, replica.at_s)

    def _result(self, now_s: float) -> Simulated:
        tokens = TokenCounts()
        for domain in self._scheduler.domains:
            tokens.add(domain.tokens)
        return Simulated(
            makespan_s=now_s,
            attempts=self._attempts,
            accepted=sum(domain.accepted for domain in self._scheduler.domains),
            covered=len(self._covered),
            tokens=tokens,
            busy_s=self._busy_s,
            slots=sum(replica.model.slots for replica in self._replicas),
        )
