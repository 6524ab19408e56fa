"""The math verifier against labels: precision, recall, and every row that it judges otherwise.

    python -m benchmarks.gold.labelled FILE.jsonl

Rows have ``gold``, ``pred`` and ``expected``; or, as GSM8K's model solutions, ``gold``, ``response`` and ``is_correct``.
Exit code 1 where a wrong answer is taken for right.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from tracegen.types import AnswerReference, Outcome, Trace
from tracegen.verify.math import MathVerifier


def main(file: str) -> int:
    verifier = MathVerifier(answer_from="box_or_last_line")
    verifier.warm()
    counts: Counter[tuple[bool, Outcome]] = Counter()
    begun = time.process_time()
    for line in Path(file).read_text("utf-8").splitlines():
        row = json.loads(line)
        expected = row["expected"] if "expected" in row else row["is_correct"]
        text = row["response"] if "response" in row else rf"\boxed{{{row['pred']}}}"
        verdict = verifier.verify(AnswerReference(answer=row["gold"]), Trace("", text))
        counts[expected, verdict.outcome] += 1
        if expected != (verdict.outcome is Outcome.CORRECT):
            print(f"{row.get('id', '')}: {verdict.outcome}, {verdict.reason}: {verdict.detail}")
    cpu_s = time.process_time() - begun
    right, wrong = counts[True, Outcome.CORRECT], counts[False, Outcome.CORRECT]
    labelled = sum(number for (expected, _), number in counts.items() if expected)
    print(
        f"precision {right}/{right + wrong}, recall {right}/{labelled}, {counts.total() / cpu_s:.0f} rows per CPU second"
    )
    print({f"{'right' if expected else 'wrong'}, {outcome}": n for (expected, outcome), n in sorted(counts.items())})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
