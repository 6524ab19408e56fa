"""What the guard saves, what it stops wrongly, and what it costs: ``python -m benchmarks.guard DATA [--attempts N]``.

DATA is a folder of public text as JSON Lines; every string in it is watched, alone and in documents as long as a trace.
Then the quickstart's teacher of 135M parameters, without the examples that teach it to stop, answers GSM8K's questions
with and without the guard, from the same seeds. Labelled cases are those of ``tests/unit/filters/test_watch.py``.
"""

import argparse
import asyncio
import json
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.unit.filters.test_watch import FOREVER, REPEATED
from tracegen.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tracegen.filters.watch import LoopWatch
from tracegen.recipe import Teacher
from tracegen.types import FinishReason, Generation, Guard, LoopGuard, Message, Request, Sampling

DOCUMENT = 20_000
"""Characters of a trace, about."""
PIECE = 4
"""Characters of a token, about."""
SLOTS = 8
MODEL = "SmolLM2-135M-Instruct"


def stopped(text: str) -> bool:
    return LoopWatch(LoopGuard()).feed(text)


def rows(file: Path) -> list[dict[str, object]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def documents(texts: Sequence[str]) -> Iterator[str]:
    parts: list[str] = []
    for text in dict.fromkeys(texts):
        parts.append(text)
        if sum(map(len, parts)) >= DOCUMENT:
            yield "\n\n".join(parts)
            parts = []
    yield "\n\n".join(parts)


def public_text(data: Path) -> None:
    print("public text: texts stopped alone, and in documents of 20,000 characters")
    for file in sorted(data.glob("*.jsonl")):
        texts = [text for row in rows(file) for text in strings(row)]
        joined = list(documents(texts))
        alone = [text for text in dict.fromkeys(texts) if stopped(text)]
        print(
            f"  {file.name}: {len(alone)} of {len(set(texts)):,}, {sum(map(stopped, joined))} of {len(joined):,}",
            *(f"\n    {text[:60]!r} … {text[-60:]!r}" for text in alone[:5]),
        )


def source_code() -> None:
    """Python's standard library with its tests: far more alike, line by line, than what a teacher writes."""
    library = Path(sysconfig.get_paths()["stdlib"])
    files = [*library.glob("*.py"), *library.glob("test/test_*.py")]
    found = sorted(file.name for file in files if stopped(file.read_text(errors="replace")))
    print(f"Python's standard library: {len(found)} of {len(files)} files: {', '.join(found)}")


def labelled() -> None:
    found = sum(stopped(block * (20_000 // len(block))) for _, block in FOREVER)
    wrong = sum(stopped(text) for _, text in REPEATED)
    print(f"labelled: {found} of {len(FOREVER)} loops stopped, {wrong} of {len(REPEATED)} repetitive texts")


def cost(data: Path) -> None:
    text = (data / "math_train.jsonl").read_text()[:2_000_000]
    watch, began = LoopWatch(LoopGuard()), time.process_time()
    for start in range(0, len(text), PIECE):
        watch.feed(text[start : start + PIECE])
    per_token = (time.process_time() - began) / (len(text) / PIECE) * 1e6
    print(f"cost: {per_token:.2f} microseconds a token of {PIECE} characters")


def requests(data: Path, number: int, limit: int, guard: Guard | None) -> list[Request]:
    asked = rows(data / "gsm8k_train_subset.jsonl")[:number]
    return [
        Request(
            attempt_id=f"{index:032x}.0000",
            messages=(Message("system", "Think, then answer."), Message("user", str(row["question"]))),
            prefill="<think>\n",
            sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=limit),
            seed=index,
            guard=guard,
        )
        for index, row in enumerate(asked)
    ]


async def answers(asked: Sequence[Request]) -> tuple[list[Generation], float]:
    """In order, and the seconds they took."""
    options = LlamaCppOptions(context_tokens=asked[0].sampling.max_tokens + 512)
    engine = LlamaCppEngine(Teacher(engine="llamacpp", model=MODEL), options, SLOTS)
    await engine.start()
    try:
        began = time.monotonic()
        return await asyncio.gather(*map(engine.generate, asked)), time.monotonic() - began
    finally:
        await engine.close()


def told(name: str, said: Sequence[Generation], seconds: float) -> None:
    ends = {reason.value: sum(one.finish_reason is reason for one in said) for reason in FinishReason}
    tokens = sum(one.completion_tokens for one in said)
    print(f"  {name}: {tokens:,} tokens, {seconds:.0f} s, ends {ends}")


def teacher(data: Path, number: int, limit: int) -> None:
    print(f"{MODEL}, {number} questions, at most {limit:,} tokens")
    free, seconds = asyncio.run(answers(requests(data, number, limit, None)))
    told("without", free, seconds)
    guarded, seconds = asyncio.run(answers(requests(data, number, limit, Guard())))
    told("with the guard", guarded, seconds)
    both = [
        (one, other) for one, other in zip(free, guarded, strict=True) if other.finish_reason is FinishReason.LOOPED
    ]
    recovered = sum(one.finish_reason is FinishReason.STOP for one, _ in both)
    same = sum(one.text.startswith(other.text) for one, other in both)
    print(
        f"  of {len(both)} stopped, {same} had the same text without the guard, and {recovered} came to an end there",
        *(f"\n    at {one.completion_tokens}: … {one.text[-150:]!r}" for _, one in both[:4]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--attempts", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=1_024)
    given = parser.parse_args()
    labelled()
    public_text(given.data)
    source_code()
    cost(given.data)
    teacher(given.data, given.attempts, given.max_tokens)


if __name__ == "__main__":
    main()
