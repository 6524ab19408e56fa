from collections.abc import Sequence

import pytest

from tracegen.errors import RecipeError, VerifierError
from tracegen.filter_options import Filters
from tracegen.filters.sieve import Sieve
from tracegen.protocols import Payload
from tracegen.types import (
    AnswerReference,
    Completion,
    Domain,
    FinishReason,
    NoReference,
    Outcome,
    Reference,
    Verdict,
)
from tracegen.verify.completions import judge_completions
from tracegen.verify.host import VerifierHost
from tracegen.verify.math import MathVerifier
from tracegen.verify.pool import Case
from tracegen.verify.spec import HostSpec, build_verifiers
from tracegen.verify.verdict_set import verdict_set

STOP, LENGTH, ABORT = FinishReason.STOP, FinishReason.LENGTH, FinishReason.ABORT


def completion(text: str, prompt: str = "p", finish: FinishReason = STOP) -> Completion:
    return Completion(
        attempt_id=f"{prompt}.0000", prompt_id=prompt, index=0, shard_id="s", domain=Domain.MATH, text=text,
        prefill="<think>\n", finish_reason=finish, prompt_tokens=1, completion_tokens=1, temperature=0.6, top_p=0.95,
        max_tokens=9, seed=1, engine="simulated", engine_version="1", model="m", revision="", replica_id="r", epoch=1,
        started_at_s=0.0, wall_s=0.0,
    )  # fmt: skip


class AllCorrect:
    """Judges every case correct, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Case] = []

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        self.asked.extend(cases)
        return [Verdict(Outcome.CORRECT, "equal")] * len(cases)


REFERENCES: dict[str, Reference] = {"p": AnswerReference(answer="5"), "n": NoReference()}


@pytest.mark.parametrize(
    ("given", "outcome", "reason", "verifier"),
    [
        (completion(r"a</think>\boxed{5}"), Outcome.CORRECT, "equal", "math/1"),
        (completion("a", finish=LENGTH), Outcome.INCORRECT, "truncated", "extract/1"),
        (completion("a"), Outcome.INCORRECT, "no_think_close", "extract/1"),
        (completion("a</think>b", finish=ABORT), Outcome.UNDECIDED, "aborted", "extract/1"),
        (completion("a</think>b", "n"), Outcome.UNDECIDED, "no_verifier", "none/1"),
        (completion("a</think>b", "unknown"), Outcome.UNDECIDED, "no_reference", "none/1"),
    ],
)
async def test_what_happens_to_a_completion(given: Completion, outcome: Outcome, reason: str, verifier: str) -> None:
    (judgement,) = await judge_completions(AllCorrect(), {"answer": MathVerifier()}, [given], REFERENCES)
    assert (judgement.outcome, judgement.reason, judgement.verifier) == (outcome, reason, verifier)
    assert (judgement.attempt_id, judgement.shard_id) == (given.attempt_id, "s")


async def test_only_traces_reach_the_pool_and_order_is_kept() -> None:
    texts = ["a</think>b", "cut", "c</think>d"]
    pool = AllCorrect()
    judged = await judge_completions(pool, {"answer": MathVerifier()}, [completion(text) for text in texts], REFERENCES)
    assert [judgement.reason for judgement in judged] == ["equal", "no_think_close", "equal"]
    assert [case.trace.answer for case in pool.asked] == ["b", "d"]


async def test_a_host_judges_a_payload() -> None:
    host = VerifierHost(HostSpec({"answer": "math"}), processes=1)
    await host.start()
    given = [completion(r"a</think>\boxed{\sqrt{25}}"), completion(r"a</think>\boxed{6}")]
    judged = await host.judge(Payload(given), REFERENCES)
    await host.close()
    await host.close()
    assert [judgement.outcome for judgement in judged] == [Outcome.CORRECT, Outcome.INCORRECT]


async def test_a_host_that_is_not_started_says_so() -> None:
    with pytest.raises(VerifierError, match="not started"):
        await VerifierHost(HostSpec({"answer": "math"})).judge(Payload([]), {})


def test_a_verifier_that_does_not_read_the_kind_is_refused() -> None:
    with pytest.raises(RecipeError, match="does not read references of kind 'procedural'; it reads: answer"):
        build_verifiers({"procedural": "math"})
    with pytest.raises(RecipeError, match="unknown verifier 'maths'; did you mean 'math'"):
        build_verifiers({"answer": "maths"})


def test_another_configuration_is_another_verdict_set() -> None:
    usual = verdict_set(build_verifiers({"answer": "math", "procedural": "logic"}))
    assert usual == verdict_set(build_verifiers({"procedural": "logic", "answer": "math"}))
    assert usual.startswith("math-1_logic-1-")
    assert set(usual) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.")
    names = {usual, verdict_set({}), verdict_set({"answer": MathVerifier()})}
    names.add(verdict_set({"answer": MathVerifier(answer_from="box_or_last_line")}))
    assert len(names) == 4


async def test_what_a_filter_leaves_out_is_undecided_and_reaches_no_verifier() -> None:
    texts = ["Half of ten is five, as two times five is ten again.</think>\\boxed{5}", "a</think>\\boxed{5}", "cut"]
    pool, sieve = AllCorrect(), Sieve(Filters(mixed_languages=None))
    given = [completion(text) for text in texts]
    judged = await judge_completions(pool, {"answer": MathVerifier()}, given, REFERENCES, sieve=sieve)
    assert [(judgement.outcome, judgement.reason, judgement.verifier) for judgement in judged] == [
        (Outcome.CORRECT, "equal", "math/1"),
        (Outcome.UNDECIDED, "filtered:thin_reasoning", "filters/1"),
        (Outcome.INCORRECT, "no_think_close", "extract/1"),
    ]
    assert judged[1].detail == "reasoning of 1 words: 'a'"
    assert len(pool.asked) == 1


async def test_a_host_filters_as_its_recipe_says() -> None:
    host = VerifierHost(HostSpec({"answer": "math"}, filters=Filters(mixed_languages=None)))
    await host.start()
    [judged] = await host.judge(Payload([completion(r"a</think>\boxed{5}")]), REFERENCES)
    await host.close()
    assert judged.reason == "filtered:thin_reasoning"
