"""What a run says about itself while it goes on and when it ends: frozen values. Drawing them is the command line's."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tracegen.scheduling.tokens import TokenCounts


@dataclass(frozen=True, slots=True)
class DomainProgress:
    """How far one domain has come."""

    domain: str
    accepted: int
    """Traces accepted."""
    target: int | None
    """Accepted traces wanted: the domain's quota; None where it runs through all of its prompts."""
    prompts: int
    decided: int
    """Prompts that have enough accepted traces or were given up."""
    attempts: int
    """Completions that arrived."""
    correct: int
    incorrect: int
    undecided: int
    quarantined: int = 0
    """Attempts that were given up: no replica could complete them."""
    tokens_by_cause: TokenCounts = field(default_factory=TokenCounts)
    """Completion tokens by what became of them."""
    source: str = ""
    """The prompt source with a quota that this is about; empty for a whole domain."""

    @property
    def pass_rate(self) -> float | None:
        """Correct ÷ (correct + incorrect). An undecided verdict is not evidence and counts in neither."""
        judged = self.correct + self.incorrect
        return self.correct / judged if judged else None


@dataclass(frozen=True, slots=True)
class ReplicaProgress:
    """What one replica is doing."""

    replica_id: str
    state: str
    """``starting``, ``running``, ``lost`` or ``closed``."""
    in_flight: int
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class VerifierProgress:
    """All verifier pools together."""

    processes: int
    busy: float
    """Share of the processes' time that they worked, over the last second: 0 to 1."""
    waiting: int
    """Cases that no process has taken yet."""
    probes: int
    """Probes that were judged as they must be, by this driver's pools."""


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What the nodes of one type have run for a run."""

    node_type: str
    nodes: int
    """In the cluster at this moment."""
    node_s: float
    """Node-seconds that drivers of the run have seen, over all of them."""
    usd_per_hour: float | None
    """Of one node; None where the recipe names no price."""

    @property
    def usd(self) -> float | None:
        """At the price of now."""
        return None if self.usd_per_hour is None else self.node_s / 3600 * self.usd_per_hour


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment."""

    run_id: str
    at_s: float
    """Unix time."""
    elapsed_s: float
    """Since this driver started."""
    domains: tuple[DomainProgress, ...]
    in_flight: int
    tokens: int
    """Completion tokens recorded, by all drivers of the run."""
    tokens_per_s: float
    replicas: tuple[ReplicaProgress, ...]
    shards_open: int
    shards_settled: int
    shards_total: int
    eta_s: float | None
    """None while nothing can be said."""
    phase: str
    """``preparing``, ``starting``, ``generating``, ``building``, ``done``; ``stopped`` where no driver is at work."""
    verifiers: VerifierProgress | None = None
    """None where no pool is at work."""
    sources: tuple[DomainProgress, ...] = ()
    """Prompt sources that have a quota; their numbers are in their domain's as well."""
    nodes: tuple[NodeUse, ...] = ()
    """Empty on a machine of one's own: only nodes that were launched cost anything."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types; keys are the field names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended."""

    run_id: str
    store_uri: str
    corpus_path: str | None
    """The corpus version's folder or prefix; None where no corpus was built."""
    snapshot: Snapshot
    rows: int
    """Samples in the corpus."""
    wall_s: float
    resumed: bool
    """True where an earlier driver had left something to go on from."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types; keys are the field names."""
        return asdict(self)


def total(domains: tuple[DomainProgress, ...]) -> DomainProgress:
    """All domains as one. Its target is the sum where every domain has one, else None."""
    return merged("total", domains)


def merged(name: str, domains: Sequence[DomainProgress]) -> DomainProgress:
    """Several as one of that name."""
    targets = [domain.target for domain in domains]
    known = [target for target in targets if target is not None]
    tokens = TokenCounts()
    for domain in domains:
        tokens.add(domain.tokens_by_cause)
    return DomainProgress(
        domain=name,
        accepted=sum(domain.accepted for domain in domains),
        target=sum(known) if known and len(known) == len(targets) else None,
        prompts=sum(domain.prompts for domain in domains),
        decided=sum(domain.decided for domain in domains),
        attempts=sum(domain.attempts for domain in domains),
        correct=sum(domain.correct for domain in domains),
        incorrect=sum(domain.incorrect for domain in domains),
        undecided=sum(domain.undecided for domain in domains),
        quarantined=sum(domain.quarantined for domain in domains),
        tokens_by_cause=tokens,
    )
