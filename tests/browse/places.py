"""A run to look at: traces with mathematics and code, rejected attempts, and some that mean harm."""

import json
from dataclasses import replace
from pathlib import Path

from tests.filled import SET, every_third, judgement, plan_prompts, recipe
from tests.filled import completion as plain
from tracegen.corpus.build import build
from tracegen.ledger.layout import completions_key, verdicts_key
from tracegen.ledger.schema import completions_to_table, judgements_to_table, write_parquet
from tracegen.prompts.prepare import load_shard
from tracegen.recipe import Recipe
from tracegen.runtime.progress import DomainProgress, Snapshot
from tracegen.store import SubStore, open_store
from tracegen.types import Completion, FinishReason, Judgement, Outcome, Prompt

RUN = "r-1"
PROMPTS = 40
ATTEMPTS = 4
SUM = r"Let $S_n = \sum_{k=1}^{n} k^2$. Find \(S_{%d}\), and prove that $$S_n = \frac{n(n+1)(2n+1)}{6}.$$"
REASONING = r"""Okay, so I need the sum of squares up to %(n)d. I remember $\frac{n(n+1)(2n+1)}{6}$, but let me check it.

For $n=1$ it gives $\frac{1\cdot 2\cdot 3}{6} = 1$. Good. For the step, assume it holds for $n$; then

\[
S_{n+1} = \frac{n(n+1)(2n+1)}{6} + (n+1)^2 = \frac{(n+1)(n+2)(2n+3)}{6},
\]

which is what the formula says. Wait, let me compute it by program as well, to be sure about **attempt %(i)d**:

```python
def squares(n: int) -> int:
    # by hand, without the formula
    return sum(k * k for k in range(1, n + 1))

print(squares(%(n)d))
```

Both agree, so the answer must be right."""
ANSWER = r"By induction, $S_n = \frac{n(n+1)(2n+1)}{6}$, and so the answer is \(\boxed{%d}\)."
SCRIPT = "<script>window.broken = 1; document.title = 'broken'</script><img src=x onerror='window.broken = 1'>"
HOSTILE = "\n\n".join(
    [
        SCRIPT,
        "\u202egnp.exe\u202c reads backwards, \u2067hidden\u2069, zero\u200bwidth, bell \x07, escape \x1b[31m",
        r"\(\frac{1}{\) and $\undefined{x}$ and $$\begin{matrix} 1 & 2$$ and \[\href{javascript:alert(1)}{x}\]",
        r"$\def\a{\a\a}\a$ and \(\htmlStyle{color:red}{x}\) and $\fcolorbox{red}{blue}{x}$ and $\pmb{x}$",
        "`</code></main>` and [link](javascript:alert(1)) and ```",
        "no end " + "x" * 30_000,
        "\n\n".join(f"Line {n} of very many: {'lorem ipsum ' * 8}" for n in range(20_000)),
    ]
)
"""More than two megabytes."""


def of() -> Recipe:
    return recipe(prompts_per_shard=16)


def full_run(uri: str, base: Path, *, built: bool = True) -> SubStore:
    """Forty prompts with four attempts each. The first prompt, by id, of the riddles is answered by the hostile."""
    store = begun_run(uri, base)
    riddles = True
    for shard in plan_prompts(store, of(), base, lambda _: "").shards:
        prompts = list(load_shard(store, shard.shard_id))
        pairs = [(prompt, index) for index in range(ATTEMPTS) for prompt in prompts]
        completions = [_completion(prompt, shard.shard_id, index) for prompt, index in pairs]
        if shard.domain == "logic" and riddles:
            riddles = False
            text = f"{HOSTILE}\n</think>\n\n{SCRIPT} \\boxed{{\\frac}}"
            completions[0] = replace(completions[0], text=text, completion_tokens=600_000)
        judgements = [
            _judgement(prompt, index, completion)
            for (prompt, index), completion in zip(pairs, completions, strict=True)
        ]
        store.put(completions_key(shard.shard_id), write_parquet(completions_to_table(completions)))
        store.put(verdicts_key(SET, shard.shard_id), write_parquet(judgements_to_table(judgements)))
    if built:
        build(store, of(), SET, RUN)
    return store


def begun_run(uri: str, base: Path) -> SubStore:
    """A run that has its prompts, and nothing else."""
    sums = [
        json.dumps({"prompt": SUM % n, "answer": n * (n + 1) * (2 * n + 1) // 6}) for n in range(1, PROMPTS // 2 + 1)
    ]
    riddles = [
        json.dumps({"prompt": f"{n} knights and a liar: who lies?", "answer": "Zoë"}) for n in range(PROMPTS // 2)
    ]
    (base / "sums.jsonl").write_text("\n".join(sums), encoding="utf-8")
    (base / "riddles.jsonl").write_text("\n".join(riddles), encoding="utf-8")
    store = SubStore(open_store(uri), RUN)
    told = {"recipe": of().model_dump(mode="json"), "verdict_set": SET, "created_at_s": 1.0}
    store.put("run.json", json.dumps(told).encode())
    plan_prompts(store, of(), base, lambda _: "")
    return store


def going_on(store: SubStore, now_s: float) -> None:
    """The run's driver is at work, and nothing is settled yet."""
    math = DomainProgress("math", 3, 20, 20, 2, 7, 3, 4, 0)
    snapshot = Snapshot(RUN, now_s, 9.0, (math,), 4, 900, 100.0, (), 2, 0, 4, 60.0, "generating")
    store.put("status.json", json.dumps(snapshot.to_json()).encode())


def _completion(prompt: Prompt, shard_id: str, index: int) -> Completion:
    n = 10 + index
    text = f"{REASONING % {'n': n, 'i': index}}\n</think>\n\n{ANSWER % (n * (n + 1) * (2 * n + 1) // 6)}"
    cut = index == ATTEMPTS - 1 and prompt.prompt_id.startswith(tuple("0123"))
    given = plain(prompt, shard_id, index)
    tokens = 200 + int(prompt.prompt_id[:3], 16) + index
    if cut:
        return replace(
            given, text=text.partition("\n</think>")[0], completion_tokens=tokens, finish_reason=FinishReason.LENGTH
        )
    return replace(given, text=text, completion_tokens=tokens)


def _judgement(prompt: Prompt, index: int, completion: Completion) -> Judgement:
    outcome = every_third(prompt, index)
    given = judgement(prompt, completion.shard_id, index, outcome)
    given = replace(given, completion_tokens=completion.completion_tokens)
    if "</think>" not in completion.text:
        detail = "the token limit came before the closing think tag"
        return replace(given, outcome=Outcome.INCORRECT, reason="truncated", detail=detail)
    return replace(given, detail="expected 385, got 380") if outcome is Outcome.INCORRECT else given
