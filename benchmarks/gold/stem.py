r"""Gold check of the math, choice and logic verifiers: each reference passes its own verifier, corrupted it does not.

    python -m benchmarks.gold.stem [--items 3] [--seed 7] [--processes 2] [FILE.jsonl ...]

Items of every reasoning-gym dataset, and every row of the files given: GSM8K (``answer`` ends in ``#### N``), rows with
``answer``, rows with ``gold``. Each answer is put into a box, as a teacher is told to. Two corruptions: another number,
or letters of a word in another order; and "not" before the answer. What does not come out as it should is listed with the
verifier's reason. Exit code 1 where a corrupted answer passes; a right one that does not is a loss, no fault.
"""

import argparse
import asyncio
import json
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gold.puzzles import solution
from tracegen.extract import last_boxed
from tracegen.types import (
    AnswerReference,
    ChoiceReference,
    NoReference,
    Outcome,
    ProceduralReference,
    Reference,
    Trace,
    Verdict,
)
from tracegen.verify.choice import ChoiceVerifier
from tracegen.verify.logic import LogicVerifier
from tracegen.verify.math import MathVerifier
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.process import Limits

NUMBER = re.compile(r"\d+")
LETTERS = "ABCD"


@dataclass(frozen=True)
class Gold:
    """A reference and its right answer."""

    group: str
    where: str
    reference: Reference
    answer: str | None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--items", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    golds = [*procedural(options.items, options.seed), *(row for file in options.files for row in rows(file))]
    unknown = [gold for gold in golds if gold.answer is None]
    golds = [gold for gold in golds if gold.answer is not None]
    tried = [(gold, kind, text) for gold in golds for kind, text in variants(gold)]
    begun = time.monotonic()
    verdicts = asyncio.run(judge([case(gold.reference, text) for gold, _, text in tried], options.processes))
    wall_s = time.monotonic() - begun
    passed = report(tried, verdicts)
    for gold in unknown:
        print(f"no right answer known: {gold.group} {gold.where}")
    print(f"{len(golds)} references, {len(verdicts)} verdicts in {wall_s:.0f} s")
    return 1 if passed else 0


def procedural(items: int, seed: int) -> Iterator[Gold]:
    from reasoning_gym.factory import DATASETS, create_dataset

    for dataset in sorted(DATASETS.keys() - {"composite"}):
        made = create_dataset(dataset, size=items, seed=seed)
        for number in range(items):
            item = json.loads(json.dumps(made[number]))
            answer = solution(dataset, item["metadata"]) if item["answer"] is None else item["answer"]
            yield Gold(dataset, f"item {number}", ProceduralReference(dataset=dataset, item=item), answer)


def rows(file: Path) -> Iterator[Gold]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            row = json.loads(line)
            answer = str(row.get("gold", row.get("answer")) or "").rpartition("#### ")[2].strip()
            if not answer:
                yield Gold(file.stem, f"line {number}", NoReference(), None)
                continue
            yield Gold(file.stem, f"line {number}", AnswerReference(answer=answer), answer)
            if number % 10 == 1 and len(answer) < 60:
                yield choice(f"{file.stem}, as a choice", number, answer)


def choice(group: str, number: int, answer: str) -> Gold:
    """The same answer among other ones."""
    options = [f"{answer} + {other}" for other in (1, 2, 3)]
    at = number % 4
    options.insert(at, answer)
    return Gold(group, f"line {number}", ChoiceReference(answer=LETTERS[at], options=tuple(options)), LETTERS[at])


def variants(gold: Gold) -> Iterator[tuple[str, str]]:
    answer = gold.answer or ""
    yield "right", answer
    yield "changed", changed(answer)
    yield "denied", f"not {answer}"


def changed(answer: str) -> str:
    """The first number one higher; without numbers another option, or two letters of a word in another order."""
    if len(answer) == 1 and answer in LETTERS:
        return LETTERS[LETTERS.index(answer) - 1]
    if number := NUMBER.search(answer):
        return f"{answer[: number.start()]}{int(number[0]) + 1}{answer[number.end() :]}"
    opposite = {"yes": "no", "no": "yes", "true": "false", "false": "true"}.get(answer.strip().lower())
    if opposite:
        return opposite
    for at in range(len(answer) - 1):
        if answer[at] != answer[at + 1] and answer[at : at + 4].isalpha() and len(answer[at : at + 4]) == 4:
            return answer[:at] + answer[at + 1] + answer[at] + answer[at + 2 :]
    return f"{answer}+1"


def case(reference: Reference, answer: str) -> Case:
    """In a box where a box can hold it: strings with braces that do not balance stand alone."""
    boxed = rf"So it is \boxed{{{answer}}}."
    return Case(reference.kind, reference, Trace("", boxed if last_boxed(boxed) == answer else answer))


async def judge(cases: list[Case], processes: int) -> list[Verdict]:
    verifiers = {"answer": MathVerifier(), "choice": ChoiceVerifier(), "procedural": LogicVerifier()}
    pool = VerifierPool(verifiers, processes, Limits(deadline_s=10.0))
    await pool.start()
    try:
        return await pool.judge(cases)
    finally:
        await pool.close()


def report(tried: list[tuple[Gold, str, str]], verdicts: list[Verdict]) -> int:
    """Prints a table and what fell out of it; how many corrupted answers passed."""
    table: dict[str, Counter[str]] = {}
    odd, passed = [], 0
    for (gold, kind, text), verdict in zip(tried, verdicts, strict=True):
        correct = verdict.outcome is Outcome.CORRECT
        table.setdefault(gold.group, Counter())[f"{kind} {verdict.outcome}"] += 1
        if correct != (kind == "right"):
            passed += correct
            odd.append(
                f"{gold.group} {gold.where}: {kind} answer {text[:60]!r} is {verdict.outcome} ({verdict.reason})"
            )
    columns = [f"{kind} {outcome}" for kind in ("right", "changed", "denied") for outcome in Outcome]
    print("| set | " + " | ".join(columns) + " |")
    print("|" + " --- |" * (len(columns) + 1))
    for group, counts in table.items():
        print(f"| {group} | " + " | ".join(str(counts[column]) for column in columns) + " |")
    print(*odd, sep="\n")
    return passed


if __name__ == "__main__":
    sys.exit(main())
