"""Rows of the ledger for tests."""

from tracegen.types import Completion, Domain, FinishReason, Judgement, Outcome


def completion(
    attempt: int = 0, *, shard_id: str = "s", epoch: int = 1, text: str = "<think>\nso\n</think>\n\n4"
) -> Completion:
    prompt_id = f"{attempt // 4:032x}"
    return Completion(
        attempt_id=f"{prompt_id}.{attempt % 4:04d}",
        prompt_id=prompt_id,
        index=attempt % 4,
        shard_id=shard_id,
        domain=Domain.MATH,
        text=text,
        prefill="<think>\n",
        finish_reason=FinishReason.STOP,
        prompt_tokens=12,
        completion_tokens=34,
        temperature=0.6,
        top_p=0.95,
        max_tokens=32_768,
        seed=2**31 - 1,
        engine="simulated",
        engine_version="1",
        model="m",
        revision="r",
        replica_id="replica-0",
        epoch=epoch,
        started_at_s=1_700_000_000.123456,
        wall_s=0.25,
    )


def judgement(of: Completion, *, outcome: Outcome = Outcome.CORRECT, detail: str = "4 = 4") -> Judgement:
    return Judgement(
        attempt_id=of.attempt_id,
        prompt_id=of.prompt_id,
        shard_id=of.shard_id,
        epoch=of.epoch,
        outcome=outcome,
        reason="equal",
        detail=detail,
        verifier="math/1",
        completion_tokens=12,
        cpu_s=0.001,
    )
