r"""The judge's protocol, ``judge/1``: settles what verifiers left undecided, and answers with a rubric. Decides no more.

CORRECT takes four replies that agree: two wordings call the answer correct, and two control questions, with the same
answer and a standard known to be wrong, are called incorrect. A judge that agrees to everything, or that the answer
has talked into agreeing, agrees to those as well. INCORRECT takes two. Anything else stays undecided, with a reason.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tracegen.errors import EngineError, RequestRefused, VerifierError
from tracegen.protocols import Engine
from tracegen.recipe import Judge, JudgePlace
from tracegen.types import FinishReason, Outcome, Reference, Request, Trace, Verdict, attempt_seed
from tracegen.verify.judge import exam
from tracegen.verify.judge.brief import Brief, brief, may_be_asked
from tracegen.verify.judge.calls import Calls
from tracegen.verify.judge.guard import refusal
from tracegen.verify.judge.reply import Reply, read
from tracegen.verify.judge.twins import twins
from tracegen.verify.judge.wording import Wording, published, reversed_order

VERSION = "judge/1"
ANALYSIS_SHOWN = 200
UNDECIDED = Outcome.UNDECIDED

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A judge, and how to reach it; picklable."""

    judge: Judge
    make_engine: Callable[[], Engine]
    place: JudgePlace


@dataclass(frozen=True, slots=True)
class Appeal:
    """A case with its verifier's verdict, which may be handed on to the judge."""

    case_id: str
    question: str
    reference: Reference
    trace: Trace
    verifier: str
    """Name and version of who gave the verdict."""
    verdict: Verdict


@dataclass(slots=True)
class _Cost:
    calls: int = 0
    tokens: int = 0

    def __str__(self) -> str:
        return f"{self.calls} calls, {self.tokens} tokens"


class Panel:
    """One judge, asked in several ways. Belongs to the event loop it was started on."""

    def __init__(self, spec: JudgeSpec) -> None:
        self._judge = spec.judge
        self._deadline_s = spec.place.deadline_s
        self.calls = Calls(spec.make_engine, spec.place.slots)

    @property
    def name(self) -> str:
        """Protocol and model, as ``judge/1:Qwen/Qwen3-32B``."""
        return f"{VERSION}:{self._judge.model}"

    async def start(self) -> None:
        """Start the engine and examine the judge.

        Raises VerifierError when it does not start, cannot be asked or fails the exam; UserError as the engine does.
        """
        try:
            await self.calls.start()
        except EngineError as error:
            raise VerifierError(f"the judge {self._judge.model} did not start: {error.message}") from error
        try:
            if why := await self.examined():
                raise VerifierError(
                    f"the judge {self._judge.model} failed its exam: {why}",
                    hint="choose another judge, or leave it out: what is undecided is then dropped",
                )
        except BaseException:
            await self.calls.close()
            raise

    async def close(self) -> None:
        """Close the engine. Idempotent."""
        await self.calls.close()

    async def examined(self) -> str:
        """Why this judge is unfit, or an empty string. Raises VerifierError when it cannot be asked."""
        cases = [*exam.RIGHT, *exam.WRONG]
        cost = _Cost()
        try:
            async with asyncio.timeout(self._deadline_s):
                replies = await _together(
                    [self._ask(case, (published, reversed_order)[at % 2], cost) for at, case in enumerate(cases)]
                )
        except (EngineError, TimeoutError) as error:
            why = str(error) or f"no reply within {self._deadline_s:g} s"
            raise VerifierError(f"the judge {self._judge.model} could not be examined: {why}") from error
        return exam.failed(replies[: len(exam.RIGHT)], replies[len(exam.RIGHT) :])

    async def settle(self, appeals: Sequence[Appeal]) -> list[tuple[str, Verdict]]:
        """Verifier and verdict of each case, in order: the judge's where it was asked, else as they came."""
        return await _together([self._settled(appeal) for appeal in appeals])

    async def _settled(self, appeal: Appeal) -> tuple[str, Verdict]:
        before = appeal.verdict
        as_it_came = appeal.verifier, before
        if not may_be_asked(self._judge.settles, appeal.reference, before):
            return as_it_came
        case = brief(appeal.case_id, appeal.question, appeal.reference, appeal.trace)
        if case is None:
            return as_it_came
        verdict = await self.verdict(case)
        detail = f"after {appeal.verifier} {before.reason}: {verdict.detail}"
        return self.name, Verdict(verdict.outcome, verdict.reason, detail, before.cpu_s)

    async def verdict(self, case: Brief) -> Verdict:
        """The judge's own verdict on one case. Never raises for what an engine or a reply may do."""
        if refused := refusal(case):
            return Verdict(UNDECIDED, *refused)
        cost = _Cost()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._by_protocol(case, cost)
        except RequestRefused as error:
            return Verdict(UNDECIDED, "judge_refused", f"{cost}; {error.message[:ANALYSIS_SHOWN]}")
        except EngineError as error:
            return Verdict(UNDECIDED, "judge_unavailable", f"{cost}; {error.message[:ANALYSIS_SHOWN]}")
        except TimeoutError:
            return Verdict(UNDECIDED, "judge_unavailable", f"{cost}; not settled within {self._deadline_s:g} s")

    async def _by_protocol(self, case: Brief, cost: _Cost) -> Verdict:
        replies = await _together([self._ask(case, way, cost) for way in (published, reversed_order)])
        said = [reply for reply in replies if reply is not None]
        if len(said) < len(replies):
            return Verdict(UNDECIDED, "judge_unreadable", str(cost))
        detail = f"{cost}; {said[0].analysis[:ANALYSIS_SHOWN]}"
        if said[0].correct != said[1].correct:
            return Verdict(UNDECIDED, "judge_disagrees", detail)
        if not said[0].correct:
            return Verdict(Outcome.INCORRECT, "judged", detail)
        wrong, wrong_too = twins(case)
        controls = await _together([self._ask(wrong, reversed_order, cost), self._ask(wrong_too, published, cost)])
        detail = f"{cost}; {said[0].analysis[:ANALYSIS_SHOWN]}"
        if any(reply is None or reply.correct for reply in controls):
            return Verdict(UNDECIDED, "judge_control", detail)
        return Verdict(Outcome.CORRECT, "judged", detail)

    async def _ask(self, case: Brief, way: Wording, cost: _Cost) -> Reply | None:
        """One reply; None where it cannot be read, or was cut off."""
        request = Request(
            attempt_id=case.case_id,
            messages=way(case),
            prefill="",
            sampling=self._judge.sampling,
            seed=attempt_seed(0, ascii((case.case_id, case.standard, way.__name__))),
        )
        generation = await self.calls.ask(request)
        cost.calls += 1
        cost.tokens += generation.prompt_tokens + generation.completion_tokens
        return read(generation.text) if generation.finish_reason is FinishReason.STOP else None


async def _together(calls: Sequence[Awaitable[T]]) -> list[T]:
    """All results, in order. Raises the first error once every call has ended, so that none is left behind."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
