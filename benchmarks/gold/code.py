"""Gold check of the code verifier on MBPP: reference solutions pass, the same with a wrong result do not.

    python -m benchmarks.gold.code MBPP.jsonl [--processes 2] [--isolation auto]

What does not come out as it should is listed by task, with the reason. Exit code 1 if anything is.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

from tracegen.types import AssertsReference, Outcome, Trace, Verdict
from tracegen.verify.code import CodeVerifier
from tracegen.verify.code.reading import functions_of
from tracegen.verify.pool import Case, VerifierPool

SPOIL = """

def _spoilt(result):
    kinds = {{bool: lambda: not result, int: lambda: result + 1, float: lambda: result + 1.0, str: lambda: result + "x",
              list: lambda: result + [None], tuple: lambda: result + (None,), set: lambda: result | {{"x"}},
              dict: lambda: {{**result, "x": "x"}}}}
    return kinds.get(type(result), lambda: "x")()


def _spoiling(function):
    return lambda *args, **kwargs: _spoilt(function(*args, **kwargs))


{name} = _spoiling({name})
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mbpp", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--isolation", default="auto")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.mbpp.read_text("utf-8").splitlines()]
    verifier = CodeVerifier(isolation=options.isolation)
    references = [reference_of(row) for row in rows]
    bad = [
        f"{row['task_id']}: {why}" for row, read in zip(rows, references, strict=True) if (why := verifier.check(read))
    ]
    right = [Case("asserts", read, answer(row["code"])) for row, read in zip(rows, references, strict=True)]
    wrong = [
        Case("asserts", read, answer(row["code"] + SPOIL.format(name=functions_of(read)[0])))
        for row, read in zip(rows, references, strict=True)
    ]
    verdicts, wall_s = asyncio.run(judge(verifier, right + wrong, options.processes))
    ours = report("references", rows, verdicts[: len(rows)], Outcome.CORRECT)
    theirs = report("mutants", rows, verdicts[len(rows) :], Outcome.INCORRECT)
    print(*bad, sep="\n")
    print(f"{len(verdicts)} programs in {wall_s:.1f} s, {len(verdicts) / wall_s:.0f}/s")
    return 1 if bad or ours or theirs else 0


def reference_of(row: dict) -> AssertsReference:
    asserts = (*row["test_list"], *row["challenge_test_list"])
    return AssertsReference(setup=row["test_setup_code"], asserts=asserts)


def answer(code: str) -> Trace:
    return Trace("", f"```python\n{code}\n```")


async def judge(verifier: CodeVerifier, cases: list[Case], processes: int) -> tuple[list[Verdict], float]:
    pool = VerifierPool(dict.fromkeys(verifier.reads, verifier), processes)
    await pool.start()
    begun = time.monotonic()
    try:
        return await pool.judge(cases), time.monotonic() - begun
    finally:
        await pool.close()


def report(what: str, rows: list[dict], verdicts: list[Verdict], expected: Outcome) -> int:
    """How many came out otherwise."""
    others = [(row, verdict) for row, verdict in zip(rows, verdicts, strict=True) if verdict.outcome is not expected]
    for row, verdict in others:
        print(f"  task {row['task_id']}: {verdict.outcome}/{verdict.reason}: {verdict.detail}")
    reasons = Counter(f"{verdict.outcome}/{verdict.reason}" for verdict in verdicts)
    print(f"{what}: {len(rows) - len(others)} of {len(rows)} {expected}", dict(reasons))
    return len(others)


if __name__ == "__main__":
    sys.exit(main())
