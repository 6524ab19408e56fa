"""The lanes of a run: whose shard is opened next, who is served next, which are held back or closed. No prompts.

A lane is a domain; where some of its sources have quotas, each of these is a lane, and the domain's other sources are
one. What a source falls short of its quota, the domain's other sources make up for.

All counts are kept by the scheduler; this reads them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tracegen.recipe import Rejection
from tracegen.scheduling.state import DomainState, SettledShard
from tracegen.scheduling.tail import kept_for_the_end
from tracegen.types import Domain, Lane, ShardEntry

HOLD_EVERY = 256
"""Which domains are kept for the end is looked at anew after so many handouts."""


class Domains:
    """In the order of the plan."""

    def __init__(
        self,
        plan: Iterable[ShardEntry],
        rules: Rejection,
        settled: Mapping[str, SettledShard] | None = None,
        source_quotas: Mapping[str, int] | None = None,
    ) -> None:
        self._rules = rules
        self._source_quotas = source_quotas or {}
        self._gathers = rules.enough > rules.keep
        self._budget = rules.token_budget
        self._states: dict[Lane, DomainState] = {}
        self._held: frozenset[DomainState] = frozenset()
        self._hold_due = HOLD_EVERY
        self._in_flight = 0
        self.planned_shards = 0
        self.settled_shards = 0
        for shard in plan:
            self._plan(shard, (settled or {}).get(shard.shard_id))
        self.share_out()

    def _plan(self, shard: ShardEntry, settled: SettledShard | None) -> None:
        domain = self._states.get(shard.lane)
        if domain is None:
            quota = self._source_quotas.get(shard.source) if shard.source else self._rules.quotas.get(shard.domain)
            domain = DomainState(shard.domain, quota, shard.source, self._rules.keep, self._rules.enough)
            self._states[shard.lane] = domain
        self.planned_shards += 1
        if settled is None:
            domain.plan(shard)
        else:
            domain.recall(settled)
            self.settled_shards += 1

    def __iter__(self) -> Iterator[DomainState]:
        return iter(self._states.values())

    def __getitem__(self, lane: Lane) -> DomainState:
        return self._states[lane]

    def of(self, domain: Domain) -> DomainState | None:
        """One of the domain's lanes: that of the sources without a quota, if there are any."""
        return min((d for d in self if d.domain is domain), key=lambda d: d.source, default=None)

    def share_out(self) -> None:
        """A domain's quota, without what its sources with quotas may still fill, is what its other sources fill."""
        for others in self:
            if others.quota is not None and not others.source:
                sources = [d for d in self if d.source and d.domain is others.domain]
                others.quota = self._rules.quotas[others.domain] - sum(d.claims for d in sources)

    @property
    def all_opened(self) -> bool:
        """No shard is left that should be opened."""
        return all(domain.closed or not domain.unopened for domain in self)

    def next_shard(self, ready: int) -> str | None:
        """The shard to open next, when fewer than ``ready`` prompts wait to be handed out; None for none."""
        serving = self.serving()
        wanting = [d for d in serving if d.unopened]
        if not wanting or sum(d.waits for d in serving) >= ready:
            return None
        # A domain with an empty queue first: it is the one that would let slots idle or fall behind the mix.
        domain = min(wanting, key=lambda d: (d.waits > 0, d.progress))
        shard_id = domain.unopened.popleft()
        if not domain.unopened:
            domain.ready.ranked(domain.rank)
        return shard_id

    def next_served(self) -> DomainState | None:
        """The domain that lags most, of those that have something ready; before all, one that gathers."""
        if self._gathers and (gathering := next((d for d in self if d.gathering), None)):
            return gathering
        able = [d for d in self.serving() if d.ready]
        return min(able, key=lambda d: d.progress) if able else None

    def serving(self) -> list[DomainState]:
        """Domains that get something now, if they have it."""
        wanting = self._wanting()
        if not self._held:
            return wanting
        serving = [d for d in wanting if d not in self._held]
        if wanting and not serving:
            self._hold(wanting)
            serving = [d for d in wanting if d not in self._held]
        return serving

    def _wanting(self) -> list[DomainState]:
        return [d for d in self if (d.ready or d.unopened) and not d.saturated]

    def handed_out(self, attempts: int, in_flight: int) -> None:
        """So many more were handed out; now and then another domain is held back for it."""
        self._hold_due -= attempts
        self._in_flight = in_flight
        # With a budget, nobody knows the end.
        if self._hold_due <= 0 and self._budget is None:
            self._hold_due = HOLD_EVERY
            self._hold(self._wanting())

    def _hold(self, wanting: Sequence[DomainState]) -> None:
        self._held = kept_for_the_end(wanting, self._in_flight)

    def overspent(self) -> list[DomainState]:
        """Stop all domains when the token budget is spent; those that this stopped."""
        if self._budget is None:
            return []
        # What is in flight will be paid for as well.
        coming = sum(d.open * d.mean_tokens for d in self)
        if sum(d.tokens.spent for d in self) + coming < self._budget:
            return []
        running = [domain for domain in self if not domain.stopped]
        for domain in running:
            domain.stopped = True
        return running
