"""The simulation: time and tokens add up, deaths cost what they should, and no schedule beats the lower bound."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracegen.recipe import Rejection
from tracegen.scheduling.hedges import HEDGED_SHARE
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.simulate import Draw, ReplicaModel, Simulated, Simulation
from tracegen.types import Attempt, Domain, FinishReason, Outcome, ShardEntry


class Fixed:
    """Lengths by domain; right from a given attempt on."""

    def __init__(self, lengths: dict[Domain, Sequence[int]], right_at: int = 0) -> None:
        self._lengths = lengths
        self._right_at = right_at

    def draw(self, attempt: Attempt, domain: Domain) -> Draw:
        lengths = self._lengths[domain]
        tokens = lengths[int(attempt.prompt_id.rpartition("-")[2]) % len(lengths)]
        outcome = Outcome.CORRECT if attempt.index >= self._right_at else Outcome.INCORRECT
        return Draw(0, tokens, FinishReason.STOP, outcome)


def run(
    teacher: Fixed,
    prompts: dict[Domain, int],
    replicas: Sequence[ReplicaModel],
    rules: Rejection | None = None,
    deaths: Sequence[tuple[float, int, float]] = (),
    size: int = 4,
) -> Simulated:
    shards = {}
    for domain, number in prompts.items():
        for start in range(0, number, size):
            groups = {f"{domain}-{n}": "" for n in range(start, min(start + size, number))}
            shards[f"{domain}{start}"] = (ShardEntry(f"{domain}{start}", domain, len(groups)), groups)
    scheduler = Scheduler([entry for entry, _ in shards.values()], rules or Rejection(keep=1, max_attempts=4))
    return Simulation(scheduler, shards, teacher, replicas, deaths).run()


def test_one_sequence_takes_its_tokens_at_the_rate_of_one() -> None:
    model = ReplicaModel(slots=1, tokens_per_s=10, half_rate_at=1, start_s=5)
    ran = run(Fixed({Domain.MATH: [100]}), {Domain.MATH: 3}, [model])
    assert ran.makespan_s == pytest.approx(5 + 3 * 100 / 5)
    assert (ran.attempts, ran.accepted, ran.covered, ran.tokens.kept) == (3, 3, 3, 300)
    assert ran.busy_s == pytest.approx(60)


def test_sequences_speed_up_as_others_end() -> None:
    # Two at 10 / (1 + 2/2) = 5 tokens/s until the short one ends; then one at 10 / (1 + 1/2).
    model = ReplicaModel(slots=2, tokens_per_s=10, half_rate_at=2)
    ran = run(Fixed({Domain.MATH: [50, 100]}), {Domain.MATH: 2}, [model])
    assert ran.makespan_s == pytest.approx(50 / 5 + 50 * 1.5 / 10)


def test_a_dead_replica_loses_what_it_had_and_others_do_it_again() -> None:
    model = ReplicaModel(slots=2, tokens_per_s=10, half_rate_at=1e9)
    ran = run(Fixed({Domain.MATH: [100]}), {Domain.MATH: 4}, [model, model], deaths=[(5.0, 0, 2.0)])
    assert ran.accepted == 4
    assert ran.tokens.lost == 100
    assert ran.makespan_s == pytest.approx(5 + 2 + 10)


def test_the_same_run_twice_is_the_same() -> None:
    teacher = Fixed({Domain.MATH: [10, 200, 30], Domain.LOGIC: [5]}, right_at=1)
    model = ReplicaModel(slots=3, tokens_per_s=10, half_rate_at=4)
    prompts = {Domain.MATH: 30, Domain.LOGIC: 10}
    assert run(teacher, prompts, [model] * 2) == run(teacher, prompts, [model] * 2)


def test_short_domains_are_kept_for_the_end() -> None:
    """Math traces are a hundred times longer: started last, one of them would keep 31 slots waiting."""
    model = ReplicaModel(slots=8, tokens_per_s=10, half_rate_at=1e9)
    teacher = Fixed({Domain.MATH: [100] * 15 + [2000], Domain.GENERAL: [10]})
    prompts = {Domain.MATH: 1600, Domain.GENERAL: 6000}
    ran = run(teacher, prompts, [model] * 4, size=64)
    work_s = (1500 * 100 + 100 * 2000 + 6000 * 10) / (32 * 10)
    assert ran.makespan_s < work_s * 1.06


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=20),
    prompts=st.integers(1, 40),
    slots=st.integers(1, 6),
    replicas=st.integers(1, 4),
    half=st.floats(0.5, 50),
    right_at=st.integers(0, 3),
)
def test_no_schedule_beats_the_lower_bound_and_tokens_add_up(
    lengths: list[int], prompts: int, slots: int, replicas: int, half: float, right_at: int
) -> None:
    model = ReplicaModel(slots=slots, tokens_per_s=10, half_rate_at=half)
    ran = run(Fixed({Domain.MATH: lengths}, right_at), {Domain.MATH: prompts}, [model] * replicas)
    chains = [(right_at + 1) * lengths[n % len(lengths)] for n in range(prompts)]
    # But for the few attempts that are begun before it is known whether they are needed.
    assert sum(chains) <= ran.tokens.spent <= sum(chains) + HEDGED_SHARE * ran.attempts * max(lengths)
    assert ran.accepted == prompts
    assert (right_at + 1) * prompts <= ran.attempts <= (right_at + 1) * prompts / (1 - HEDGED_SHARE)
    bound = max(sum(chains) / (replicas * slots * model.rate(slots)), max(chains) / model.rate(1))
    assert ran.makespan_s >= bound - 1e-6
    assert ran.makespan_s <= ran.tokens.spent / model.rate(slots) + 1e-6
    assert math.isfinite(ran.busy_share)
    assert ran.busy_share <= 1 + 1e-9
