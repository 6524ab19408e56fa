import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.servers.openai_double import DROP, OpenAIDouble
from tracegen.engines.openai import OpenAIEngine, OpenAIOptions
from tracegen.engines.simulated import SimulatedOptions
from tracegen.errors import EngineDead, EngineError, MissingDependency, RecipeError, RequestRefused
from tracegen.recipe import Teacher
from tracegen.scheduling.population import Lengths
from tracegen.types import FinishReason, Message, Request, Sampling

TEACHER = Teacher(engine="openai", model="double")


def ask(prefill: str = "", max_tokens: int = 2000, seed: int = 1) -> Request:
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=max_tokens)
    return Request("a" * 32 + ".0000", (Message("user", "2 + 3"),), prefill, sampling, seed)


@asynccontextmanager
async def engine_on(double: OpenAIDouble, **options: object) -> AsyncIterator[OpenAIEngine]:
    async with double.serving():
        asked = OpenAIOptions.model_validate({"base_url": double.url, "first_wait_s": 0.001} | options)
        engine = OpenAIEngine(TEACHER, asked, slots=4)
        await engine.start()
        try:
            yield engine
        finally:
            await engine.close()


@pytest.mark.parametrize("failures", [[429], [500, 503], [DROP], [429, DROP, 502]])
async def test_failures_that_pass_are_tried_again(failures: list[int]) -> None:
    double = OpenAIDouble(failures=list(failures))
    async with engine_on(double) as engine:
        generation = await engine.generate(ask())

    assert generation.finish_reason is FinishReason.STOP
    assert len(double.requests) == len(failures) + 1


async def test_retry_after_is_honoured() -> None:
    double = OpenAIDouble(failures=[429], retry_after="0.3")
    async with engine_on(double) as engine:
        before = asyncio.get_running_loop().time()
        await engine.generate(ask())

        assert asyncio.get_running_loop().time() - before >= 0.3


async def test_tries_are_bounded() -> None:
    double = OpenAIDouble(failures=[500] * 9)
    async with engine_on(double, max_tries=3) as engine:
        with pytest.raises(EngineError, match="HTTP 500: injected, 3 times") as error:
            await engine.generate(ask())

    assert type(error.value) is EngineError
    assert error.value.retryable
    assert len(double.requests) == 3


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("said", [{"error": {"message": "why"}}, {"detail": "why"}, {"error": "why"}])
async def test_a_wrong_request_is_refused_at_once_in_the_servers_words(status: int, said: object) -> None:
    double = OpenAIDouble(failures=[status], error=said)
    async with engine_on(double) as engine:
        with pytest.raises(RequestRefused, match=f"HTTP {status}: why"):
            await engine.generate(ask())

    assert len(double.requests) == 1


async def test_an_endpoint_that_goes_away_is_a_dead_engine() -> None:
    double = OpenAIDouble()
    async with double.serving():
        engine = OpenAIEngine(TEACHER, OpenAIOptions(base_url=double.url, max_tries=2, first_wait_s=0.001), 1)
        await engine.start()
    with pytest.raises(EngineDead, match="cannot reach"):
        await engine.generate(ask())
    await engine.close()


async def test_no_endpoint_at_start() -> None:
    engine = OpenAIEngine(TEACHER, OpenAIOptions(base_url="http://127.0.0.1:9/v1"), 1)

    with pytest.raises(EngineDead, match=r"no OpenAI-compatible endpoint at http://127\.0\.0\.1:9/v1/models"):
        await engine.start()


async def test_a_model_that_is_not_served_is_a_recipe_error() -> None:
    async with OpenAIDouble(models=("other",)).serving() as double:
        engine = OpenAIEngine(TEACHER, OpenAIOptions(base_url=double.url), 1)
        with pytest.raises(RecipeError, match="does not serve 'double'; it serves: other"):
            await engine.start()


async def test_the_key_comes_from_the_named_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "sesame")
    async with engine_on(OpenAIDouble(key="sesame"), api_key_env="TEACHER_KEY") as engine:
        await engine.generate(ask())
    monkeypatch.setenv("TEACHER_KEY", "wrong")
    with pytest.raises(RecipeError, match=r"refuses the key: HTTP 401; set the key .* TEACHER_KEY") as error:
        async with engine_on(OpenAIDouble(key="sesame"), api_key_env="TEACHER_KEY"):
            pass
    assert "wrong" not in str(error.value)


def test_preflight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(RecipeError, match="'base_url' is missing; set where"):
        OpenAIEngine.preflight(TEACHER, OpenAIOptions(), 1)
    with pytest.raises(MissingDependency, match="NO_SUCH_KEY is not set"):
        OpenAIEngine.preflight(TEACHER, OpenAIOptions(base_url="http://x/v1", api_key_env="NO_SUCH_KEY"), 1)


async def test_what_is_sent() -> None:
    double = OpenAIDouble()
    async with engine_on(double, extra_body={"top_k": 20}) as engine:
        await engine.generate(ask(prefill="<think>\n", seed=9))

    assert double.requests == [
        {
            "model": "double",
            "messages": [{"role": "user", "content": "2 + 3"}, {"role": "assistant", "content": "<think>\n"}],
            "temperature": 0.7,
            "top_p": 0.9,
            "max_tokens": 2000,
            "seed": 9,
            "continue_final_message": True,
            "add_generation_prompt": False,
            "top_k": 20,
        }
    ]


async def test_without_prefill_mode_the_text_still_begins_after_the_prefill() -> None:
    double = OpenAIDouble()
    async with engine_on(double, prefill_mode="none") as engine:
        generation = await engine.generate(ask(prefill="<think>\n"))

    assert len(double.requests[0]["messages"]) == 1
    assert "<think>" not in generation.text
    assert "</think>" in generation.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize("prefill", ["", "<think>\n"])
async def test_a_reasoning_field_is_joined_to_the_text_it_was_cut_from(stream: bool, name: str, prefill: str) -> None:
    texts = []
    for field in ("", name):
        async with engine_on(OpenAIDouble(reasoning_field=field), stream=stream) as engine:
            texts.append((await engine.generate(ask(prefill=prefill))).text)

    assert texts[0] == texts[1]


async def test_reasoning_that_was_cut_stays_open() -> None:
    lengths = SimulatedOptions(instant=True, lengths=Lengths(median=100, sigma=0))
    async with engine_on(OpenAIDouble(lengths, reasoning_field="reasoning")) as engine:
        generation = await engine.generate(ask(max_tokens=50))

    assert generation.finish_reason is FinishReason.LENGTH
    assert generation.text.startswith("<think>\n")
    assert "</think>" not in generation.text
