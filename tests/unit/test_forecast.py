"""What a give-up rule yields, and which is the strictest that still fills a quota."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.recipe import Rejection
from tracegen.scheduling.forecast import Gain, Group, best_floor, expected


def beta(a: float, b: float) -> Gain:
    return lambda state: (a + state[0]) / (a + b + state[0] + state[1])


def always(chance: float) -> Gain:
    return lambda _: chance


def test_the_yield_of_a_prompt_with_a_known_pass_rate() -> None:
    found = expected(always(0.5), Rejection(keep=1, max_attempts=3), 0.0)
    assert found == pytest.approx(1 - 0.5**3)


def test_a_floor_above_every_gain_leaves_the_first_attempt() -> None:
    assert expected(always(0.5), Rejection(keep=1, max_attempts=3), 1.0) == pytest.approx(0.5)


@given(
    floors=st.lists(st.floats(0, 1), min_size=2, max_size=6),
    keep=st.integers(1, 3),
    extra=st.integers(0, 5),
    a=st.floats(0.05, 5),
    b=st.floats(0.05, 5),
)
def test_a_higher_floor_never_yields_more(floors: list[float], keep: int, extra: int, a: float, b: float) -> None:
    rules = Rejection(keep=keep, max_attempts=keep + extra)
    yields = [expected(beta(a, b), rules, floor) for floor in sorted(floors)]
    for lower, higher in pairwise(yields):
        assert higher <= lower + 1e-9


@given(
    wanted=st.floats(0, 400),
    keep=st.integers(1, 3),
    extra=st.integers(0, 5),
    share=st.floats(0, 1),
    a=st.floats(0.05, 5),
)
def test_the_best_floor_reaches_what_is_wanted_where_any_does(
    wanted: float, keep: int, extra: int, share: float, a: float
) -> None:
    rules = Rejection(keep=keep, max_attempts=keep + extra)
    groups = [
        Group(beta(a, 0.5), {(0, 0): 100 * share, (0, 1): 20}),
        Group(beta(0.1, 0.9), {(0, 0): 100 * (1 - share)}),
    ]

    def gives(floor: float) -> float:
        return sum(
            prompts * expected(group.gain, rules, floor, state)
            for group in groups
            for state, prompts in group.prompts.items()
        )

    floor = best_floor(groups, rules, wanted)
    if gives(0.0) >= wanted:
        assert gives(floor) >= wanted
        assert gives(min(1.0, floor + 1e-9)) <= gives(floor)
    else:
        assert floor == 0.0


def test_easy_groups_are_retried_before_hopeless_ones() -> None:
    rules = Rejection(keep=1, max_attempts=4)
    easy, hopeless = beta(2.0, 1.0), beta(0.02, 2.0)
    floor = best_floor([Group(easy, {(0, 0): 100}), Group(hopeless, {(0, 0): 100})], rules, wanted=80)
    assert hopeless((0, 1)) < floor <= easy((0, 1))
