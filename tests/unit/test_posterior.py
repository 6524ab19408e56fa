"""Beliefs about pass rates: they are probabilities, they follow the evidence, and groups learn from each other."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracegen.scheduling.posterior import Beliefs

STATES = st.tuples(st.integers(0, 12), st.integers(0, 12))


@settings(deadline=None, max_examples=50)
@given(outcomes=st.lists(st.tuples(STATES, st.booleans()), max_size=40), asked=STATES)
def test_a_gain_is_a_probability_that_grows_with_right_attempts(
    outcomes: list[tuple[tuple[int, int], bool]], asked: tuple[int, int]
) -> None:
    beliefs = Beliefs()
    for state, right in outcomes:
        beliefs.observe("g", state, right=right)
    gain = beliefs.outlook("g").gain
    right, wrong = asked
    assert 0 < gain((right, wrong + 1)) < gain(asked) < gain((right + 1, wrong)) < 1


def answered(beliefs: Beliefs, group: str, alpha: float, beta: float, prompts: int, attempts: int = 4) -> None:
    rng = random.Random(group)
    for _ in range(prompts):
        rate, state = rng.betavariate(alpha, beta), (0, 0)
        for _ in range(attempts):
            right = rng.random() < rate
            beliefs.observe(group, state, right=right)
            state = (state[0] + right, state[1] + (not right))


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.3), (4.0, 1.0), (0.1, 0.9)])
def test_the_prior_of_a_group_is_learnt(alpha: float, beta: float) -> None:
    beliefs = Beliefs()
    answered(beliefs, "g", alpha, beta, 1500)
    for right, wrong in [(0, 0), (0, 1), (0, 3), (1, 0)]:
        expected = (alpha + right) / (alpha + beta + right + wrong)
        assert beliefs.outlook("g").gain((right, wrong)) == pytest.approx(expected, abs=0.06)


def test_stopping_after_the_first_right_attempt_does_not_bias_the_prior() -> None:
    beliefs, rng = Beliefs(), random.Random(1)
    for _ in range(3000):
        rate, wrong = rng.betavariate(0.3, 0.3), 0
        while wrong < 4:
            right = rng.random() < rate
            beliefs.observe("g", (0, wrong), right=right)
            if right:
                break
            wrong += 1
    assert beliefs.outlook("g").gain((0, 0)) == pytest.approx(0.5, abs=0.05)
    assert beliefs.outlook("g").gain((0, 2)) == pytest.approx(0.3 / 2.6, abs=0.04)


def test_a_new_group_starts_from_what_the_others_show() -> None:
    beliefs = Beliefs()
    answered(beliefs, "seen", 0.2, 1.8, 500)
    assert beliefs.outlook("new").gain((0, 0)) < 0.25
    answered(beliefs, "new", 9.0, 1.0, 50)
    assert beliefs.outlook("new").gain((0, 0)) > 0.7


def test_what_an_earlier_driver_saw_counts_as_if_it_were_seen_now() -> None:
    now, recalled = Beliefs(), Beliefs()
    for _ in range(20):
        for state, right in [((0, 0), False), ((0, 1), False), ((0, 2), True)]:
            now.observe("g", state, right=right)
    recalled.recall((1, 2), 20, "g")
    for state in [(0, 0), (0, 3), (2, 0)]:
        assert recalled.outlook("g").gain(state) == pytest.approx(now.outlook("g").gain(state))


def test_much_evidence_finds_a_prior_between_the_points_of_the_grid() -> None:
    beliefs = Beliefs()
    answered(beliefs, "g", 0.274, 0.326, 20_000, attempts=3)
    for wrong in range(3):
        assert beliefs.outlook("g").gain((0, wrong)) == pytest.approx(0.274 / (0.6 + wrong), rel=0.04)
