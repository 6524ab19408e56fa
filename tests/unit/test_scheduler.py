"""The scheduler as a state machine: goals are met, nothing is handed out twice, nothing is forgotten."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracegen.protocols import Failed, Finished
from tracegen.recipe import Rejection
from tracegen.scheduling.policy import Standing, adaptive, fixed, until_kept
from tracegen.scheduling.scheduler import MAX_TRIES, Handout, Resumed, Scheduler
from tracegen.scheduling.state import SettledShard
from tracegen.scheduling.tokens import TokenCounts
from tracegen.types import Attempt, Domain, FinishReason, Outcome, ShardEntry

MATH = ShardEntry("m0", Domain.MATH, 3)


def finished(attempt_id: str, shard_id: str = "m0", tokens: int = 10) -> Finished:
    return Finished(attempt_id, shard_id, FinishReason.STOP, 5, tokens)


def opened(rules: Rejection, prompts: int = 3) -> Scheduler:
    entry = ShardEntry("m0", Domain.MATH, prompts)
    scheduler = Scheduler([entry], rules)
    assert scheduler.next_shard(1) == "m0"
    scheduler.open(entry, [f"p{n}" for n in range(prompts)])
    return scheduler


def answer(scheduler: Scheduler, handouts: Sequence[Handout], outcome: Outcome) -> None:
    for handout in handouts:
        scheduler.finished(finished(handout.attempt.attempt_id))
        scheduler.judged(handout.attempt.attempt_id, outcome)


def ids(handouts: Sequence[Handout]) -> list[str]:
    return [handout.attempt.attempt_id for handout in handouts]


def standing(
    *, accepted: int, issued: int, coming: int, wrong: int = 0, gain: float = 0.5, floor: float = 0.0
) -> Standing:
    return Standing(accepted, wrong, issued, coming, gain, gain, floor)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (standing(accepted=0, issued=0, coming=0), 2),
        (standing(accepted=1, issued=1, coming=0), 1),
        (standing(accepted=0, issued=2, coming=2), 0),
        (standing(accepted=2, issued=2, coming=0), 0),
        (standing(accepted=0, issued=4, coming=0), 0),
        (standing(accepted=1, issued=3, coming=0), 1),
    ],
)
def test_until_kept(standing: Standing, expected: int) -> None:
    assert until_kept(standing, Rejection(keep=2, max_attempts=4)) == expected


def test_fixed_asks_for_all_at_once() -> None:
    assert fixed(standing(accepted=0, issued=1, coming=1), Rejection(keep=1, max_attempts=4)) == 3


def test_adaptive_gives_a_prompt_up_when_its_gain_is_below_the_floor() -> None:
    rules = Rejection(keep=1, max_attempts=8)
    assert adaptive(standing(accepted=0, issued=2, coming=0, wrong=2, gain=0.1, floor=0.2), rules) == 0
    assert adaptive(standing(accepted=0, issued=2, coming=0, wrong=2, gain=0.3, floor=0.2), rules) == 1
    # A prompt that was never tried is always worth one attempt.
    assert adaptive(standing(accepted=0, issued=0, coming=0, gain=0.1, floor=0.2), rules) == 1


def test_a_prompt_stops_when_it_has_what_it_needs() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=4))
    first = scheduler.lease("r", 10)
    assert len(first) == 3
    answer(scheduler, first[:2], Outcome.CORRECT)
    answer(scheduler, first[2:], Outcome.INCORRECT)
    again = scheduler.lease("r", 10)
    assert [(h.attempt.prompt_id, h.attempt.index) for h in again] == [(first[2].attempt.prompt_id, 1)]


def test_a_hopeless_prompt_is_given_up_after_max_attempts() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=2), prompts=1)
    for _ in range(2):
        answer(scheduler, scheduler.lease("r", 10), Outcome.INCORRECT)
    assert scheduler.lease("r", 10) == []
    assert scheduler.take_decided() == ["m0"]
    scheduler.settled("m0")
    assert scheduler.done


def test_undecided_is_not_evidence_but_uses_an_attempt() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=1)
    answer(scheduler, scheduler.lease("r", 1), Outcome.UNDECIDED)
    (domain,) = scheduler.domains
    assert (domain.correct, domain.incorrect, domain.undecided) == (0, 0, 1)
    assert domain.pass_rate == 0.5
    assert scheduler.take_decided() == ["m0"]


def test_a_revoked_lease_is_handed_out_again_with_the_same_identity() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=4))
    lost = scheduler.lease("dead", 2)
    kept = scheduler.lease("alive", 1)
    assert scheduler.revoke("dead") == []
    again = scheduler.lease("alive", 10, 64)
    assert sorted(ids(again)) == sorted(ids(lost))
    assert not set(ids(again)) & set(ids(kept))
    assert {handout.tries for handout in again} == {1}


def test_an_attempt_that_fails_again_and_again_is_quarantined_and_the_run_goes_on() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=1)
    for tries in range(MAX_TRIES):
        (handout,) = scheduler.lease("r", 1)
        assert handout.attempt.index == 0
        quarantined = scheduler.failed(Failed(handout.attempt.attempt_id, "boom", retryable=True))
        assert quarantined == (tries + 1 == MAX_TRIES)
    assert scheduler.lease("r", 1) == []
    assert scheduler.domains[0].quarantined == 1
    assert scheduler.take_decided() == ["m0"]


def test_a_refused_attempt_is_not_tried_again() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=1)
    (handout,) = scheduler.lease("r", 1)
    assert scheduler.failed(Failed(handout.attempt.attempt_id, "prompt too long", retryable=False))
    assert scheduler.take_decided() == ["m0"]


def test_a_resumed_shard_asks_only_for_what_is_missing() -> None:
    scheduler = Scheduler([MATH], Rejection(keep=1, max_attempts=4))
    assert scheduler.next_shard(1) == "m0"
    scheduler.open(
        MATH,
        ["a", "b", "c"],
        [
            Resumed(finished("a.0000"), Outcome.CORRECT),
            Resumed(finished("b.0000"), Outcome.INCORRECT),
            Resumed(finished("c.0001"), None),
        ],
    )
    # a is settled; b needs another; c.0000 was in flight when the driver died, c.0001 waits for its verdict.
    assert sorted(ids(scheduler.lease("r", 10))) == ["b.0001", "c.0000"]
    scheduler.judged("c.0001", Outcome.CORRECT)
    assert scheduler.domains[0].accepted == 2


def test_a_filled_quota_stops_its_domain_and_settles_what_is_open() -> None:
    rules = Rejection(keep=1, max_attempts=4, quotas={Domain.MATH: 2})
    scheduler = opened(rules, prompts=50)
    handouts = scheduler.lease("r", 3)
    answer(scheduler, handouts, Outcome.CORRECT)
    assert scheduler.lease("r", 10) == []
    assert scheduler.take_decided() == ["m0"]
    assert scheduler.domains[0].accepted == 3


def test_a_quota_is_not_overshot_by_more_than_what_is_in_flight() -> None:
    rules = Rejection(keep=1, max_attempts=4, quotas={Domain.MATH: 10})
    scheduler = opened(rules, prompts=200)
    # With nothing known, half of what is in flight is expected to be right: 20 attempts fill a quota of 10.
    assert len(scheduler.lease("r", 200)) == 20


def test_shards_are_opened_for_the_domain_that_lags() -> None:
    plan = [ShardEntry("m0", Domain.MATH, 2), ShardEntry("m1", Domain.MATH, 2), ShardEntry("l0", Domain.LOGIC, 2)]
    scheduler = Scheduler(plan, Rejection(keep=1, max_attempts=1))
    assert scheduler.next_shard(4) == "m0"
    scheduler.open(plan[0], ["a", "b"])
    assert scheduler.next_shard(4) == "l0"
    scheduler.open(plan[2], ["c", "d"])
    assert scheduler.next_shard(4) is None
    assert {handout.shard_id for handout in scheduler.lease("r", 2)} == {"m0", "l0"}


def test_a_finished_run_has_nothing_to_do() -> None:
    done = SettledShard(MATH, accepted=3, correct=3, incorrect=1, undecided=0, tokens=TokenCounts(kept=30, rejected=10))
    scheduler = Scheduler([MATH], Rejection(), settled={"m0": done})
    assert scheduler.done
    assert scheduler.next_shard(10) is None
    assert scheduler.domains[0].accepted == 3


class RandomFleet:
    """Replicas that finish, fail and die at random, and verdicts that come late."""

    def __init__(self, scheduler: Scheduler, rng: random.Random) -> None:
        self.scheduler, self.rng = scheduler, rng
        self.held: dict[str, list[Handout]] = {"r0": [], "r1": [], "r2": []}
        self.unjudged: list[str] = []
        self.completed: Counter[str] = Counter()

    def step(self) -> None:
        replica = self.rng.choice(sorted(self.held))
        self.held[replica] += self.scheduler.lease(replica, self.rng.randint(0, 4))
        event = self.rng.random()
        if event < 0.05:
            self.scheduler.revoke(replica)
            self.held[replica].clear()
        elif self.held[replica]:
            self.end(self.held[replica].pop(0), fails=event < 0.15)
        if self.unjudged and self.rng.random() < 0.7:
            attempt_id = self.unjudged.pop(self.rng.randrange(len(self.unjudged)))
            self.scheduler.judged(attempt_id, self.rng.choice(list(Outcome)))

    def end(self, handout: Handout, *, fails: bool) -> None:
        attempt_id = handout.attempt.attempt_id
        if fails:
            self.scheduler.failed(Failed(attempt_id, "x", retryable=self.rng.random() < 0.9))
            return
        self.completed[attempt_id] += 1
        self.scheduler.finished(finished(attempt_id, handout.shard_id))
        self.unjudged.append(attempt_id)


def drive(scheduler: Scheduler, plan: dict[str, ShardEntry], fleet: RandomFleet) -> None:
    while not scheduler.done:
        while shard_id := scheduler.next_shard(4):
            entry = plan[shard_id]
            scheduler.open(entry, {f"{shard_id}p{n}": f"group {n % 2}" for n in range(entry.prompts)})
        fleet.step()
        for decided in scheduler.take_decided():
            scheduler.settled(decided)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    keep=st.integers(1, 3),
    extra=st.integers(0, 4),
    quota=st.none() | st.integers(1, 30),
    gathers=st.booleans(),
    source_quota=st.none() | st.integers(1, 9),
)
def test_every_run_ends_and_no_attempt_is_completed_twice(
    *, seed: int, keep: int, extra: int, quota: int | None, gathers: bool, source_quota: int | None
) -> None:
    rng = random.Random(seed)
    plan = {
        f"{d[0]}{n}": ShardEntry(f"{d[0]}{n}", Domain(d), rng.randint(1, 6))
        for d in ("math", "logic")
        for n in range(3)
    }
    if source_quota:
        plan |= {f"s{n}": ShardEntry(f"s{n}", Domain.MATH, rng.randint(1, 6), source="s") for n in range(2)}
    quotas = {Domain.MATH: quota + (source_quota or 0)} if quota else {}
    gather = {"gather": keep + extra, "select": "random"} if gathers and extra else {}
    rules = Rejection.model_validate({"keep": keep, "max_attempts": keep + extra, "quotas": quotas, **gather})
    scheduler = Scheduler(plan.values(), rules, source_quotas={"s": source_quota} if source_quota else {})
    fleet = RandomFleet(scheduler, rng)
    drive(scheduler, plan, fleet)
    assert set(fleet.completed.values()) <= {1}
    assert all(int(attempt_id.partition(".")[2]) < keep + extra for attempt_id in fleet.completed)
    for domain in scheduler.domains:
        assert domain.open == domain.coming == 0
        assert not any(domain.standings.values())
        assert not domain.parked
        assert not domain.gathering
        assert domain.waiting == sum(plan[shard_id].prompts for shard_id in domain.unopened)
        if domain.quota is None:
            assert domain.decided == domain.prompts
        else:
            assert domain.filled or domain.decided == domain.prompts
    assert scheduler.in_flight == scheduler.open_shards == 0


def test_a_poisoned_attempt_is_quarantined_after_two_deaths_and_no_other_is() -> None:
    """Whichever replica holds this attempt dies; the run must end with every other prompt answered."""
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=20)
    poison, deaths, quarantined = "p7.0000", 0, []
    for life in range(50):
        if scheduler.take_decided():
            break
        replica = f"r{life}"
        handouts = scheduler.lease(replica, 8, 8)
        while handouts and poison not in ids(handouts):
            answer(scheduler, handouts, Outcome.CORRECT)
            handouts = scheduler.lease(replica, 8, 8)
        if handouts:
            deaths += 1
            quarantined += scheduler.revoke(replica)
    assert (quarantined, deaths) == ([poison], 2)
    assert scheduler.domains[0].accepted == 19


def test_a_completion_lost_with_its_node_is_asked_for_again() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=1)
    (handout,) = scheduler.lease("r", 1)
    scheduler.finished(finished(handout.attempt.attempt_id))
    scheduler.lost(handout.attempt.attempt_id)
    (again,) = scheduler.lease("r", 1)
    assert (again.attempt, again.tries) == (handout.attempt, 1)
    assert scheduler.domains[0].tokens == TokenCounts(lost=10)


def test_a_node_that_was_taken_away_makes_nobody_a_suspect() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=1)
    for life in range(5):
        assert len(scheduler.lease(f"r{life}", 1)) == 1
        assert scheduler.revoke(f"r{life}", died=False) == []
    assert len(scheduler.lease("r", 1)) == 1


def test_a_token_budget_is_a_hard_stop() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=4, token_budget=100), prompts=50)
    spent = 0
    while handouts := scheduler.lease("r", 2):
        answer(scheduler, handouts, Outcome.INCORRECT)
        spent += 10 * len(handouts)
    assert spent == 100
    assert scheduler.take_decided() == ["m0"]
    scheduler.settled("m0")
    assert scheduler.done


def test_tokens_are_accounted_for_by_cause() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=3, policy="fixed"), prompts=1)
    a, b, c = scheduler.lease("r", 3)
    for handout, outcome, reason in [
        (a, Outcome.CORRECT, "equal"), (b, Outcome.CORRECT, "equal"), (c, Outcome.INCORRECT, "truncated")
    ]:  # fmt: skip
        scheduler.finished(finished(handout.attempt.attempt_id))
        scheduler.judged(handout.attempt.attempt_id, outcome, reason)
    assert scheduler.domains[0].tokens == TokenCounts(kept=10, surplus=10, truncated=10)


def test_the_longest_expected_work_goes_first_when_the_queue_runs_dry() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=2), prompts=3)
    for handout, tokens in zip(scheduler.lease("r", 3), (10, 1000, 100), strict=True):
        scheduler.finished(finished(handout.attempt.attempt_id, tokens=tokens))
        scheduler.judged(handout.attempt.attempt_id, Outcome.INCORRECT)
    assert ids(scheduler.lease("r", 3)) == ["p1.0001", "p2.0001", "p0.0001"]


def test_slots_beyond_what_can_still_be_wanted_are_told() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=2), prompts=3)
    assert scheduler.still_wanted == 3
    answer(scheduler, scheduler.lease("r", 1), Outcome.CORRECT)
    assert scheduler.still_wanted == 2


def test_a_quarantined_attempt_stays_away_after_a_resume_whatever_its_index() -> None:
    given_up = {Attempt("p", 0).attempt_id: Domain.MATH, Attempt("p", 2).attempt_id: Domain.MATH}
    entry = ShardEntry("m0", Domain.MATH, 1)
    scheduler = Scheduler([entry], Rejection(keep=3, max_attempts=4, policy="fixed"), quarantined=given_up)
    scheduler.open(entry, ["p"])
    assert [handout.attempt.index for handout in scheduler.lease("r", 9)] == [1, 3]
    assert scheduler.domains[0].quarantined == 2
    assert scheduler.domains[0].fresh == 0


def test_a_shard_whose_attempts_are_all_in_quarantine_is_decided_when_it_is_opened() -> None:
    entry = ShardEntry("m0", Domain.MATH, 1)
    given_up = {Attempt("p", index).attempt_id: Domain.MATH for index in range(2)}
    scheduler = Scheduler([entry], Rejection(keep=1, max_attempts=2), quarantined=given_up)
    scheduler.open(entry, ["p"])
    assert scheduler.lease("r", 9) == []
    assert scheduler.take_decided() == ["m0"]


def test_what_led_to_quarantine_is_told() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=1)
    for tries in range(MAX_TRIES):
        (handout,) = scheduler.lease(f"r{tries}", 1)
        scheduler.failed(Failed(handout.attempt.attempt_id, f"boom {tries}", retryable=True), at_s=float(tries))
    (poisoned,) = scheduler.take_quarantined()
    assert scheduler.take_quarantined() == []
    assert (poisoned.attempt_id, poisoned.tries, poisoned.deaths) == (handout.attempt.attempt_id, MAX_TRIES, 0)
    assert [(one.at_s, one.replica_id, one.error) for one in poisoned.troubles] == [
        (float(tries), f"r{tries}", f"boom {tries}") for tries in range(MAX_TRIES)
    ]


def test_a_completion_lost_on_its_way_is_asked_for_again() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=1), prompts=1)
    (handout,) = scheduler.lease("r", 1)
    scheduler.finished(Finished(handout.attempt.attempt_id, "m0", FinishReason.STOP, 1, 10))
    scheduler.lost(handout.attempt.attempt_id)
    assert ids(scheduler.lease("r", 1)) == ids([handout])
    assert scheduler.domains[0].tokens.lost == 10


def test_a_resumed_run_knows_what_its_settled_shards_have_shown() -> None:
    done = SettledShard(
        MATH, accepted=0, correct=0, incorrect=600, undecided=0, tokens=TokenCounts(rejected=6000), ended={(0, 2): 300}
    )
    rest = ShardEntry("m1", Domain.MATH, 1)
    scheduler = Scheduler([MATH, rest], Rejection(keep=1, max_attempts=4, give_up_below=0.1), settled={"m0": done})
    assert scheduler.next_shard(1) == "m1"
    scheduler.open(rest, ["a"])
    answer(scheduler, scheduler.lease("r", 1), Outcome.INCORRECT)
    assert scheduler.take_decided() == ["m1"]


def test_a_trivial_prompt_gets_fewer_traces_where_the_recipe_says_so() -> None:
    rules = Rejection(keep=4, max_attempts=8, trivial_above=0.9, keep_trivial=2)
    asked = Standing(accepted=0, wrong=0, issued=0, open=0, gain=0.5, pass_rate=0.5, floor=0.0)
    assert adaptive(asked, rules) == 2
    assert adaptive(asked._replace(open=2, issued=2), rules) == 0
    assert adaptive(asked._replace(accepted=2, issued=2, pass_rate=0.95), rules) == 0
    assert adaptive(asked._replace(accepted=2, issued=2, pass_rate=0.8), rules) == 2
    assert adaptive(asked._replace(wrong=2, issued=2, pass_rate=0.3), rules) == 4


def test_a_prompt_that_may_be_hopeless_is_asked_one_attempt_at_a_time() -> None:
    rules = Rejection(keep=4, max_attempts=8)
    asked = Standing(accepted=0, wrong=1, issued=2, open=1, gain=0.05, pass_rate=0.15, floor=0.1)
    assert adaptive(asked, rules) == 0
    assert adaptive(asked._replace(open=0, gain=0.15), rules) == 4


def test_a_domain_of_several_groups_gives_up_the_hopeless_one_first() -> None:
    """Its quota can be filled from the easy group alone: the floor must not follow whichever group was judged last."""
    entry = ShardEntry("m0", Domain.MATH, 400)
    scheduler = Scheduler([entry], Rejection(keep=1, max_attempts=8, quotas={Domain.MATH: 195}))
    assert scheduler.next_shard(1) == "m0"
    scheduler.open(entry, {f"{group}{n}": group for n in range(200) for group in ("easy", "hopeless")})
    attempts: Counter[str] = Counter()
    while handouts := scheduler.lease("r", 8):
        for handout in handouts:
            group = handout.attempt.prompt_id.rstrip("0123456789")
            attempts[group] += 1
            right = group == "easy" and int(handout.attempt.prompt_id.removeprefix("easy")) % 2 == handout.attempt.index
            scheduler.finished(finished(handout.attempt.attempt_id))
            scheduler.judged(handout.attempt.attempt_id, Outcome.CORRECT if right else Outcome.INCORRECT)
    assert scheduler.domains[0].accepted >= 195
    assert attempts["hopeless"] < 300


def all_but_one(rules: Rejection) -> tuple[Scheduler, Handout]:
    """A run of 100 prompts of which one is left in flight."""
    scheduler = opened(rules, prompts=100)
    *others, last = scheduler.lease("a", 100, 100)
    answer(scheduler, others, Outcome.CORRECT)
    return scheduler, last


def test_the_last_prompt_gets_its_next_attempt_before_the_first_is_judged() -> None:
    scheduler, last = all_but_one(Rejection(keep=1, max_attempts=4))
    (hedge,) = scheduler.lease("b", 100, 100)
    assert (hedge.attempt.prompt_id, hedge.attempt.index) == (last.attempt.prompt_id, 1)
    # One in fifty attempts, and no more.
    assert scheduler.lease("b", 100, 100) == []
    answer(scheduler, [hedge], Outcome.CORRECT)
    # The long one is waited for: the corpus takes the first right trace by index.
    assert scheduler.take_decided() == []
    answer(scheduler, [last], Outcome.CORRECT)
    assert scheduler.take_decided() == ["m0"]
    assert scheduler.domains[0].tokens == TokenCounts(kept=1000, surplus=10)


def test_a_long_trace_lost_with_its_replica_is_made_again_and_a_hedge_is_not() -> None:
    scheduler, last = all_but_one(Rejection(keep=1, max_attempts=4))
    (hedge,) = scheduler.lease("b", 100, 100)
    answer(scheduler, [hedge], Outcome.CORRECT)
    scheduler.revoke("a", died=False)
    assert ids(scheduler.lease("c", 100, 100)) == ids([last])

    scheduler, last = all_but_one(Rejection(keep=1, max_attempts=4))
    assert len(scheduler.lease("b", 100, 100)) == 1
    answer(scheduler, [last], Outcome.CORRECT)
    scheduler.revoke("b", died=False)
    assert scheduler.lease("c", 100, 100) == []
    assert scheduler.take_decided() == ["m0"]


@pytest.mark.parametrize("rules", [{"quotas": {Domain.MATH: 100}}, {"token_budget": 10**9}])
def test_nothing_is_hedged_where_another_prompt_can_do_or_the_end_is_not_known(rules: dict[str, object]) -> None:
    scheduler, _ = all_but_one(Rejection.model_validate({"keep": 1, "max_attempts": 4, **rules}))
    assert scheduler.lease("b", 100, 100) == []
    assert scheduler.hedged == 0


def test_while_little_is_known_first_attempts_go_before_others() -> None:
    scheduler = opened(Rejection(keep=1, max_attempts=4, quotas={Domain.MATH: 15}), prompts=20)
    answer(scheduler, scheduler.lease("r", 5), Outcome.INCORRECT)
    assert {handout.attempt.index for handout in scheduler.lease("r", 15)} == {0}


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), short_by=st.integers(0, 20))
def test_no_prompt_is_given_up_for_good_that_the_quota_needs(seed: int, short_by: int) -> None:
    """What a rule gives up in good hope comes back when the hope fails: a quota that can be filled is filled."""
    rng = random.Random(seed)
    right_at = [rng.choice((0, 0, 1, 2, 3, 4, 4)) for _ in range(200)]
    solvable = sum(index < 4 for index in right_at)
    quota = max(1, solvable - short_by)
    scheduler = opened(Rejection(keep=1, max_attempts=4, quotas={Domain.MATH: quota}), prompts=200)
    while handouts := scheduler.lease("r", 16):
        for handout in handouts:
            right = right_at[int(handout.attempt.prompt_id.removeprefix("p"))] == handout.attempt.index
            answer(scheduler, [handout], Outcome.CORRECT if right else Outcome.INCORRECT)
    assert quota <= scheduler.domains[0].accepted <= solvable
    assert scheduler.take_decided() == ["m0"]
