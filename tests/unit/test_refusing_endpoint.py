"""An endpoint that refuses everybody: the run stops and says so, and does not put the recipe's prompts in quarantine."""

from pathlib import Path

import pytest

from tests.servers.openai_double import OpenAIDouble
from tests.simulated_run import first_attempts, placed, recipe_file
from tests.simulated_run import order as simulated_order
from tracegen import quarantine
from tracegen.errors import RecipeError
from tracegen.order import Order
from tracegen.recipe_file import load_recipe
from tracegen.run import run
from tracegen.runtime.pump import REFUSALS

SLOTS = 8


def order(folder: Path, double: OpenAIDouble, prompts: int, *, canary: bool = True) -> Order:
    where = {"canary": {"enabled": canary}}
    recipe = recipe_file(folder, prompts=prompts, rejection={"max_attempts": 1}, where=where)
    sets = ("teacher.engine=openai", "teacher.model=double", f"where.engines.openai.base_url={double.url}")
    return Order(load_recipe(str(recipe), sets), str(folder / "store"))


def test_a_key_that_expires_stops_the_run_and_costs_no_prompt(tmp_path: Path) -> None:
    with OpenAIDouble(failures=[401]).in_a_thread() as double:
        asked = order(tmp_path, double, prompts=16)
        with pytest.raises(RecipeError, match=r"refuses the key: HTTP 401: injected; set the key .* OPENAI_API_KEY"):
            run(asked, lambda _: None)
        assert quarantine.listed(asked.store_uri, asked.recipe.run_id) == []
        summary = run(asked, lambda _: None)
    assert summary.snapshot.domains[0].attempts == 16


def test_what_is_refused_from_the_first_attempt_on_stops_the_run(tmp_path: Path) -> None:
    with OpenAIDouble(failures=[404] * 1000).in_a_thread() as double:
        asked = order(tmp_path, double, prompts=200, canary=False)
        with pytest.raises(RecipeError, match=r"attempts were all refused: .*HTTP 404: injected; mend the teacher"):
            run(asked, lambda _: None)
    assert len(quarantine.listed(asked.store_uri, asked.recipe.run_id)) <= REFUSALS + 2 * SLOTS


def test_an_endpoint_that_refuses_everything_is_found_out_before_a_prompt_is_tried(tmp_path: Path) -> None:
    with OpenAIDouble(failures=[404] * 1000).in_a_thread() as double:
        asked = order(tmp_path, double, prompts=200)
        with pytest.raises(RecipeError, match=r"questions were all refused: .*HTTP 404: injected; mend the teacher"):
            run(asked, lambda _: None)
    assert quarantine.listed(asked.store_uri, asked.recipe.run_id) == []


def test_refusals_among_completions_stop_nothing(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, prompts=2 * REFUSALS, rejection={"max_attempts": 1})
    refused = simulated_order(recipe)
    bad = first_attempts(refused)[: REFUSALS + 1]
    run(placed(refused, always=dict.fromkeys(bad, "refused")), lambda _: None)
    assert len(quarantine.listed(refused.store_uri, refused.recipe.run_id)) == REFUSALS + 1
