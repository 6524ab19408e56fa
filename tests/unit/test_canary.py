"""The fidelity canary: each lie by itself is caught before a prompt is asked, or soon after, and no honest engine is."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.servers.openai_double import OpenAIDouble
from tests.simulated_run import Left, recipe_file
from tracegen.canary.asking import ask
from tracegen.canary.probes import STORY, probes
from tracegen.canary.prompts import shown
from tracegen.canary.running import Running
from tracegen.engines.openai import OpenAIEngine, OpenAIOptions
from tracegen.engines.simulated import SimulatedEngine, SimulatedOptions
from tracegen.errors import RecipeError, UnfaithfulTeacher
from tracegen.extract import UNTHINKING
from tracegen.order import Order
from tracegen.protocols import Look
from tracegen.recipe import Recipe
from tracegen.recipe_file import load_recipe
from tracegen.run import run
from tracegen.types import FinishReason, Generation, Request, Sampling

TEMPLATE = "<bos><user>{user}<assistant>{prefill}"
LONG = SimulatedOptions.model_validate({"instant": True, "lengths": {"median": 2000, "sigma": 0.3}})
SHORT = SimulatedOptions.model_validate({"instant": True, "lengths": {"median": 100, "sigma": 0.3}})


def recipe(**teacher: Any) -> Recipe:
    where = teacher.pop("where", {})
    return Recipe.model_validate(
        {
            "name": "canary",
            "prompts": [{"kind": "synthetic", "name": "sums", "domain": "math", "size": 8}],
            "teacher": {"engine": "openai", "model": "double", "prefill": "<think>\n", **teacher},
            "where": where,
        }
    )


async def asked(double: OpenAIDouble, given: Recipe) -> int:
    async with double.serving():
        engine = OpenAIEngine(given.teacher, OpenAIOptions(base_url=double.url), 16)
        await engine.start()
        try:
            return await ask(engine, given, "replica-0-1")
        finally:
            await engine.close()


LIES: dict[str, tuple[OpenAIDouble, str]] = {
    "no think prefix in the template": (OpenAIDouble(LONG, template="<bos><user>{user}<assistant>"), "think"),
    "no think prefix, and nobody tells the prompt": (OpenAIDouble(SHORT, unprimed=True), "think"),
    "two think prefixes": (OpenAIDouble(LONG, template=TEMPLATE.replace("{pre", "<think>\n{pre")), "think"),
    "a misprinted think prefix": (OpenAIDouble(LONG, template=TEMPLATE.replace("{prefill}", "<think>/n")), "think"),
    "a doubled BOS": (OpenAIDouble(LONG, template=f"<bos>{TEMPLATE}"), "bos"),
    "a fixed seed": (OpenAIDouble(LONG, fixed_seed=1), "seed"),
    "greedy whatever is asked": (OpenAIDouble(LONG, temperature=0.0), "temperature"),
    "a temperature of its own": (OpenAIDouble(LONG, temperature=1.0), "temperature"),
    "a clip": (OpenAIDouble(LONG, clip=128), "max_tokens"),
    "the reasoning dropped": (OpenAIDouble(LONG, drops_reasoning=True), "reasoning"),
    "the reasoning of finished completions dropped": (OpenAIDouble(SHORT, drops_reasoning=True), "reasoning"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_each_lie_is_caught_at_the_start(lie: str) -> None:
    double, check = LIES[lie]
    with pytest.raises(UnfaithfulTeacher, match=f"replica-0-1 is not the teacher of the recipe: check {check}: ") as e:
        await asked(replace(double, requests=[]), recipe())
    assert "failed as well" not in e.value.message, "this lie, and no other"
    assert f"where.canary.off: {{{check}: the reason}}" in e.value.hint


async def test_a_misprinted_prefill_is_caught() -> None:
    with pytest.raises(UnfaithfulTeacher, match="check think: expected <think> and a line break, seen '<think>/n'"):
        await asked(OpenAIDouble(LONG), recipe(prefill="<think>/n"))


@pytest.mark.parametrize(
    "double",
    [
        OpenAIDouble(LONG),
        OpenAIDouble(SHORT),
        OpenAIDouble(LONG, template=TEMPLATE),
        OpenAIDouble(LONG, reasoning_field="reasoning_content"),
        OpenAIDouble(SHORT, reasoning_field="reasoning"),
    ],
)
async def test_an_honest_server_is_content_and_costs_little(double: OpenAIDouble) -> None:
    assert await asked(double, recipe()) <= 4 * 32 + 4 * 16 + 2 * 256 + 320
    assert len(double.requests) == 11, "nothing is asked twice"


async def test_a_check_is_switched_off_with_a_reason() -> None:
    where = {"canary": {"off": {"seed": "the provider ignores seeds, and its outputs differ all the same"}}}
    assert await asked(OpenAIDouble(LONG, fixed_seed=1), recipe(where=where))


@pytest.mark.parametrize("lie", [{"fixed_seed": 1}, {"temperature": 0.0}])
async def test_at_temperature_zero_all_outputs_may_be_the_same(lie: dict[str, Any]) -> None:
    assert await asked(OpenAIDouble(LONG, **lie), recipe(sampling={"temperature": 0}))


async def test_a_thousand_honest_starts_raise_no_alarm() -> None:
    for number in range(1000):
        random = Random(number)
        options = SimulatedOptions.model_validate(
            {
                "instant": True,
                "seed": number,
                "block_chars": 4096,
                "lengths": {"median": random.choice([20, 40, 300, 6000]), "sigma": random.choice([0, 0.3, 0.8])},
                "fault_probability": {"error": random.choice([0, 0.05])},
            }
        )
        sampling = {
            "temperature": random.choice([0, 0.1, 0.3, 0.6, 1.0]),
            "top_p": random.choice([0.9, 0.95, 1.0]),
            "max_tokens": random.choice([16, 96, 2000, 32_768]),
        }
        prefill = random.choice(["", "<think>\n", "<think>", UNTHINKING])
        given = recipe(engine="simulated", sampling=sampling, prefill=prefill)
        engine = SimulatedEngine(given.teacher, options, 16)
        await engine.start()
        assert await ask(engine, given, f"replica-{number}-1") > 0
        await engine.close()


@cache
def question() -> Request:
    return probes(recipe(), "r", 0)[0].request


def look(**changed: Any) -> Look:
    return replace(Look(f"<bos>{STORY}<think>\n", (7, 8, 9), bos_id=7, wants_bos=True), **changed)


@pytest.mark.parametrize(
    ("seen", "check"),
    [
        (look(token_ids=(7, 7, 8)), "bos"),
        (look(token_ids=(8, 9)), "bos"),
        (look(sampling=question().sampling.model_copy(update={"temperature": 1.0})), "sampling"),
        (look(sampling=question().sampling.model_copy(update={"top_p": 0.5})), "sampling"),
        (look(sampling=question().sampling.model_copy(update={"max_tokens": 20})), "max_tokens"),
    ],
)
def test_what_an_engine_tells_of_itself(seen: Look, check: str) -> None:
    assert [finding.check for finding in shown(question(), seen)] == [check]


@pytest.mark.parametrize(
    "seen",
    [
        look(),
        look(token_ids=(7, 8, 7), text=f"<think>an example</think>{STORY}<think>\n"),
        look(token_ids=(8, 9), wants_bos=False),
        look(text="a template that rewrites what the user says, <think> in its examples <think>"),
        look(sampling=question().sampling.model_copy(update={"max_tokens": 29})),
    ],
)
def test_what_an_engine_may_tell_of_itself(seen: Look) -> None:
    assert shown(question(), seen) == []


def completion(number: int, **changed: Any) -> tuple[Request, Generation]:
    request = replace(question(), attempt_id=f"{number // 4}.{number % 4:04d}", sampling=SAMPLING)
    text = f"thought {number}" * 40 + "\n</think>\n\nAnswer"
    generation = Generation(text, FinishReason.STOP, 50, 150, SAMPLING)
    return request, replace(generation, **changed)


SAMPLING = Sampling(max_tokens=400)
BEGINNINGS: dict[str, tuple[Callable[[int], dict[str, Any]], str, int]] = {
    "temperature": (lambda _: {"sampling": SAMPLING.model_copy(update={"temperature": 1.0})}, "sampling", 2),
    "clip": (lambda _: {"finish_reason": FinishReason.LENGTH, "completion_tokens": 128}, "max_tokens", 4),
    "think": (lambda n: {"text": f"<think>\n{n}" * 90 + "</think>\n\nAnswer"}, "think", 16),
    "dropped": (lambda _: {"text": "The answer."}, "reasoning", 16),
    "unclosed": (lambda n: {"text": f"no thought {n}" * 20}, "reasoning", 128),
    "repeated": (lambda n: {"text": f"thought {n // 4}" * 40 + "\n</think>\n\nAnswer"}, "seed", 44),
    "abort": (lambda _: {"finish_reason": FinishReason.ABORT}, "finish", 32),
    "length": (lambda _: {"finish_reason": FinishReason.LENGTH, "completion_tokens": 400}, "finish", 256),
}


@pytest.mark.parametrize("lie", BEGINNINGS)
def test_a_replica_that_starts_to_lie_is_caught_soon(lie: str) -> None:
    changed, check, within = BEGINNINGS[lie]
    running = Running()
    for number in range(400):
        assert not list(running.see(*completion(number)))
    for number in range(400, 400 + within):
        found = list(running.see(*completion(number, **changed(number))))
        if found:
            break
    assert [finding.check for finding, _ in found] == [check]
    assert f"{number // 4}.{number % 4:04d}" in found[0][1]


def test_honest_completions_raise_no_alarm() -> None:
    for seed in range(100):
        random, running = Random(seed), Running()
        for number in range(1000):
            request, generation = completion(number)
            prompt = random.choice([20, 500, 9000])
            if random.random() < 0.5:
                generation = replace(generation, finish_reason=FinishReason.LENGTH, completion_tokens=400)
            elif random.random() < 0.5:
                generation = replace(generation, text="</think>".join(["short"] * random.randint(1, 2)))
                generation = replace(generation, completion_tokens=6)
            assert not list(running.see(request, replace(generation, prompt_tokens=prompt)))


def order(folder: Path, double: OpenAIDouble, **where: Any) -> Order:
    file = recipe_file(folder, prompts=64, where=where, rejection={"max_attempts": 1})
    sets = ("teacher.engine=openai", "teacher.model=double", f"where.engines.openai.base_url={double.url}")
    return Order(load_recipe(str(file), sets), str(folder / "store"))


def test_a_lying_server_stops_the_run_before_a_prompt_is_asked(tmp_path: Path) -> None:
    with OpenAIDouble(LONG, fixed_seed=1).in_a_thread() as double:
        given = order(tmp_path, double)
        with pytest.raises(UnfaithfulTeacher, match=r"check seed: .*tokens spent on asking, none on a prompt"):
            run(given, lambda _: None)
    said = [request["messages"][-1]["content"] for request in double.requests]
    assert not [text for text in said if text.startswith("What is")]
    assert not Left(given).durable()


def test_a_server_that_starts_to_lie_stops_the_run_and_what_it_said_is_on_record(tmp_path: Path) -> None:
    with OpenAIDouble(SHORT, drops_reasoning=True, lies_after=30).in_a_thread() as double:
        given = order(tmp_path, double)
        with pytest.raises(UnfaithfulTeacher, match=r"check reasoning: .*its last attempts: ") as stopped:
            run(given, lambda _: None)
    named = stopped.value.message.partition("its last attempts: ")[2].rstrip(")").split(", ")
    assert len(named) == 8
    assert set(named) <= Left(given).durable()


def test_without_a_canary_nothing_is_asked_but_prompts(tmp_path: Path) -> None:
    with OpenAIDouble(SHORT, drops_reasoning=True).in_a_thread() as double:
        run(order(tmp_path, double, canary={"enabled": False}), lambda _: None)
    assert len(double.requests) == 64


def test_a_check_is_not_switched_off_without_a_reason(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="canary"):
        order(tmp_path, OpenAIDouble(), canary={"off": {"seed": ""}})
