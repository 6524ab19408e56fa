"""A run's prompts and settled ledger, made up: for tests of what is built from them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracegen.ledger.layout import completions_key, verdicts_key
from tracegen.ledger.schema import completions_to_table, judgements_to_table, write_parquet
from tracegen.prompts.prepare import Plan, load_shard, planned, write_plan
from tracegen.protocols import Store
from tracegen.recipe import Recipe
from tracegen.types import Attempt, Completion, FinishReason, Judgement, Outcome, Prompt, Reference, attempt_seed

SET = "math-1"
INSTRUCTION = r"Put your final answer within \boxed{}."
Judge = Callable[[Prompt, int], Outcome]


def plan_prompts(store: Store, of: Recipe, base: Path, check: Callable[[Reference], str]) -> Plan:
    """The run's plan, found or made, as the start of a run does it."""
    found = planned(store, of, base, check)
    return found if isinstance(found, Plan) else write_plan(store, found)


def recipe(**keys: Any) -> Recipe:
    given = {
        "name": "r",
        "prompts": [
            {"kind": "jsonl", "name": "sums", "domain": "math", "path": "sums.jsonl", "licence": "MIT"},
            {"kind": "jsonl", "name": "riddles", "domain": "logic", "path": "riddles.jsonl"},
        ],
        "teacher": {"engine": "e", "model": "m", "instruction": {"math": INSTRUCTION}, "prefill": "<think>\n"},
        "prompts_per_shard": 8,
        "rejection": {"keep": 1, "max_attempts": 4},
        **keys,
    }
    return Recipe.model_validate(given)


def every_third(prompt: Prompt, index: int) -> Outcome:
    return tuple(Outcome)[(int(prompt.prompt_id[:4], 16) + index) % 3]


def completion(prompt: Prompt, shard_id: str, index: int) -> Completion:
    attempt = Attempt(prompt.prompt_id, index)
    return Completion(
        attempt_id=attempt.attempt_id,
        prompt_id=prompt.prompt_id,
        index=index,
        shard_id=shard_id,
        domain=prompt.domain,
        text=f"so {index}\n\nthen é\n</think>\n\nIt is \\boxed{{{index}}}.",
        prefill="<think>\n",
        finish_reason=FinishReason.STOP,
        prompt_tokens=10,
        completion_tokens=20 + index,
        temperature=0.6,
        top_p=0.95,
        max_tokens=100,
        seed=attempt_seed(0, attempt.attempt_id),
        engine="e",
        engine_version="1",
        model="m",
        revision="abc",
        replica_id="r0",
        epoch=1,
        started_at_s=0.0,
        wall_s=1.0,
    )


def judgement(prompt: Prompt, shard_id: str, index: int, outcome: Outcome) -> Judgement:
    reason = {"correct": "equal", "incorrect": "different"}.get(outcome, "timeout")
    name = Attempt(prompt.prompt_id, index).attempt_id
    return Judgement(
        attempt_id=name,
        prompt_id=prompt.prompt_id,
        shard_id=shard_id,
        epoch=1,
        outcome=outcome,
        reason=reason,
        detail="",
        verifier="math/1",
        completion_tokens=20 + index,
        cpu_s=0.0,
    )


def fill(
    store: Store, base: Path, of: Recipe, judge: Judge = every_third, *, prompts: int = 20, attempts: int = 4
) -> None:
    """A run's prompts and settled ledger."""
    for name in ("sums", "riddles"):
        lines = [json.dumps({"prompt": f"{name} {n}?", "answer": n}) for n in range(prompts)]
        (base / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for shard in plan_prompts(store, of, base, lambda _: "").shards:
        settle(store, shard.shard_id, judge, attempts)


def settle(store: Store, shard_id: str, judge: Judge, attempts: int) -> None:
    # Completions are settled in the order in which they came in, which is not that of their ids.
    pairs = [(prompt, index) for index in reversed(range(attempts)) for prompt in load_shard(store, shard_id)]
    completions = [completion(prompt, shard_id, index) for prompt, index in pairs]
    judgements = [judgement(prompt, shard_id, index, judge(prompt, index)) for prompt, index in pairs]
    store.put(completions_key(shard_id), write_parquet(completions_to_table(completions)))
    store.put(verdicts_key(SET, shard_id), write_parquet(judgements_to_table(judgements)))


def accepted(_: Prompt, __: int) -> Outcome:
    return Outcome.CORRECT
