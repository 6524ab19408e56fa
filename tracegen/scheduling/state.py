"""What the scheduler remembers of open prompts, shards and domains. Bookkeeping only; decisions are the scheduler's."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from tracegen.scheduling.posterior import Beliefs
from tracegen.scheduling.queue import ReadyQueue
from tracegen.scheduling.tokens import TokenCounts
from tracegen.types import Domain, ShardEntry


class Trouble(NamedTuple):
    """One time that an attempt came back without a completion: evidence, should it be quarantined."""

    at_s: float
    replica_id: str
    error: str
    died: bool
    """The replica died with it in hand; else the engine could not complete it."""


TAUGHT = 256
"""Outcomes of a domain before which its prompts are not given up for what was learnt of others."""
TROUBLES_KEPT = 8
"""The latest ones of an attempt."""


class Poisoned(NamedTuple):
    """An attempt that was given up, and why."""

    attempt_id: str
    prompt_id: str
    shard_id: str
    domain: Domain
    tries: int
    deaths: int
    troubles: tuple[Trouble, ...]


class SettledShard(NamedTuple):
    """What a shard settled by an earlier driver contributed."""

    shard: ShardEntry
    accepted: int
    """Correct traces, at most ``keep`` per prompt."""
    correct: int
    incorrect: int
    undecided: int
    tokens: TokenCounts
    ended: Mapping[tuple[int, int], int] = MappingProxyType({})
    """Prompts by how many of their attempts were right and wrong: what every group's prior starts from."""


@dataclass(slots=True, eq=False)
class OpenPrompt:
    """One prompt of an open shard."""

    prompt_id: str
    group: str
    """Whose prior it shares: its source and difficulty."""
    shard: "OpenShard"
    accepted: int = 0
    wrong: int = 0
    issued: int = 0
    open: int = 0
    tokens: int = 0
    finished: int = 0
    queued: bool = False
    closed: bool = False

    @property
    def expected_tokens(self) -> float:
        """Of its next attempt: its own mean, or what its domain shows."""
        return self.tokens / self.finished if self.finished else self.shard.domain.mean_tokens


@dataclass(slots=True, eq=False)
class OpenShard:
    """One open shard: settled once none of its prompts is undecided."""

    shard_id: str
    domain: "DomainState"
    undecided: int
    prompts: list[OpenPrompt] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class InFlight:
    """One attempt in the hands of one replica, or waiting to be handed out again."""

    attempt_id: str
    prompt: OpenPrompt
    index: int
    replica_id: str = ""
    tries: int = 0
    """How often it came back without a completion."""
    deaths: int = 0
    """How often a replica died with it in hand."""
    troubles: tuple[Trouble, ...] = ()
    hedge: bool = False
    """Begun before it was known whether it is needed."""

    def note(self, trouble: Trouble) -> None:
        self.troubles = (*self.troubles, trouble)[-TROUBLES_KEPT:]


@dataclass(slots=True, eq=False)
class DomainState:
    """Counts of one lane over the whole run, settled shards included: of a domain, or of a source with a quota."""

    domain: Domain
    quota: int | None
    source: str = ""
    """Empty for the domain's sources without a quota."""
    keep: int = 1
    enough: int = 1
    """Right traces after which a prompt is asked for no more: ``keep``, or more to choose from."""
    prompts: int = 0
    decided: int = 0
    """Prompts that are closed."""
    accepted: int = 0
    """Right traces, at most ``keep`` per prompt: what the corpus will hold."""
    correct: int = 0
    incorrect: int = 0
    undecided: int = 0
    quarantined: int = 0
    """Attempts that were given up: no replica could complete them."""
    open: int = 0
    """Attempts handed out and not judged yet."""
    coming: int = 0
    """Of these, as many as may bring the corpus a trace: it holds ``keep`` of a prompt."""
    completions: int = 0
    tokens: TokenCounts = field(default_factory=TokenCounts)
    stopped: bool = False
    """Nothing more is handed out: the token budget is spent."""
    longest: int = 0
    """Completion tokens of the longest completion."""
    floor: float = 0.0
    floor_due: int = 0
    """The floor is computed anew once so many outcomes are known."""
    groups: Counter[str] = field(default_factory=Counter)
    """Prompts opened so far, by group: shards are cut by hash, so the unopened ones are mixed alike."""
    standings: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """Prompts of open shards that are not closed, by group and how many attempts were right and wrong."""
    waiting: int = 0
    """Prompts in shards that are not open yet."""
    beliefs: Beliefs = field(default_factory=Beliefs)
    ready: ReadyQueue = field(default_factory=ReadyQueue)
    returned: deque[InFlight] = field(default_factory=deque)
    """Attempts that came back without a completion, to be handed out again first."""
    gathering: deque[OpenPrompt] = field(default_factory=deque)
    """Prompts that have what they bring the quota, and get more attempts to choose from: whether it is filled or not."""
    parked: dict[OpenPrompt, None] = field(default_factory=dict)
    """Prompts that the floor gave up after the last shard was opened, in order: they come back if the quota needs it.
    """
    unopened: deque[str] = field(default_factory=deque)
    fresh: int = 0
    """Prompts that were never attempted, in shards open or not."""
    ending: bool = False
    """Nothing waits for a first attempt any more, and every prompt must come to its own end."""
    last: dict[OpenPrompt, None] = field(default_factory=dict)
    """Of an ending domain: prompts that may be hedged, the longest in flight first."""
    learning: bool = False
    """Little is known yet of what fills the quota: first attempts go before others, and no prompt is given up."""

    def __post_init__(self) -> None:
        if self.quota is not None:
            self.learning = True
            self.ready.ranked(self.rank)

    def plan(self, shard: ShardEntry) -> None:
        """One more to be opened."""
        self.prompts += shard.prompts
        self.unopened.append(shard.shard_id)
        self.fresh += shard.prompts
        self.waiting += shard.prompts

    def recall(self, settled: SettledShard) -> None:
        """One that an earlier driver has settled."""
        self.prompts += settled.shard.prompts
        self.decided += settled.shard.prompts
        self.accepted += settled.accepted
        self.correct += settled.correct
        self.incorrect += settled.incorrect
        self.undecided += settled.undecided
        self.completions += settled.correct + settled.incorrect + settled.undecided
        self.tokens.add(settled.tokens)
        for state, prompts in settled.ended.items():
            self.beliefs.recall(state, prompts)

    def rank(self, prompt: OpenPrompt) -> tuple[float, ...]:
        """Who goes first when the queue runs dry: whoever may be the longest; for a quota, the likeliest to fill it."""
        if self.quota is None:
            return (-prompt.expected_tokens,)
        gain = self.beliefs.outlook(prompt.group).gain((prompt.accepted, prompt.wrong))
        return (-gain, -prompt.expected_tokens)

    def gathers(self, prompt: OpenPrompt) -> bool:
        """Whether the prompt has all that it brings a quota, so that more attempts are only to choose from."""
        return self.enough > self.keep <= prompt.accepted and self.quota is not None and not self.stopped

    @property
    def outcomes(self) -> int:
        return self.correct + self.incorrect

    @property
    def waits(self) -> int:
        """Prompts that wait for an attempt; where little is known yet, for their first one."""
        return self.fresh - self.waiting if self.learning else len(self.ready)

    def learn(self) -> None:
        """Enough came back to tell which prompts are worth more attempts? What is short, and right, comes back first."""
        if self.learning and self.outcomes >= max(TAUGHT, self.open):
            self.learning = False
            if self.unopened:
                self.ready.by_arrival()

    @property
    def filled(self) -> bool:
        return self.quota is not None and self.accepted >= self.quota

    @property
    def closed(self) -> bool:
        return self.stopped or self.filled

    @property
    def exhausted(self) -> bool:
        """No prompt is left that could be asked for more."""
        return self.decided == self.prompts

    @property
    def claims(self) -> int:
        """Of a source with a quota: what it has filled of its domain's quota, or may still fill."""
        quota = self.quota or 0
        return min(quota, self.accepted) if self.exhausted else quota

    @property
    def pass_rate(self) -> float:
        """Posterior mean under a uniform prior, so that it is defined from the start."""
        return (self.correct + 1) / (self.correct + self.incorrect + 2)

    @property
    def mean_tokens(self) -> float:
        return (self.tokens.spent - self.tokens.canary) / self.completions if self.completions else 0.0

    @property
    def coming_tokens(self) -> float:
        """What is still to be decoded, by fresh prompts alone."""
        attempts: float = self.fresh * self.enough
        if self.quota is not None:
            wanted = (self.quota - self.expected) * self.enough / self.keep
            attempts = min(attempts, wanted / self.pass_rate)
        return attempts * self.mean_tokens

    @property
    def expected(self) -> float:
        """Accepted traces, with what is in flight expected to pass as others did."""
        right = self.open * (self.correct + 1) / (self.correct + self.incorrect + 2)
        return self.accepted + (right if right < self.coming else self.coming)

    @property
    def saturated(self) -> bool:
        """What is in flight is expected to fill the quota: handing out more would overshoot it."""
        # The scheduler asks for it several times an attempt.
        return self.stopped or (self.quota is not None and self.expected >= self.quota)

    @property
    def progress(self) -> float:
        """Share of the goal that is reached or expected from what is in flight; the lowest is served first."""
        return self.expected / (self.quota if self.quota is not None else max(1, self.prompts))
