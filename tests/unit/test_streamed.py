from tracegen.engines.streamed import Streamed
from tracegen.filters.watch import LoopWatch
from tracegen.types import LoopGuard

LOOP = "ha" * 2_000


def event(finish_reason: str | None = None, usage: dict[str, int] | None = None, **delta: str) -> dict[str, object]:
    return {"choices": [{"delta": delta, "finish_reason": finish_reason}], "usage": usage}


def test_a_loop_in_the_reasoning_is_seen() -> None:
    answer = Streamed(LoopWatch(LoopGuard()))
    answer.take(event(role="assistant", reasoning="So "))
    answer.take(event(reasoning=LOOP))
    assert answer.looped
    assert answer.whole["choices"][0]["finish_reason"] == "looped"
    assert answer.whole["usage"] == {"completion_tokens": 2}


def test_a_server_that_counts_as_it_goes_is_believed() -> None:
    answer = Streamed(LoopWatch(LoopGuard()))
    answer.take(event(content=LOOP, usage={"prompt_tokens": 7, "completion_tokens": 900}))
    assert answer.whole["usage"] == {"prompt_tokens": 7, "completion_tokens": 900}


def test_what_has_ended_by_itself_is_not_stopped() -> None:
    answer = Streamed(LoopWatch(LoopGuard()))
    answer.take(event("length", content=LOOP))
    assert not answer.looped
    assert answer.whole["choices"][0]["finish_reason"] == "length"


def test_nobody_watches_unasked() -> None:
    answer = Streamed(None)
    answer.take(event(content=LOOP))
    assert not answer.looped
    assert answer.whole["usage"] is None
