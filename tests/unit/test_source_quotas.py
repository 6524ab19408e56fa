"""Quotas of sources beside those of domains: contradictions, the scheduler's goals, and what a build takes."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.filled import SET, judgement, recipe
from tracegen.corpus.choice import choose
from tracegen.corpus.settled import Settled, SettledShard
from tracegen.ledger.layout import verdicts_key
from tracegen.ledger.schema import judgements_to_table, write_parquet
from tracegen.recipe import Recipe, Rejection
from tracegen.scheduling.domains import Domains
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.simulate import Draw, ReplicaModel, Simulation
from tracegen.scheduling.state import SettledShard as SettledCounts
from tracegen.scheduling.tokens import TokenCounts
from tracegen.store.memory import MemoryStore
from tracegen.types import Attempt, Domain, FinishReason, Lane, NoReference, Outcome, Prompt, ShardEntry

SHARD = 4


def sources(**quotas: int | None) -> list[dict[str, Any]]:
    return [{"kind": "synthetic", "name": n, "domain": "math", "size": 9, "quota": q} for n, q in quotas.items()]


def asking(domain_quota: int | None, **quotas: int | None) -> Recipe:
    rules = {"keep": 2, "max_attempts": 4, "quotas": {"math": domain_quota} if domain_quota else {}}
    return recipe(prompts=sources(**quotas), rejection=rules)


@pytest.mark.parametrize(
    ("domain_quota", "quotas", "problem"),
    [
        (9, {"a": 5, "b": 5}, "come to 10, more than rejection.quotas.math (9): lower them, or leave"),
        (12, {"a": 5, "b": 5}, "come to 10, less than rejection.quotas.math (12): leave rejection.quotas.math out"),
        (10, {"a": 5, "b": 5, "c": None}, "all of rejection.quotas.math: nothing is left for source c, which has none"),
        (None, {"a": 0}, "greater than 0"),
    ],
)
def test_quotas_that_contradict_each_other_are_explained(
    domain_quota: int | None, quotas: dict[str, int | None], problem: str
) -> None:
    with pytest.raises(ValidationError) as error:
        asking(domain_quota, **quotas)
    assert problem in str(error.value)


def test_quotas_that_agree_are_taken() -> None:
    assert asking(10, a=5, b=5).source_quotas == {"a": 5, "b": 5}
    assert asking(12, a=5, b=None).source_quotas == {"a": 5}
    assert asking(None, a=5, b=None).source_quotas == {"a": 5}
    assert recipe().digest == recipe(prompts=[{**one, "quota": None} for one in _as_given()]).digest


def _as_given() -> list[dict[str, Any]]:
    return [source.model_dump(mode="json") for source in recipe().prompts]


# --- what a build takes -------------------------------------------------------------------------------------------


def settled_shard(store: MemoryStore, lane: Lane, number: int, traces: list[int]) -> SettledShard:
    """A shard with so many accepted traces of each prompt, and its verdicts in the store."""
    shard_id = f"math-{number:016x}"
    rows = [
        judgement(
            Prompt(f"{number:016x}{prompt:016x}", lane.domain, "?", NoReference(), "s", "1", ""),
            shard_id,
            index,
            Outcome.CORRECT if index < accepted else Outcome.INCORRECT,
        )
        for prompt, accepted in enumerate(traces)
        for index in range(4)
    ]
    store.put(verdicts_key(SET, shard_id), write_parquet(judgements_to_table(rows)))
    [found] = store.list(verdicts_key(SET, shard_id))
    return SettledShard(ShardEntry(shard_id, lane.domain, len(traces), source=lane.source), (), (found,))


def taken(store: MemoryStore, of: Recipe, shards: list[SettledShard]) -> tuple[Counter[str], dict[str, int]]:
    """Samples by source, and by prompt."""
    choice = choose(store, of, Settled(tuple(shards)))
    by_source: Counter[str] = Counter()
    by_prompt: dict[str, int] = {}
    for shard in shards:
        found = choice.of(shard, shard.read_correct(store)[0])
        by_source[shard.entry.source] += sum(found.values())
        by_prompt |= found
    return by_source, by_prompt


TRACES = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=SHARD), max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    a=TRACES,
    b=TRACES,
    others=TRACES,
    quotas=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 20)),
    has_domain_quota=st.booleans(),
    seed=st.integers(0, 9),
)
def test_quotas_are_never_exceeded_and_met_where_there_are_traces(
    a: list[list[int]],
    b: list[list[int]],
    others: list[list[int]],
    quotas: tuple[int, int, int],
    has_domain_quota: bool,
    seed: int,
) -> None:
    of_a, of_b, more = quotas
    of = asking(of_a + of_b + more if has_domain_quota else None, a=of_a, b=of_b, c=None)
    store = MemoryStore()
    given_traces = [("a", a), ("b", b), ("", others)]
    lanes = [(Lane(Domain.MATH, name), traces) for name, found in given_traces for traces in found]
    shards = [settled_shard(store, lane, number, traces) for number, (lane, traces) in enumerate(lanes)]
    by_source, by_prompt = taken(store, of, shards)
    kept = {name: sum(min(2, one) for traces in found for one in traces) for name, found in given_traces}
    assert by_source["a"] == min(of_a, kept["a"])
    assert by_source["b"] == min(of_b, kept["b"])
    left = of_a + of_b + more - by_source["a"] - by_source["b"] if has_domain_quota else kept[""]
    assert by_source[""] == min(left, kept[""])
    assert taken(store, of, random.Random(seed).sample(shards, len(shards)))[1] == by_prompt


# --- what the scheduler asks for ----------------------------------------------------------------------------------


class Half:
    """Right half of the time; ``hopeless`` sources never."""

    def __init__(self, hopeless: str = "-") -> None:
        self._hopeless = hopeless

    def draw(self, attempt: Attempt, domain: Domain) -> Draw:
        source = attempt.prompt_id.partition("-")[0]
        right = source != self._hopeless and random.Random(f"{domain} {attempt}").random() < 0.5
        return Draw(1, 10, FinishReason.STOP, Outcome.CORRECT if right else Outcome.INCORRECT)


def run(rules: Rejection, prompts: dict[Lane, int], quotas: dict[str, int], teacher: Half) -> Scheduler:
    shards = {}
    for lane, number in prompts.items():
        for start in range(0, number, SHARD):
            groups = {f"{lane.source or lane.domain}-{n}": "" for n in range(start, min(start + SHARD, number))}
            shard_id = f"{lane.source or lane.domain}{start}"
            shards[shard_id] = (ShardEntry(shard_id, lane.domain, len(groups), source=lane.source), groups)
    scheduler = Scheduler([entry for entry, _ in shards.values()], rules, source_quotas=quotas)
    Simulation(scheduler, shards, teacher, [ReplicaModel(slots=4, tokens_per_s=10, half_rate_at=4)]).run()
    return scheduler


A, B, OTHERS, LOGIC = Lane(Domain.MATH, "a"), Lane(Domain.MATH, "b"), Lane(Domain.MATH), Lane(Domain.LOGIC)


def test_a_source_is_asked_for_no_more_than_its_quota() -> None:
    found = run(Rejection(keep=1, max_attempts=4), {A: 200, OTHERS: 24, LOGIC: 24}, {"a": 20}, Half())
    a, others, logic = found.domains
    assert 20 <= a.accepted <= 24, "no more beyond it than was in flight"
    assert a.completions < 100
    assert (others.decided, logic.decided) == (24, 24), "what has no quota runs through all of its prompts"


def test_a_domains_quota_is_shared_between_its_sources_as_they_ask() -> None:
    rules = Rejection(keep=1, max_attempts=4, quotas={Domain.MATH: 60})
    found = run(rules, {A: 200, B: 200, OTHERS: 200}, {"a": 20, "b": 10}, Half())
    assert [lane.quota for lane in found.domains] == [20, 10, 30]
    for lane, wanted in zip(found.domains, (20, 10, 30), strict=True):
        assert wanted <= lane.accepted <= wanted + 4


def test_what_a_source_falls_short_of_the_others_make_up_for() -> None:
    rules = Rejection(keep=1, max_attempts=2, quotas={Domain.MATH: 60})
    found = run(rules, {A: 40, OTHERS: 200}, {"a": 50}, Half(hopeless="a"))
    a, others = found.domains
    assert (a.accepted, a.decided, a.exhausted) == (0, 40, True)
    assert others.quota == 60
    assert 60 <= others.accepted <= 64


def test_a_resumed_run_knows_what_sources_have_filled() -> None:
    rules = Rejection(keep=1, max_attempts=4, quotas={Domain.MATH: 30})
    plan = [ShardEntry("a0", Domain.MATH, 8, source="a"), ShardEntry("m0", Domain.MATH, 50)]
    settled = {"a0": SettledCounts(plan[0], accepted=5, correct=5, incorrect=9, undecided=0, tokens=TokenCounts())}
    domains = Domains(plan, rules, settled, {"a": 10})
    assert domains[OTHERS].quota == 25, "the source has no prompt left to fill its ten with"


# --- gathering ----------------------------------------------------------------------------------------------------


def test_a_prompt_is_asked_until_enough_is_gathered_and_counts_for_what_is_kept() -> None:
    rules = Rejection(keep=1, gather=3, select="shortest", max_attempts=16)
    [math] = run(rules, {OTHERS: 40}, {}, Half()).domains
    assert math.accepted == 40
    assert 120 <= math.correct <= 122, "three of each, and at the end of a run a hedge or two"
    assert math.tokens.kept == 400
    assert math.tokens.surplus == 10 * math.correct - 400


def test_gathering_does_not_stop_short_of_a_quota_nor_far_beyond_it() -> None:
    rules = Rejection(keep=1, gather=3, select="shortest", max_attempts=16, quotas={Domain.MATH: 30})
    [math] = run(rules, {OTHERS: 400}, {}, Half()).domains
    assert 30 <= math.accepted <= 34
    assert math.correct >= 2.5 * math.accepted


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"gather": 4}, "pays for traces beyond keep"),
        ({"gather": 5, "select": "random"}, "gather (5) must be from keep (1) to max_attempts (4)"),
        ({"gather": 1, "keep": 2, "select": "random"}, "gather (1) must be from keep (2) to max_attempts (4)"),
        ({"select": "shortest"}, "set gather to more than keep"),
        ({"select": "diverse", "gather": 4}, "set keep to 2 or more"),
        ({"select": "shortest", "gather": 4, "policy": "fixed"}, "leave gather out"),
    ],
)
def test_rules_that_choose_nothing_are_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as error:
        Rejection.model_validate(keys)
    assert problem in str(error.value)


def test_a_fixed_policy_has_something_to_choose_from() -> None:
    assert Rejection(select="shortest", policy="fixed").enough == 1
