"""Turns the scheduler's counts and the replicas' pulses into a snapshot for people. Reads, never writes."""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from tracegen.protocols import PoolHealth
from tracegen.runtime.meter import Meter
from tracegen.runtime.progress import DomainProgress, ReplicaProgress, Snapshot, VerifierProgress, merged
from tracegen.runtime.pump import Pump
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.state import DomainState
from tracegen.types import Domain

WINDOW_S = 30.0
"""Rates are over so many seconds."""


class Watch:
    """One run's observer."""

    def __init__(
        self,
        run_id: str,
        scheduler: Scheduler,
        meter: Meter,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._run_id = run_id
        self._scheduler = scheduler
        self.meter = meter
        self._clock = clock
        self._wall_clock = wall_clock
        self._started_s = clock()
        self._marks: deque[tuple[float, int]] = deque()
        self._replica_marks: dict[int, deque[tuple[float, int]]] = {}
        self._tokens_before = sum(domain.tokens.spent for domain in scheduler.domains)
        self._verifiers: VerifierProgress | None = None
        self._at_start = {d: (d.accepted, d.decided) for d in scheduler.domains}

    def see(self, pools: Sequence[PoolHealth]) -> None:
        """What the verifier pools say of themselves."""
        processes = sum(pool.processes for pool in pools)
        self._verifiers = VerifierProgress(
            processes,
            sum(pool.busy * pool.processes for pool in pools) / max(1, processes),
            sum(pool.waiting for pool in pools),
            sum(pool.probes for pool in pools),
        )

    def snapshot(self, pumps: Sequence[Pump], phase: str) -> Snapshot:
        now_s = self._clock()
        elapsed_s = max(now_s - self._started_s, 1e-9)
        scheduler = self._scheduler
        tokens = sum(domain.tokens.spent for domain in scheduler.domains)
        produced = sum(pump.produced_tokens for pump in pumps)
        return Snapshot(
            run_id=self._run_id,
            at_s=self._wall_clock(),
            elapsed_s=elapsed_s,
            domains=_domains(scheduler.domains),
            in_flight=scheduler.in_flight,
            tokens=tokens,
            tokens_per_s=_rate(self._marks, now_s, produced) if pumps else (tokens - self._tokens_before) / elapsed_s,
            replicas=tuple(self._replica(number, pump, now_s) for number, pump in enumerate(pumps)),
            shards_open=scheduler.open_shards,
            shards_settled=scheduler.settled_shards,
            shards_total=scheduler.planned_shards,
            eta_s=self._eta_s(now_s),
            phase=phase,
            verifiers=self._verifiers if pumps else None,
            sources=tuple(_lane(d) for d in scheduler.domains if d.source),
            nodes=self.meter.uses(),
        )

    def _replica(self, number: int, pump: Pump, now_s: float) -> ReplicaProgress:
        marks = self._replica_marks.setdefault(number, deque())
        rate = _rate(marks, now_s, pump.produced_tokens)
        name = pump.port.replica_id if pump.port else f"replica-{number}"
        return ReplicaProgress(name, pump.state, pump.pulse.in_flight, rate)

    def _eta_s(self, now_s: float) -> float | None:
        """The slowest domain's remaining share over its rate since the start; None until every domain has a rate."""
        elapsed_s = max(now_s - self._started_s, 1e-9)
        etas: list[float] = []
        for domain in self._scheduler.domains:
            accepted, decided = self._at_start[domain]
            left, gained = (
                (domain.quota - domain.accepted, domain.accepted - accepted)
                if domain.quota is not None
                else (domain.prompts - domain.decided, domain.decided - decided)
            )
            if left <= 0 or domain.exhausted:
                continue
            if gained <= 0:
                return None
            etas.append(left * elapsed_s / gained)
        return max(etas, default=0.0)


def _domains(lanes: Sequence[DomainState]) -> tuple[DomainProgress, ...]:
    """Domain by domain, its sources with quotas among it: they count as far as their quotas go."""
    by_domain: dict[Domain, list[DomainProgress]] = defaultdict(list)
    shared = {lane.domain for lane in lanes if not lane.source}
    for lane in lanes:
        own = _lane(lane)
        if lane.source:
            # What a source falls short of its quota, its domain's other sources fill, where there are any.
            target = lane.claims if lane.domain in shared else lane.quota
            own = replace(own, accepted=min(lane.accepted, lane.quota or 0), target=target)
        by_domain[lane.domain].append(own)
    return tuple(merged(domain.value, found) for domain, found in by_domain.items())


def _lane(domain: DomainState) -> DomainProgress:
    judged = domain.correct + domain.incorrect + domain.undecided
    return DomainProgress(
        domain=domain.domain.value,
        accepted=domain.accepted,
        target=domain.quota,
        prompts=domain.prompts,
        decided=domain.decided,
        attempts=judged + domain.open + domain.quarantined,
        correct=domain.correct,
        incorrect=domain.incorrect,
        undecided=domain.undecided,
        quarantined=domain.quarantined,
        tokens_by_cause=replace(domain.tokens),
        source=domain.source,
    )


def _rate(marks: deque[tuple[float, int]], now_s: float, tokens: int) -> float:
    marks.append((now_s, tokens))
    while len(marks) > 2 and now_s - marks[0][0] > WINDOW_S:
        marks.popleft()
    since_s, before = marks[0]
    return (tokens - before) / (now_s - since_s) if now_s > since_s else 0.0
