"""The scheduler: which attempt goes to which replica, and when a prompt, a shard and a run are done.

A plain state machine: it does not wait, has no clock and draws no random numbers, so that one class runs a
cluster, a test and a simulation. It sees identifiers, token counts and outcomes, never text. It holds open shards
only: its memory follows what is in flight.

An attempt's life: ``lease`` → ``finished`` → ``judged``; or ``failed`` or ``revoke``, after which it is handed out
again, or quarantined when it keeps failing or keeps killing replicas.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from tracegen.protocols import Failed, Finished
from tracegen.recipe import Rejection
from tracegen.scheduling.domains import Domains
from tracegen.scheduling.floors import set_floor
from tracegen.scheduling.hands import Hands
from tracegen.scheduling.hedges import HEDGE_BUSY, HEDGE_IDLE, HEDGED_SHARE, hedged_next, runs_dry
from tracegen.scheduling.policy import POLICIES, Policy, Standing
from tracegen.scheduling.state import (
    DomainState,
    InFlight,
    OpenPrompt,
    OpenShard,
    Poisoned,
    SettledShard,
    Trouble,
)
from tracegen.scheduling.tokens import cause
from tracegen.types import Attempt, Domain, Outcome, ShardEntry

MAX_TRIES = 3
"""An attempt that its engine failed so often is quarantined (lessons: one bad prompt killed whole jobs)."""


class Handout(NamedTuple):
    """One attempt to be leased."""

    attempt: Attempt
    shard_id: str
    tries: int


class Resumed(NamedTuple):
    """A completion that an earlier driver has left; ``outcome`` is None where its verdict is still to come."""

    completion: Finished
    outcome: Outcome | None
    reason: str = ""


class Scheduler:
    """See the module. Shards are taken in the order given, domain by domain as their goals ask."""

    def __init__(
        self,
        plan: Iterable[ShardEntry],
        rules: Rejection,
        policy: Policy | None = None,
        settled: Mapping[str, SettledShard] | None = None,
        quarantined: Mapping[str, Domain] | None = None,
        source_quotas: Mapping[str, int] | None = None,
    ) -> None:
        """``settled`` by shard id; ``quarantined``: attempts that earlier drivers gave up, never handed out again.

        ``source_quotas``: accepted traces wanted of a source, by name, where shards are of that source alone.
        """
        self._rules = rules
        self._policy = policy or POLICIES[rules.policy]
        self._domains = Domains(plan, rules, settled, source_quotas)
        self._shards: dict[str, OpenShard] = {}
        self._prompts: dict[str, OpenPrompt] = {}
        self._hands = Hands()
        self._unjudged: dict[str, tuple[OpenPrompt, int]] = {}
        self._decided: list[str] = []
        self._opening: set[str] = set()
        self._quarantined = set(quarantined or ())
        self._poisoned: list[Poisoned] = []
        self.hedged = 0
        """Attempts begun before it was known whether they are needed."""
        self._ending = False
        """Some domain has nothing more to hand out but what takes the place of wrong attempts."""
        self.settled_shards = self._domains.settled_shards
        self.planned_shards = self._domains.planned_shards
        for domain in (quarantined or {}).values():
            if (lane := self._domains.of(domain)) is not None:
                lane.quarantined += 1
        self._check_budget()

    # --- shards ---------------------------------------------------------------------------------------------

    def next_shard(self, ready: int) -> str | None:
        """The shard to open next, when fewer than ``ready`` prompts wait to be handed out; None for none."""
        shard_id = self._domains.next_shard(ready)
        if shard_id is not None:
            self._opening.add(shard_id)
        return shard_id

    def open(
        self, shard: ShardEntry, prompts: Mapping[str, str] | Sequence[str], resumed: Iterable[Resumed] = ()
    ) -> None:
        """Take a shard's prompts on, with what an earlier driver has left of them.

        ``prompts`` maps each prompt id to its group (whose prior it shares); a sequence puts all into one.
        A resumed completion without an outcome waits for :meth:`judged`.
        """
        groups = prompts if isinstance(prompts, Mapping) else dict.fromkeys(prompts, "")
        opened = OpenShard(shard.shard_id, self._domains[shard.lane], len(groups))
        self._shards[shard.shard_id] = opened
        self._opening.discard(shard.shard_id)
        opened.domain.waiting -= shard.prompts
        for prompt_id, group in groups.items():
            opened.domain.groups[group] += 1
            opened.domain.standings[group, 0, 0] += 1
            prompt = OpenPrompt(prompt_id, group, opened)
            opened.prompts.append(prompt)
            self._prompts[prompt_id] = prompt
        self._restore(resumed)
        for prompt in opened.prompts:
            was_fresh = prompt.issued == 0
            self._skip_quarantined(prompt)
            opened.domain.fresh -= was_fresh and prompt.issued > 0
            self._review(prompt)

    def _restore(self, resumed: Iterable[Resumed]) -> None:
        indices: dict[str, set[int]] = {}
        for completion, outcome, reason in resumed:
            prompt_id, _, index = completion.attempt_id.partition(".")
            indices.setdefault(prompt_id, set()).add(int(index))
            prompt = self._prompts[prompt_id]
            _begun(prompt)
            self._take(prompt, completion)
            if outcome is not None:
                self._count(completion.attempt_id, outcome, reason)
        for prompt_id, seen in indices.items():
            prompt = self._prompts[prompt_id]
            prompt.issued = max(seen) + 1
            prompt.shard.domain.fresh -= 1
            # Indices below the highest that left no completion were in flight when the driver died.
            for missing in sorted(set(range(prompt.issued)) - seen):
                self._owe(prompt, missing)

    def _skip_quarantined(self, prompt: OpenPrompt) -> None:
        """The prompt's next index is one that was not given up."""
        while self._quarantined and Attempt(prompt.prompt_id, prompt.issued).attempt_id in self._quarantined:
            prompt.issued += 1

    def _owe(self, prompt: OpenPrompt, index: int) -> None:
        attempt_id = Attempt(prompt.prompt_id, index).attempt_id
        if attempt_id in self._quarantined:
            return
        _begun(prompt)
        prompt.shard.domain.returned.append(InFlight(attempt_id, prompt, index))

    def take_decided(self) -> list[str]:
        """Shards that have become ready to be settled since the last call."""
        decided, self._decided = self._decided, []
        return decided

    def take_quarantined(self) -> list[Poisoned]:
        """Attempts that have been given up since the last call."""
        poisoned, self._poisoned = self._poisoned, []
        return poisoned

    def settled(self, shard_id: str) -> None:
        """The shard's objects are written: forget it."""
        shard = self._shards.pop(shard_id)
        for prompt in shard.prompts:
            del self._prompts[prompt.prompt_id]
        self.settled_shards += 1

    @property
    def done(self) -> bool:
        """Nothing is open or about to be, and nothing is left that should be opened."""
        return not self._shards and not self._opening and self._domains.all_opened

    @property
    def has_work(self) -> bool:
        """Whether :meth:`lease` would hand anything out."""
        return any(d.returned for d in self._domains) or self._domains.next_served() is not None

    @property
    def open_shards(self) -> int:
        return len(self._shards)

    @property
    def in_flight(self) -> int:
        return len(self._hands)

    @property
    def still_wanted(self) -> int:
        """At most so many slots will ever be needed at once from now on: more replicas than that may go."""
        if self._opening or not self._domains.all_opened:
            return self._rules.enough * sum(d.prompts for d in self._domains)
        undecided = sum(shard.undecided for shard in self._shards.values())
        return max(self._rules.enough * undecided, sum(d.open for d in self._domains))

    @property
    def domains(self) -> tuple[DomainState, ...]:
        """Counts, for reading."""
        return tuple(self._domains)

    # --- attempts -------------------------------------------------------------------------------------------

    def lease(self, replica_id: str, free: int, slots: int = 0) -> list[Handout]:
        """At most ``free`` attempts for this replica of ``slots`` slots in all, from the domains that lag most."""
        handouts = self._lease_returned(replica_id, free, slots)
        self._hedge(handouts, replica_id, free, slots // HEDGE_BUSY)
        while len(handouts) < free and (domain := self._domains.next_served()) is not None:
            handouts.append(self._lease_next(domain, replica_id))
        self._hedge(handouts, replica_id, free, slots // HEDGE_IDLE)
        self._domains.handed_out(len(handouts), self.in_flight)
        return handouts

    def _lease_returned(self, replica_id: str, free: int, slots: int) -> list[Handout]:
        handouts: list[Handout] = []
        for domain in self._domains:
            for _ in range(len(domain.returned)):
                if len(handouts) >= free:
                    return handouts
                flight = domain.returned.popleft()
                if self._hands.may_take(flight, replica_id, slots):
                    handouts.append(self._hand_out(flight, replica_id))
                else:
                    domain.returned.append(flight)
        return handouts

    def _lease_next(self, domain: DomainState, replica_id: str) -> Handout:
        prompt = domain.gathering[0] if domain.gathering else domain.ready.head()
        domain.fresh -= prompt.issued == 0
        handout = self._begin(prompt, replica_id)
        if not self._wants_more(prompt):
            if domain.gathering:
                domain.gathering.popleft()
            else:
                domain.ready.pop()
            prompt.queued = False
        if domain.ending:
            domain.last[prompt] = None
        elif self._rules.token_budget is None and runs_dry(domain):
            domain.ending = self._ending = True
            domain.last = dict.fromkeys(self._hands.prompts_of(domain))
        return handout

    def _hedge(self, handouts: list[Handout], replica_id: str, free: int, most: int) -> None:
        """Add hedges to the handouts of a replica, which may have ``most`` of them."""
        if not self._ending:
            return
        left = int(HEDGED_SHARE * sum(domain.completions for domain in self._domains)) - self.hedged
        room = min(free - len(handouts), most - self._hands.hedges(replica_id), left)
        while room > 0 and (prompt := hedged_next(self._domains, self._rules.enough)) is not None:
            if self._wants_more(prompt, all_wrong=True):
                handouts.append(self._begin(prompt, replica_id, hedge=True))
                prompt.shard.domain.last[prompt] = None
                self.hedged += 1
                room -= 1

    def _begin(self, prompt: OpenPrompt, replica_id: str, *, hedge: bool = False) -> Handout:
        index = prompt.issued
        prompt.issued += 1
        self._skip_quarantined(prompt)
        _begun(prompt)
        attempt_id = Attempt(prompt.prompt_id, index).attempt_id
        return self._hand_out(InFlight(attempt_id, prompt, index, hedge=hedge), replica_id)

    def _hand_out(self, flight: InFlight, replica_id: str) -> Handout:
        self._hands.take(flight, replica_id)
        attempt = Attempt(flight.prompt.prompt_id, flight.index)
        return Handout(attempt, flight.prompt.shard.shard_id, flight.tries)

    def canary(self, tokens: int) -> None:
        """A replica was asked the canary's questions. They are of the first domain, as the recipe has it."""
        self.domains[0].tokens.canary += tokens

    def finished(self, completion: Finished) -> None:
        """An attempt came back with a completion; its verdict is still to come."""
        self._take(self._hands.land(completion.attempt_id).prompt, completion)

    def _take(self, prompt: OpenPrompt, completion: Finished) -> None:
        prompt.tokens += completion.completion_tokens
        prompt.finished += 1
        prompt.shard.domain.longest = max(prompt.shard.domain.longest, completion.completion_tokens)
        self._unjudged[completion.attempt_id] = (prompt, completion.completion_tokens)

    def judged(self, attempt_id: str, outcome: Outcome, reason: str = "") -> None:
        """A finished attempt's completion and verdict are durable."""
        prompt = self._unjudged[attempt_id][0]
        domain = prompt.shard.domain
        was_closed = domain.closed
        self._count(attempt_id, outcome, reason)
        self._check_budget()
        self._review(prompt)
        if domain.closed and not was_closed:
            self._close_domain(domain)

    def lost(self, attempt_id: str, *, again: bool = True) -> None:
        """A finished attempt's completion was lost before it was durable: it is handed out again.

        Or not, where its verdict is durable and would meet another text: the prompt's next attempt takes its place.
        """
        prompt, tokens = self._unjudged.pop(attempt_id)
        prompt.tokens -= tokens
        prompt.finished -= 1
        prompt.shard.domain.tokens.lost += tokens
        if again:
            index = int(attempt_id.partition(".")[2])
            self._give_back(InFlight(attempt_id, prompt, index, tries=1), poisoned=False)
        else:
            _ended(prompt)
            self._review(prompt)

    def failed(self, failure: Failed, *, at_s: float = 0.0) -> bool:
        """An attempt came back without a completion. True when it is quarantined rather than handed out again."""
        flight = self._hands.land(failure.attempt_id)
        flight.tries += 1
        flight.note(Trouble(at_s, flight.replica_id, failure.error, died=False))
        return self._give_back(flight, poisoned=not failure.retryable or flight.tries >= MAX_TRIES)

    def revoke(
        self, replica_id: str, *, died: bool = True, lost_tokens: int = 0, why: str = "", at_s: float = 0.0
    ) -> list[str]:
        """Take back all leases of a replica that is gone. Returns the attempts that are quarantined for it.

        ``died``: it died of itself, so that one of its attempts may be to blame; else its node was taken away.
        """
        lost, guilty = self._hands.bury(replica_id, died=died)
        share, rest = divmod(lost_tokens, len(lost) or 1)
        if lost:
            lost[0].prompt.shard.domain.tokens.lost += rest
        for flight in lost:
            if died:
                flight.note(Trouble(at_s, replica_id, why, died=True))
            flight.prompt.shard.domain.tokens.lost += share
            self._give_back(flight, poisoned=flight.attempt_id == guilty)
        return [guilty] if guilty else []

    def _give_back(self, flight: InFlight, *, poisoned: bool) -> bool:
        prompt = flight.prompt
        domain = prompt.shard.domain
        unneeded = flight.hedge and prompt.accepted >= self._rules.enough
        if not poisoned and not domain.closed and not unneeded:
            domain.returned.append(flight)
            return False
        _ended(prompt)
        domain.quarantined += poisoned
        if poisoned:
            self._quarantine(flight)
        self._review(prompt)
        return poisoned

    def _quarantine(self, flight: InFlight) -> None:
        self._quarantined.add(flight.attempt_id)
        prompt = flight.prompt
        shard = prompt.shard
        about = (flight.attempt_id, prompt.prompt_id, shard.shard_id, shard.domain.domain)
        self._poisoned.append(Poisoned(*about, flight.tries, flight.deaths, flight.troubles))

    def _count(self, attempt_id: str, outcome: Outcome, reason: str) -> None:
        prompt, tokens = self._unjudged.pop(attempt_id)
        domain = prompt.shard.domain
        wanted = prompt.accepted < self._rules.keep
        _ended(prompt, right=outcome is Outcome.CORRECT)
        domain.completions += 1
        counted = cause(outcome, reason, wanted=wanted)
        setattr(domain.tokens, counted, getattr(domain.tokens, counted) + tokens)
        if outcome is Outcome.UNDECIDED:
            domain.undecided += 1
            return
        right = outcome is Outcome.CORRECT
        before = (prompt.accepted - right, prompt.wrong)
        domain.standings[(prompt.group, *before)] -= 1
        domain.beliefs.observe(prompt.group, before, right=right)
        if right:
            domain.correct += 1
            # A trace beyond ``keep`` is right, but the corpus will not hold it: it does not count for the quota.
            domain.accepted += wanted
        else:
            domain.incorrect += 1
            prompt.wrong += 1
        domain.standings[prompt.group, prompt.accepted, prompt.wrong] += 1
        set_floor(domain, self._rules)

    def _wants_more(self, prompt: OpenPrompt, *, all_wrong: bool = False, floor: float | None = None) -> bool:
        """``all_wrong``: supposed that what is open were judged, and wrong; ``floor``: as its domain has it where None."""
        if prompt.issued >= self._rules.max_attempts:
            return False
        domain = prompt.shard.domain
        outlook = domain.beliefs.outlook(prompt.group)
        wrong, still_open = prompt.wrong, prompt.open
        gain = pass_rate = outlook.gain((prompt.accepted, wrong + still_open))
        if all_wrong:
            wrong, still_open = wrong + still_open, 0
        elif still_open:
            pass_rate = outlook.gain((prompt.accepted, wrong))
        if floor is None:
            # The domain's is for filling its quota; what is only gathered to choose from fills none.
            floor = domain.floor if prompt.accepted < domain.keep else self._rules.give_up_below
        standing = Standing(prompt.accepted, wrong, prompt.issued, still_open, gain, pass_rate, floor)
        return self._policy(standing, self._rules) > 0

    def _review(self, prompt: OpenPrompt) -> None:
        """Queue the prompt, or close it, as its standing asks."""
        if prompt.closed:
            return
        domain = prompt.shard.domain
        gathers = domain.gathers(prompt)
        if not prompt.queued and (gathers or not domain.closed) and self._wants_more(prompt):
            prompt.queued = True
            if gathers:
                domain.gathering.append(prompt)
            else:
                # To the front: an open prompt keeps its whole shard, and its journal, open.
                domain.ready.push(prompt, first=prompt.issued > 0)
        if prompt.open == 0 and not prompt.queued:
            if self._may_come_back(prompt):
                domain.parked[prompt] = None
            else:
                self._close(prompt)
        if domain.parked and not domain.ready and not domain.saturated:
            self._bring_back(domain)

    def _may_come_back(self, prompt: OpenPrompt) -> bool:
        """Whether a prompt that the floor gives up might be needed all the same, as no other is left to be opened."""
        domain = prompt.shard.domain
        if domain.quota is None or domain.closed or domain.waiting:
            return False
        return self._wants_more(prompt, floor=self._rules.give_up_below)

    def _bring_back(self, domain: DomainState) -> None:
        """The quota is not met, and nothing else is left to be handed out."""
        for prompt in domain.parked:
            prompt.queued = True
            domain.ready.push(prompt, first=False)
        domain.parked.clear()

    def _close(self, prompt: OpenPrompt) -> None:
        prompt.closed = True
        domain = prompt.shard.domain
        domain.decided += 1
        domain.standings[prompt.group, prompt.accepted, prompt.wrong] -= 1
        domain.fresh -= prompt.issued == 0
        prompt.shard.undecided -= 1
        if prompt.shard.undecided == 0:
            self._decided.append(prompt.shard.shard_id)
        if domain.source and domain.exhausted:
            self._domains.share_out()

    def _check_budget(self) -> None:
        for domain in self._domains.overspent():
            self._close_domain(domain)

    def _close_domain(self, domain: DomainState) -> None:
        """A filled quota or a spent budget: nothing more is handed out, and what nobody works on is closed.

        Of a filled quota's prompts, those that have their traces still get what is to be gathered.
        """
        domain.ready.clear()
        domain.gathering.clear()
        domain.parked.clear()
        for flight in domain.returned:
            _ended(flight.prompt)
        domain.returned.clear()
        for prompt in chain.from_iterable(s.prompts for s in self._shards.values() if s.domain is domain):
            prompt.queued = False
            self._review(prompt)


def _begun(prompt: OpenPrompt) -> None:
    """One more attempt of the prompt is open."""
    domain = prompt.shard.domain
    domain.coming += prompt.open < domain.keep - prompt.accepted
    prompt.open += 1
    domain.open += 1


def _ended(prompt: OpenPrompt, *, right: bool = False) -> None:
    """One attempt less is open; ``right``: it was accepted."""
    domain = prompt.shard.domain
    room = domain.keep - prompt.accepted
    if room > 0 and (right or prompt.open <= room):
        domain.coming -= 1
    prompt.open -= 1
    prompt.accepted += right
    domain.open -= 1
