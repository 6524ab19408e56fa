"""What the scheduler remembers of open prompts, shards and domains. Bookkeeping only; decisions are the scheduler's."""

from collections import deque
from dataclasses import dataclass, field

from tracegen.scheduling.policy import Standing
from tracegen.types import Domain


@dataclass(slots=True, eq=False)
class OpenPrompt:
    """One prompt of an open shard."""

    prompt_id: str
    shard: "OpenShard"
    accepted: int = 0
    issued: int = 0
    open: int = 0
    returned: deque[tuple[int, int]] = field(default_factory=deque)
    """(index, tries) of attempts that came back without a completion, to be handed out again first."""
    queued: bool = False
    closed: bool = False

    @property
    def standing(self) -> Standing:
        return Standing(self.accepted, self.issued, self.open)


@dataclass(slots=True, eq=False)
class OpenShard:
    """One open shard: settled once none of its prompts is undecided."""

    shard_id: str
    domain: "DomainState"
    undecided: int
    prompts: list[OpenPrompt] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class DomainState:
    """Counts of one domain over the whole run, settled shards included."""

    domain: Domain
    quota: int | None
    prompts: int = 0
    decided: int = 0
    """Prompts that are closed."""
    accepted: int = 0
    correct: int = 0
    incorrect: int = 0
    undecided: int = 0
    abandoned: int = 0
    """Attempts that no replica could complete."""
    open: int = 0
    """Attempts in flight or unjudged."""
    tokens: int = 0
    ready: deque[OpenPrompt] = field(default_factory=deque)
    unopened: deque[str] = field(default_factory=deque)

    @property
    def filled(self) -> bool:
        return self.quota is not None and self.accepted >= self.quota

    @property
    def pass_rate(self) -> float:
        """Posterior mean under a uniform prior, so that it is defined from the start."""
        return (self.correct + 1) / (self.correct + self.incorrect + 2)

    @property
    def saturated(self) -> bool:
        """What is in flight is expected to fill the quota: handing out more would overshoot it."""
        return self.quota is not None and self.accepted + self.open * self.pass_rate >= self.quota

    @property
    def progress(self) -> float:
        """Share of the goal that is reached or expected from what is in flight; the lowest is served first."""
        goal = self.quota if self.quota is not None else max(1, self.prompts)
        return (self.accepted + self.open * self.pass_rate) / goal


@dataclass(frozen=True, slots=True)
class InFlight:
    """One attempt in the hands of one replica."""

    prompt: OpenPrompt
    index: int
    replica_id: str
    tries: int
