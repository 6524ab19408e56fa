"""The simulated teacher's draws: shaped as asked, and the same for everybody who asks."""

from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.recipe import Recipe
from tracegen.scheduling.population import Lengths, PassRate, Population, SimulatedTeacher
from tracegen.types import Attempt, Domain, FinishReason, Outcome

RECIPE = Recipe.model_validate(
    {
        "name": "r",
        "prompts": [{"kind": "jsonl", "name": "p", "domain": "math", "path": "p.jsonl"}],
        "teacher": {"engine": "simulated", "model": "m", "sampling": {"max_tokens": 2000}},
    }
)


@given(quantiles=st.lists(st.floats(0, 1), min_size=2, max_size=5), sigma=st.floats(0, 3))
def test_lengths_grow_with_the_quantile_and_stay_in_bounds(quantiles: list[float], sigma: float) -> None:
    lengths = [Lengths(median=500, sigma=sigma, max=4000).at(quantile) for quantile in sorted(quantiles)]
    assert lengths == sorted(lengths)
    assert all(1 <= length <= 4000 for length in lengths)


def draws(population: Population, prompts: int = 1500) -> list[tuple[int, FinishReason, Outcome]]:
    teacher = SimulatedTeacher(population, RECIPE, 10)
    return [teacher.draw(Attempt(f"p{n}", 0), Domain.MATH)[1:] for n in range(prompts)]


def test_medians_and_pass_rates_come_out_as_asked() -> None:
    found = draws(Population(lengths=Lengths(median=300, sigma=0.5), pass_rate=PassRate(alpha=1, beta=3)))
    assert median(tokens for tokens, _, _ in found) == pytest.approx(300, rel=0.08)
    assert fmean(outcome is Outcome.CORRECT for _, _, outcome in found) == pytest.approx(0.25, abs=0.04)


def test_what_would_be_longer_than_the_token_limit_is_cut_and_wrong() -> None:
    found = draws(Population(lengths=Lengths(median=1900, sigma=0.5), pass_rate=PassRate(constant=1)))
    assert max(tokens for tokens, _, _ in found) == 2000
    for tokens, finish_reason, outcome in found:
        assert (tokens == 2000) == (finish_reason is FinishReason.LENGTH) == (outcome is Outcome.INCORRECT)


def test_draws_depend_on_seed_and_attempt_alone() -> None:
    population = Population()
    assert draws(population, 20) == draws(Population(), 20)
    assert draws(population, 20) != draws(Population(seed=1), 20)
