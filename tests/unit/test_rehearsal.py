"""The rehearsal: prompts of any number, and recipes whose numbers are the published ones."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist

import pytest

from tests.filled import plan_prompts
from tracegen.errors import PromptError
from tracegen.prompts.prepare import load_shard
from tracegen.prompts.synthetic import synthetic_rows
from tracegen.recipe import Recipe, SyntheticSource
from tracegen.recipe_file import load_recipe
from tracegen.scheduling.population import Lengths, Population
from tracegen.store import MemoryStore
from tracegen.types import AnswerReference, Domain
from tracegen.verify.math import MathVerifier

RECIPES = Path(__file__).parents[2] / "jobs" / "recipes"
FULL, SMALL = RECIPES / "rehearsal-r1-800k.yaml", RECIPES / "rehearsal-small.yaml"
PUBLISHED = {
    Domain.MATH: (395_285, 6_094.2),
    Domain.CODE: (211_129, 7_435.7),
    Domain.STEM: (10_124, 4_928.8),
    Domain.LOGIC: (10_395, 2_739.0),
    Domain.GENERAL: (177_812, 1_419.8),
}
"""Samples and mean tokens, arXiv 2501.12948v2, table 5."""


def source(**keys: object) -> SyntheticSource:
    return SyntheticSource.model_validate({"kind": "synthetic", "name": "s", "domain": "code", "size": 3_000, **keys})


def test_synthetic_prompts_differ_and_their_answers_are_right() -> None:
    prompts = list(synthetic_rows(source()))
    assert len({prompt.text for prompt in prompts}) == len({prompt.prompt_id for prompt in prompts}) == 3_000
    for prompt in prompts[:100]:
        assert isinstance(prompt.reference, AnswerReference)
        left, _, third = prompt.text.removeprefix("What is ").removesuffix("?").partition(" + ")
        first, _, second = left.partition(" * ")
        assert int(prompt.reference.answer) == int(first) * int(second) + int(third)
        assert MathVerifier().check(prompt.reference) == ""
    assert {(prompt.domain, prompt.licence) for prompt in prompts} == {(Domain.CODE, "CC0-1.0")}


def test_size_and_seed_decide_the_prompts() -> None:
    ids = [prompt.prompt_id for prompt in synthetic_rows(source(size=50))]
    assert ids == [prompt.prompt_id for prompt in synthetic_rows(source(size=60, name="other"))][:50]
    assert not set(ids) & {prompt.prompt_id for prompt in synthetic_rows(source(size=50, seed=1))}


def test_a_plan_of_synthetic_prompts(tmp_path: Path) -> None:
    given = [source(name=f"{domain}-s", domain=domain, size=40).model_dump(mode="json") for domain in ("math", "logic")]
    recipe = Recipe.model_validate({"name": "r", "prompts": given, "teacher": {"engine": "e", "model": "m"}})
    store = MemoryStore()
    plan = plan_prompts(store, recipe, tmp_path, MathVerifier().check)
    assert sorted((shard.domain, shard.prompts) for shard in plan.shards) == [(Domain.LOGIC, 40), (Domain.MATH, 40)]
    assert [entry.fingerprint for entry in plan.manifest.sources] == [{"arithmetic": "size 40, seed 0"}] * 2
    assert all(len(load_shard(store, shard.shard_id)) == 40 for shard in plan.shards)
    with pytest.raises(PromptError, match="cannot be read, row 1: no"):
        plan_prompts(MemoryStore(), recipe, tmp_path, lambda _: "no")


def test_the_rehearsal_has_the_published_mix() -> None:
    recipe = load_recipe(str(FULL)).recipe
    assert recipe.rejection.quotas == {domain: samples for domain, (samples, _) in PUBLISHED.items()}
    assert sum(recipe.rejection.quotas.values()) == 804_745
    population = population_of(recipe)
    for domain, (_, mean) in PUBLISHED.items():
        lengths = population["lengths_by_domain"][domain.value]
        assert mean_below_the_cut(Lengths.model_validate(lengths)) == pytest.approx(mean, rel=1e-4)


def test_there_are_prompts_enough_for_every_quota() -> None:
    recipe = load_recipe(str(FULL)).recipe
    population = population_of(recipe)
    for prompts in recipe.prompts:
        assert isinstance(prompts, SyntheticSource)
        rate = population["pass_rate_by_domain"][prompts.domain.value]
        a, b = rate["alpha"], rate["beta"]
        never = math.prod((b + n) / (a + b + n) for n in range(recipe.rejection.max_attempts))
        solvable = prompts.size * (1 - never)
        assert solvable > 1.05 * recipe.rejection.quotas[prompts.domain], prompts.domain


def test_the_small_rehearsal_is_a_hundredth() -> None:
    full, small = load_recipe(str(FULL)).recipe, load_recipe(str(SMALL)).recipe
    assert small.teacher == full.teacher
    for one, other in zip(small.prompts, full.prompts, strict=True):
        assert isinstance(one, SyntheticSource)
        assert isinstance(other, SyntheticSource)
        assert (one.domain, one.size * 100) == (other.domain, other.size)
    for domain, quota in full.rejection.quotas.items():
        assert small.rejection.quotas[domain] == round(quota / 100)


def test_pass_rates_by_domain() -> None:
    population = Population.model_validate(
        {"pass_rate": {"constant": 0.25}, "pass_rate_by_domain": {"math": {"constant": 0.75}}}
    )
    assert population.pass_rate_of("p", Domain.MATH) == 0.75
    assert population.pass_rate_of("p", Domain.CODE) == population.pass_rate_of("p") == 0.25


def population_of(recipe: Recipe) -> dict[str, dict[str, dict[str, float]]]:
    options: object = recipe.teacher.engines["simulated"]
    assert isinstance(options, dict)
    return options


def mean_below_the_cut(lengths: Lengths, cut: int = 32_768) -> float:
    below = NormalDist().cdf
    z = math.log(cut / lengths.median) / lengths.sigma
    return lengths.median * math.exp(lengths.sigma**2 / 2) * below(z - lengths.sigma) / below(z)


@pytest.mark.slow
def test_a_rehearsal_measured_from_outside(tmp_path: Path) -> None:
    measure = RECIPES.parents[1] / "benchmarks" / "rehearsal" / "measure.py"
    command = [
        sys.executable,
        str(measure),
        str(FULL),
        "--store",
        str(tmp_path),
        "--divide",
        "2000",
        "--every-s",
        "0.2",
    ]
    environment = {**os.environ, "PYTHONPATH": str(RECIPES.parents[1])}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=110, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    quotas = {domain.value: -(-samples // 2000) for domain, (samples, _) in PUBLISHED.items()}
    assert report["rows_by_domain"] == quotas
    assert report["rows"] == sum(quotas.values())
    assert report["attempts"] > report["rows"]
    assert report["objects"]["ledger/completions"]["objects"] == report["objects"]["ledger/verdicts"]["objects"] == 5
    assert "ledger/journal" not in report["objects"]
    [driver] = [process for process in report["processes"] if process["is_driver"]]
    assert 50 < driver["peak_rss_mb"] < 1_500
    assert report["wall_s"] >= report["plan_s"] + report["generate_and_settle_s"] + report["build_s"] - 1
