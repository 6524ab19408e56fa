"""Gold check of the code verifier on stdio tests without solutions (Code Contests, Codeforces).

    python -m benchmarks.gold.code_stdio CODE_STDIO.jsonl [--processes 2] [--isolation auto]

Each reference must be readable; a program that looks its outputs up in a table must pass, and the same with the last
character of the last output changed must not. Solutions of our own, for a few problems, must pass. What does not come
out as it should is listed by id, with the reason. Exit code 1 if anything is.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from benchmarks.gold.code import judge, report
from tracegen.types import Outcome, StdioReference, StdioTest, Trace
from tracegen.verify.code import CodeVerifier
from tracegen.verify.pool import Case

MAX_TABLE = 150_000
"""Characters; the verifier runs no longer programs than 200,000."""

TESTS = 3
"""That tables are held against."""

SOLUTIONS = {
    "code_contests-3": (
        "python",
        """
def ways(s):
    if len(s) == 1:
        return int(s in "0_")
    total = 0
    for end in ("00", "25", "50", "75"):
        whole = s[:-2] + end
        if whole[0] != "0" and all(c in ("_", e) for c, e in zip(s[-2:], end)):
            front = s[:-2]
            total += 10 ** front[1:].count("_") * (9 if front[:1] == "_" else 1)
    return total
s = input()
print(sum(ways(s.replace("X", x)) for x in "0123456789") if "X" in s else ways(s))
""",
    ),
    "codeforces-43": (
        "cpp",
        """
#include <iostream>
int main() {
    int t, n, m;
    for (std::cin >> t; t--;) {
        std::cin >> n >> m;
        std::cout << (n >= m && (n - m) % 2 == 0 ? "Yes" : "No") << std::endl;
    }
}
""",
    ),
    "code_contests-15": (
        "python",
        """
for _ in range(int(input())):
    n, m, k = map(int, input().split())
    rows = [input() for _ in range(n)]
    covered = set()
    for i in range(n):
        for j in range(m):
            if rows[i][j] != "*":
                continue
            d = 0
            while i > d < j < m - d - 1 and rows[i - d - 1][j - d - 1] == rows[i - d - 1][j + d + 1] == "*":
                d += 1
            if d >= k:
                covered |= {(i - h, j + s * h) for h in range(d + 1) for s in (-1, 1)}
    print("YES" if len(covered) == sum(row.count("*") for row in rows) else "NO")
""",
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--isolation", default="auto")
    options = parser.parse_args()
    verifier = CodeVerifier(isolation=options.isolation)
    rows = [json.loads(line) for line in options.tests.read_text("utf-8").splitlines()]
    references = {row["id"]: reference_of(row) for row in rows}
    unreadable = [f"{name}: {why}" for name, read in references.items() if (why := verifier.check(read))]
    print(f"{len(rows) - len(unreadable)} of {len(rows)} references readable", *unreadable, sep="\n")
    few = {name: read.model_copy(update={"tests": read.tests[:TESTS]}) for name, read in references.items()}
    small = [name for name, read in few.items() if len(table(read)) < MAX_TABLE]
    print(f"{len(rows) - len(small)} tables left out as too long")
    programs = [
        *((few[name], "python", table(few[name])) for name in small),
        *((few[name], "python", table(few[name], spoilt=True)) for name in small),
        *((references[name], *SOLUTIONS[name]) for name in SOLUTIONS),
    ]
    cases = [Case("stdio", read, answer(word, source)) for read, word, source in programs]
    verdicts, wall_s = asyncio.run(judge(verifier, cases, options.processes))
    print(f"{len(cases)} programs in {wall_s:.1f} s")
    failed = len(unreadable)
    for what, is_right, at, end in (
        ("tables", True, 0, len(small)),
        ("spoilt tables", False, len(small), 2 * len(small)),
        ("solutions", True, 2 * len(small), len(cases)),
    ):
        named = [{"task_id": name} for name in (*small, *small, *SOLUTIONS)[at:end]]
        failed += report(what, named, verdicts[at:end], Outcome.CORRECT if is_right else Outcome.INCORRECT)
    return 1 if failed else 0


def reference_of(row: dict) -> StdioReference:
    return StdioReference(tests=tuple(StdioTest.model_validate(test) for test in row["tests"]))


def table(reference: StdioReference, spoilt: bool = False) -> str:
    outputs = {test.input: test.output for test in reference.tests}
    if spoilt:
        last = reference.tests[-1]
        words = last.output.split()
        outputs[last.input] = last.output.rstrip()[: -len(words[-1])] + "1" + words[-1]
    return f"import sys\nsys.stdout.write({outputs!r}[sys.stdin.read()])\n"


def answer(word: str, source: str) -> Trace:
    fence = "`" * 3
    return Trace("", f"{fence}{word}\n{source}\n{fence}")


if __name__ == "__main__":
    sys.exit(main())
