import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import pytest

from tracegen.engines.decoding import Decoder
from tracegen.engines.simulated import SimulatedEngine, SimulatedOptions, wrong_answer
from tracegen.errors import EngineDead, EngineError, RecipeError, RequestRefused
from tracegen.recipe import Teacher
from tracegen.scheduling.population import Lengths, PassRate
from tracegen.types import Attempt, Domain, FinishReason, Generation, Message, Request, Sampling

TEACHER = Teacher(engine="simulated", model="m")


def ask(prompt: int, index: int = 0, *, domain: Domain | None = None, hint: str = "42", limit: int = 9999) -> Request:
    return Request(
        attempt_id=Attempt(f"{prompt:032x}", index).attempt_id,
        messages=(Message("user", "2 + 3"),),
        prefill="<think>\n",
        sampling=Sampling(max_tokens=limit),
        seed=prompt * 1000 + index,
        domain=domain,
        hint=hint,
    )


@asynccontextmanager
async def running(**options: object) -> AsyncIterator[SimulatedEngine]:
    engine = SimulatedEngine(TEACHER, SimulatedOptions.model_validate({"instant": True} | options), slots=4)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


def answer(generation: Generation) -> str:
    return generation.text.rpartition("\\boxed{")[2].removesuffix("}.")


async def test_a_trace_looks_like_a_trace() -> None:
    async with running(pass_rate={"constant": 1}) as engine:
        generation = await engine.generate(ask(1))

    assert generation.text.count("</think>") == 1
    assert "<think>" not in generation.text, "the prefill has it"
    assert generation.text.endswith("\n</think>\n\nThe answer is \\boxed{42}.")
    assert len(generation.text) == pytest.approx(generation.completion_tokens * 3.4, abs=60)


async def test_the_same_options_give_the_same_text_in_any_order() -> None:
    async with running() as one, running() as other:
        first = [await one.generate(ask(i)) for i in range(20)]
        backwards = [await other.generate(ask(i)) for i in reversed(range(20))]
    async with running(seed=1) as third:
        different = [await third.generate(ask(i)) for i in range(20)]

    assert first == backwards[::-1]
    assert first != different
    assert len({generation.text for generation in first}) == 20


async def test_lengths_follow_the_domain() -> None:
    by_domain = {"math": Lengths(median=400, sigma=0.5), "code": Lengths(median=50, sigma=0)}
    async with running(lengths_by_domain=by_domain) as engine:
        maths = [(await engine.generate(ask(i, domain=Domain.MATH))).completion_tokens for i in range(400)]
        code = {(await engine.generate(ask(i, domain=Domain.CODE))).completion_tokens for i in range(9)}

    assert median(maths) == pytest.approx(400, rel=0.15)
    assert code == {50}


async def test_a_prompt_keeps_its_pass_rate() -> None:
    async with running(pass_rate=PassRate(alpha=0.3, beta=0.3)) as engine:
        rates = [
            sum([answer(await engine.generate(ask(prompt, index))) == "42" for index in range(40)]) / 40
            for prompt in range(40)
        ]

    assert min(rates) < 0.1
    assert max(rates) > 0.9


async def test_a_length_beyond_the_limit_is_cut_without_a_closing_tag() -> None:
    async with running(lengths={"median": 100, "sigma": 0}) as engine:
        cut = await engine.generate(ask(1, limit=60))

    assert (cut.finish_reason, cut.completion_tokens) == (FinishReason.LENGTH, 60)
    assert "</think>" not in cut.text


async def test_planned_faults_happen_in_order_and_then_end(tmp_path: Path) -> None:
    request = ask(1)
    async with running(faults={request.attempt_id: ["error", "refused", "error"]}) as engine:
        for kind in (EngineError, RequestRefused, EngineError):
            with pytest.raises(kind, match=request.attempt_id):
                await engine.generate(request)
        assert await engine.generate(request)


async def test_a_planned_death_happens_once_although_the_replica_is_new(tmp_path: Path) -> None:
    request, log = ask(1), str(tmp_path / "requests.jsonl")
    async with running(faults={request.attempt_id: ["dead"]}, request_log=log) as engine:
        with pytest.raises(EngineDead):
            await engine.generate(request)
        with pytest.raises(EngineDead):
            await engine.generate(ask(2))
    async with running(faults={request.attempt_id: ["dead"]}, request_log=log) as engine:
        assert await engine.generate(request)


async def test_a_death_takes_all_that_is_in_flight_along() -> None:
    async with running(instant=False, always={ask(9).attempt_id: "dead"}) as engine:
        others = [asyncio.create_task(engine.generate(ask(i))) for i in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(EngineDead):
            await engine.generate(ask(9))
        results = await asyncio.gather(*others, return_exceptions=True)

    assert all(isinstance(result, EngineDead) for result in results)


async def test_a_hang_ends_with_the_engine() -> None:
    async with running(always={ask(1).attempt_id: "hang"}) as engine:
        hanging = asyncio.create_task(engine.generate(ask(1)))
        await asyncio.sleep(0.01)
        assert not hanging.done()
        assert engine.produced_tokens == 0
    with pytest.raises(EngineDead):
        await hanging


async def test_faults_by_chance_are_as_frequent_as_asked() -> None:
    async with running(fault_probability={"error": 0.3}) as engine:
        results = await asyncio.gather(*(engine.generate(ask(i)) for i in range(500)), return_exceptions=True)

    assert sum(isinstance(result, EngineError) for result in results) == pytest.approx(150, abs=40)


async def test_every_request_is_logged(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    async with running(request_log=str(log)) as engine:
        for i in (1, 2, 1):
            await engine.generate(ask(i))
    lines = [json.loads(line) for line in log.read_text().splitlines()]

    assert [line["attempt_id"] for line in lines] == [ask(i).attempt_id for i in (1, 2, 1)]
    assert set(lines[0]) == {"attempt_id", "at_s", "pid"}


def test_preflight_misses_the_folder_of_the_log() -> None:
    with pytest.raises(RecipeError, match="no folder for request_log"):
        SimulatedEngine.preflight(TEACHER, SimulatedOptions(request_log="/no/such/folder/log"), 1)


@pytest.mark.parametrize("right", ["42", "-3", "0.5", "Yes", "False", "x^2", "Amelia is a hero", ""])
@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
def test_a_wrong_answer_is_wrong(right: str, drawn: float) -> None:
    assert wrong_answer(right, drawn) not in ("", right)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that does not wait for its timers: its clock jumps to the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        real_select = self._selector.select

        def select(timeout: float | None) -> object:
            self._now += timeout or 0.0
            return real_select(0)

        self._selector.select = select

    def time(self) -> float:
        return self._now


def test_sequences_share_the_processor() -> None:
    """Alone: 1000 / (1 + 1/2) tokens/s. Two at once: 1000 / (1 + 2/2) each."""

    async def scenario() -> None:
        decoder = Decoder(slots=2, tokens_per_s=1000, half_rate_at=2, time_scale=1)
        loop = asyncio.get_running_loop()

        async def timed(tokens: int) -> float:
            start = loop.time()
            await decoder.decode(tokens)
            return loop.time() - start

        assert await timed(100) == pytest.approx(0.15)
        assert await asyncio.gather(timed(100), timed(100)) == pytest.approx([0.2, 0.2])
        assert await asyncio.gather(timed(50), timed(100)) == pytest.approx([0.1, 0.175])
        assert await asyncio.gather(timed(50), timed(50), timed(60)) == pytest.approx([0.1, 0.1, 0.19])
        assert decoder.tokens == 100 + 200 + 150 + 160

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scenario())


async def test_cancelling_a_sequence_gives_its_slot_to_the_next() -> None:
    decoder = Decoder(slots=1, tokens_per_s=1000, half_rate_at=1e9, time_scale=1)
    long = asyncio.create_task(decoder.decode(100_000))
    waiting = asyncio.create_task(decoder.decode(10))
    await asyncio.sleep(0.02)
    long.cancel()
    async with asyncio.timeout(2):
        await waiting
    assert 20 <= decoder.tokens < 1000
