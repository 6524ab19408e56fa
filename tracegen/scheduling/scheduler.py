"""The scheduler: which attempt goes to which replica, and when a prompt, a shard and a run are done.

A plain state machine: it does not wait, has no clock and draws no random numbers, so that one class runs a
cluster, a test and a simulation. It sees identifiers, token counts and outcomes, never text. It holds open shards
only: its memory follows what is in flight.

An attempt's life: ``lease`` → ``finished`` → ``judged``; or ``failed`` or ``revoke``, which hand it out again.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from tracegen.protocols import Failed, Finished
from tracegen.recipe import Rejection
from tracegen.scheduling.policy import Policy, until_kept
from tracegen.scheduling.state import DomainState, InFlight, OpenPrompt, OpenShard
from tracegen.types import Attempt, Domain, Outcome, ShardEntry

MAX_TRIES = 3
"""An attempt that no replica completed in so many tries is abandoned (lessons: a poisoned prompt killed whole jobs)."""


class SettledShard(NamedTuple):
    """What a shard settled by an earlier driver contributed."""

    shard: ShardEntry
    accepted: int
    """Correct traces, at most ``keep`` per prompt."""
    correct: int
    incorrect: int
    undecided: int
    tokens: int


class Handout(NamedTuple):
    """One attempt to be leased."""

    attempt: Attempt
    shard_id: str
    tries: int


class Scheduler:
    """See the module. Shards are taken in the order given, domain by domain as their goals ask."""

    def __init__(
        self,
        plan: Iterable[ShardEntry],
        rules: Rejection,
        policy: Policy = until_kept,
        settled: Mapping[str, SettledShard] | None = None,
    ) -> None:
        self._rules = rules
        self._policy = policy
        self._domains: dict[Domain, DomainState] = {}
        self._shards: dict[str, OpenShard] = {}
        self._prompts: dict[str, OpenPrompt] = {}
        self._in_flight: dict[str, InFlight] = {}
        self._unjudged: dict[str, OpenPrompt] = {}
        self._decided: list[str] = []
        self.settled_shards = 0
        self.planned_shards = 0
        for shard in plan:
            self._plan(shard, (settled or {}).get(shard.shard_id))

    def _plan(self, shard: ShardEntry, settled: SettledShard | None) -> None:
        domain = self._domains.get(shard.domain)
        if domain is None:
            domain = DomainState(shard.domain, self._rules.quotas.get(shard.domain))
            self._domains[shard.domain] = domain
        domain.prompts += shard.prompts
        self.planned_shards += 1
        if settled is None:
            domain.unopened.append(shard.shard_id)
            return
        self.settled_shards += 1
        domain.decided += shard.prompts
        domain.accepted += settled.accepted
        domain.correct += settled.correct
        domain.incorrect += settled.incorrect
        domain.undecided += settled.undecided
        domain.tokens += settled.tokens

    # --- shards ---------------------------------------------------------------------------------------------

    def next_shard(self, ready: int) -> str | None:
        """The shard to open next, when fewer than ``ready`` prompts wait to be handed out; None for none."""
        if sum(len(d.ready) for d in self._domains.values() if not d.saturated) >= ready:
            return None
        wanting = [d for d in self._domains.values() if d.unopened and not d.filled and not d.saturated]
        # A domain with an empty queue first: it is the one that would let slots idle or fall behind the mix.
        domain = min(wanting, key=lambda d: (len(d.ready) > 0, d.progress), default=None)
        return domain.unopened.popleft() if domain else None

    def open(
        self,
        shard: ShardEntry,
        prompt_ids: Sequence[str],
        finished: Iterable[Finished] = (),
        judged: Iterable[tuple[str, Outcome]] = (),
    ) -> None:
        """Take a shard's prompts on; with what an earlier driver has left of them, where there is something.

        Attempts in ``finished`` that ``judged`` does not name wait for :meth:`judged`.
        """
        opened = OpenShard(shard.shard_id, self._domains[shard.domain], len(prompt_ids))
        self._shards[shard.shard_id] = opened
        for prompt_id in prompt_ids:
            prompt = OpenPrompt(prompt_id, opened)
            opened.prompts.append(prompt)
            self._prompts[prompt_id] = prompt
        self._restore(finished, judged)
        for prompt in opened.prompts:
            self._review(prompt)

    def _restore(self, finished: Iterable[Finished], judged: Iterable[tuple[str, Outcome]]) -> None:
        indices: dict[str, set[int]] = {}
        for completion in finished:
            prompt_id, _, index = completion.attempt_id.partition(".")
            indices.setdefault(prompt_id, set()).add(int(index))
            prompt = self._prompts[prompt_id]
            prompt.open += 1
            prompt.shard.domain.open += 1
            prompt.shard.domain.tokens += completion.completion_tokens
            self._unjudged[completion.attempt_id] = prompt
        for prompt_id, seen in indices.items():
            prompt = self._prompts[prompt_id]
            prompt.issued = max(seen) + 1
            # Indices below the highest that left no completion were in flight when the driver died.
            prompt.returned.extend((i, 0) for i in range(prompt.issued) if i not in seen)
        for attempt_id, outcome in judged:
            self._count(self._unjudged.pop(attempt_id), outcome)

    def take_decided(self) -> list[str]:
        """Shards that have become ready to be settled since the last call."""
        decided, self._decided = self._decided, []
        return decided

    def settled(self, shard_id: str) -> None:
        """The shard's objects are written: forget it."""
        shard = self._shards.pop(shard_id)
        for prompt in shard.prompts:
            del self._prompts[prompt.prompt_id]
        self.settled_shards += 1

    @property
    def done(self) -> bool:
        """Nothing is open, and nothing is left that should be opened."""
        return not self._shards and all(d.filled or not d.unopened for d in self._domains.values())

    @property
    def has_work(self) -> bool:
        """Whether :meth:`lease` would hand anything out."""
        return any(d.ready and not d.saturated for d in self._domains.values())

    @property
    def open_shards(self) -> int:
        return len(self._shards)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def domains(self) -> tuple[DomainState, ...]:
        """Counts, for reading."""
        return tuple(self._domains.values())

    # --- attempts -------------------------------------------------------------------------------------------

    def lease(self, replica_id: str, slots: int) -> list[Handout]:
        """At most ``slots`` attempts for this replica, from the domains that are furthest from their goals."""
        handouts: list[Handout] = []
        while len(handouts) < slots:
            able = (d for d in self._domains.values() if d.ready and not d.saturated)
            domain = min(able, key=lambda d: d.progress, default=None)
            if domain is None:
                break
            handouts.append(self._hand_out(domain, replica_id))
        return handouts

    def _hand_out(self, domain: DomainState, replica_id: str) -> Handout:
        prompt = domain.ready[0]
        if prompt.returned:
            index, tries = prompt.returned.popleft()
        else:
            index, tries = prompt.issued, 0
            prompt.issued += 1
        prompt.open += 1
        domain.open += 1
        attempt = Attempt(prompt.prompt_id, index)
        self._in_flight[attempt.attempt_id] = InFlight(prompt, index, replica_id, tries)
        if not self._wants_more(prompt):
            domain.ready.popleft()
            prompt.queued = False
        return Handout(attempt, prompt.shard.shard_id, tries)

    def finished(self, completion: Finished) -> None:
        """An attempt came back with a completion; its verdict is still to come."""
        flight = self._in_flight.pop(completion.attempt_id)
        flight.prompt.shard.domain.tokens += completion.completion_tokens
        self._unjudged[completion.attempt_id] = flight.prompt

    def judged(self, attempt_id: str, outcome: Outcome) -> None:
        """A finished attempt's completion and verdict are durable."""
        prompt = self._unjudged.pop(attempt_id)
        domain = prompt.shard.domain
        was_filled = domain.filled
        self._count(prompt, outcome)
        self._review(prompt)
        if domain.filled and not was_filled:
            self._close_domain(domain)

    def failed(self, failure: Failed) -> bool:
        """An attempt came back without a completion. False when it is abandoned rather than handed out again."""
        flight = self._in_flight.pop(failure.attempt_id)
        again = failure.retryable and flight.tries + 1 < MAX_TRIES
        self._give_back(flight, again=again)
        return again

    def revoke(self, replica_id: str) -> int:
        """Take back all leases of a replica that is gone; returns how many. They are handed out again."""
        lost = [a for a, flight in self._in_flight.items() if flight.replica_id == replica_id]
        for attempt_id in lost:
            flight = self._in_flight.pop(attempt_id)
            self._give_back(flight, again=flight.tries + 1 < MAX_TRIES)
        return len(lost)

    def _give_back(self, flight: InFlight, *, again: bool) -> None:
        prompt = flight.prompt
        prompt.open -= 1
        prompt.shard.domain.open -= 1
        if again:
            prompt.returned.append((flight.index, flight.tries + 1))
        else:
            prompt.shard.domain.abandoned += 1
        self._review(prompt)

    def _count(self, prompt: OpenPrompt, outcome: Outcome) -> None:
        domain = prompt.shard.domain
        prompt.open -= 1
        domain.open -= 1
        if outcome is Outcome.CORRECT:
            domain.correct += 1
            # A trace beyond ``keep`` is right, but the corpus will not hold it: it does not count for the quota.
            domain.accepted += prompt.accepted < self._rules.keep
            prompt.accepted += 1
        elif outcome is Outcome.INCORRECT:
            domain.incorrect += 1
        else:
            domain.undecided += 1

    def _wants_more(self, prompt: OpenPrompt) -> bool:
        if prompt.accepted >= self._rules.keep:
            return False
        return bool(prompt.returned) or self._policy(prompt.standing, self._rules) > 0

    def _review(self, prompt: OpenPrompt) -> None:
        """Queue the prompt, or close it, as its standing asks."""
        if prompt.closed:
            return
        domain = prompt.shard.domain
        if not domain.filled and self._wants_more(prompt):
            if not prompt.queued:
                prompt.queued = True
                # To the front: an open prompt keeps its whole shard, and its journal, open.
                domain.ready.appendleft(prompt) if prompt.issued else domain.ready.append(prompt)
        elif prompt.open == 0:
            self._close(prompt)

    def _close(self, prompt: OpenPrompt) -> None:
        prompt.closed = True
        prompt.shard.domain.decided += 1
        prompt.shard.undecided -= 1
        if prompt.shard.undecided == 0:
            self._decided.append(prompt.shard.shard_id)

    def _close_domain(self, domain: DomainState) -> None:
        """A filled quota: nothing more is handed out, and what nobody works on is closed."""
        domain.ready.clear()
        for prompt in chain.from_iterable(s.prompts for s in self._shards.values() if s.domain is domain):
            prompt.queued = False
            self._review(prompt)
