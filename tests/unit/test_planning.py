"""What a plan says, and that it writes nothing; whether it comes true is measured in benchmarks/scheduling."""

import json
import random
from pathlib import Path

import pytest

from tracegen.cli import main
from tracegen.planning.estimate import Estimate, estimate
from tracegen.planning.measured import Measured, measured, speed
from tracegen.planning.pilot import pilot_recipe
from tracegen.planning.plan import Asked, plan
from tracegen.planning.world import assumed, assumptions
from tracegen.recipe import Assumed, Recipe, Where
from tracegen.recipe_file import Loaded
from tracegen.types import Attempt, Domain, Lane, Outcome

ROWS = [{"prompt": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return tmp_path


def recipe(engine: str = "simulated", **where: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "r",
            "prompts": [{"kind": "jsonl", "name": "p", "domain": "math", "path": "p.jsonl"}],
            "teacher": {
                "engine": engine,
                "model": "m",
                "prefill": "<think>\n",
                "engines": {"simulated": {"lengths": {"median": 50}, "pass_rate": {"constant": 1}}},
            },
            "where": {"cluster": "local", "slots": 4, **where},
        }
    )


def planned(asked: Recipe, folder: Path, pilot: int = 0) -> Estimate:
    return plan(Asked(Loaded(asked, folder), draws=3, pilot=pilot, store_uri=str(folder / "runs")), lambda _: None)


def test_a_simulated_teacher_is_planned_by_its_options_and_nothing_is_written(folder: Path) -> None:
    found = planned(recipe(), folder)
    assert (found.prompts, found.attempts.middle, found.accepted.middle) == (40, 40, 40)
    assert found.wall_s.low <= found.wall_s.middle <= found.wall_s.high
    assert found.usd is None
    assert [path.name for path in folder.iterdir()] == ["p.jsonl"]


def test_gpu_hours_and_dollars_follow_from_the_wall_time(folder: Path) -> None:
    price = {"usd_per_gpu_hour": 2.5, "start_s": 60.0}
    found = planned(recipe("vllm", replicas=2, gpus_per_replica=8, plan=price), folder)
    assert found.gpu_hours.middle == pytest.approx(found.wall_s.middle * 16 / 3600)
    assert found.usd is not None
    assert found.usd.middle == pytest.approx(2.5 * found.gpu_hours.middle)
    assert found.per_accepted is not None
    assert set(found.per_accepted) == {"attempts", "tokens", "wall_s", "gpu_hours", "usd"}
    assert found.wall_s.low > 60
    assert any("assumed" in line for line in found.basis)


def test_a_large_run_is_reckoned_in_small() -> None:
    asked = recipe("vllm", replicas=4, slots=64).model_copy(update={"prompts_per_shard": 64})
    small = {Lane(Domain.MATH): 2_000}
    whole = estimate(asked, small, [assumed(asked, 0)], ())
    model = asked.where.model_copy(update={"replicas": 100})
    large = estimate(
        asked.model_copy(update={"where": model}),
        {Lane(Domain.MATH): 50_000},
        [assumed(asked, seed) for seed in range(2)],
        (),
    )
    assert large.attempts.middle / 50_000 == pytest.approx(whole.attempts.middle / 2_000, rel=0.1)
    assert large.wall_s.middle == pytest.approx(whole.wall_s.middle, rel=0.25)


def test_a_pilot_measures_with_a_run_of_its_own(folder: Path) -> None:
    found = planned(recipe(), folder, pilot=6)
    assert found.basis[0].startswith("pilot pilot-r-")
    assert "6 prompts" in found.basis[1]
    assert found.accepted.low > 30
    assert any(path.name.startswith("pilot-r-") for path in (folder / "runs").iterdir())


def test_a_pilot_takes_from_each_source_in_proportion() -> None:
    base = recipe()
    (source,) = base.prompts
    both = base.model_copy(update={"prompts": (source, source.model_copy(update={"name": "q"}))})
    few = pilot_recipe(both, 10, {"p": 900, "q": 100})
    assert [one.limit for one in few.prompts] == [9, 1]
    assert few.rejection.policy == "fixed"


def completions(alone: float, half: float, slots: int, number: int) -> list[Measured]:
    """A replica of a few slots that are always full, then run empty, in steps of a second."""
    rng, rows = random.Random(1), []
    running: dict[int, tuple[float, float, int]] = {}
    now, begun = 0.0, 0
    while begun < number or running:
        while begun < number and len(running) < slots:
            tokens = rng.randint(50, 2000)
            running[begun] = (now, tokens, tokens)
            begun += 1
        rate = alone / (1 + len(running) / half)
        step = min(left for _, left, _ in running.values()) / rate
        now += step
        running = {n: (at, left - step * rate, tokens) for n, (at, left, tokens) in running.items()}
        for n in [n for n, (_, left, _) in running.items() if left < 1e-6]:
            at, _, tokens = running.pop(n)
            rows.append(Measured(f"p{n}", Domain.MATH, tokens, at, now - at, Outcome.CORRECT))
    return rows


def test_speed_is_found_from_how_long_completions_took_beside_others() -> None:
    found = speed(completions(alone=100, half=8, slots=16, number=64))
    assert found.tokens_per_s / (1 + 16 / found.half_rate_at) == pytest.approx(100 / 3, rel=0.03)
    assert found.tokens_per_s / (1 + 1 / found.half_rate_at) == pytest.approx(100 / 1.125, rel=0.25)


def test_a_pilot_whose_slots_were_always_full_still_gives_a_speed() -> None:
    rows = [Measured("p", Domain.MATH, 100, 0.0, 10.0, Outcome.CORRECT)] * 4
    found = speed(rows)
    assert found.tokens_per_s / (1 + 4 / found.half_rate_at) == pytest.approx(10)


def test_few_measurements_leave_worlds_that_differ() -> None:
    rows = completions(alone=100, half=8, slots=4, number=12)
    medians = {measured(recipe(), rows, seed).populations[Domain.MATH].lengths.median for seed in range(4)}
    assert len(medians) == 4
    assert measured(recipe(), rows, 0) == measured(recipe(), rows, 0)


def test_the_command_prints_a_table_or_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "r.yaml"
    path.write_text(json.dumps(recipe().model_dump(mode="json")), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(path), "--draws", "2"])
    assert ended.value.code == 0
    assert "per accepted trace" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["plan", str(path), "--draws", "2", "--json", "--set", "where.plan.usd_per_gpu_hour=2"])
    found = json.loads(capsys.readouterr().out)
    assert found["prompts"] == 40
    assert set(found["wall_s"]) == {"middle", "low", "high"}


def test_assumed_lengths_beyond_the_token_limit_are_told() -> None:
    short = {"engine": "openai", "model": "m", "sampling": {"max_tokens": 96}}
    source = {"kind": "synthetic", "name": "sums", "domain": "math", "size": 10}
    recipe = Recipe.model_validate({"name": "short", "prompts": [source], "teacher": short})
    assert "most traces of math (96) are taken to be cut off at max_tokens" in assumptions(recipe)[0]
    known = recipe.model_copy(update={"where": Where(plan=Assumed(mean_tokens={Domain.MATH: 50}))})
    assert not any("cut off" in line for line in assumptions(known))


def test_a_plan_reckons_with_a_domains_own_token_limit() -> None:
    teacher = {"engine": "openai", "model": "m", "max_tokens_by_domain": {"general": 700}}
    sources = [
        {"kind": "synthetic", "name": domain, "domain": domain, "size": 10} for domain in (Domain.MATH, Domain.GENERAL)
    ]
    recipe = Recipe.model_validate({"name": "limits", "prompts": sources, "teacher": teacher})
    drawn = assumed(recipe, 0).teacher(recipe)
    longest = {
        domain: max(drawn.draw(Attempt(f"{n:032x}", 0), domain).completion_tokens for n in range(200))
        for domain in (Domain.MATH, Domain.GENERAL)
    }
    assert longest[Domain.GENERAL] == 700
    assert longest[Domain.MATH] > 10_000
    assert assumptions(recipe)[0].startswith("most traces of general (700) are taken to be cut off")
