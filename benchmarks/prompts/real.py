"""What decontamination finds among real problems, by threshold: copies of a benchmark, and what only shares its phrases.

    python -m benchmarks.prompts.real --problems GSM8K.jsonl:question --problems MATH.jsonl:problem [--every 15]

Every so-many-th problem of a file is the benchmark; the prompts are all problems of all files. Whatever else of the same
file is left out is no copy: a sister problem, or a stock phrase. So is whatever is left out of another file.
"""

import argparse
import json
import sys
from pathlib import Path

from tracegen.prompts.contamination import Contamination
from tracegen.recipe import Benchmark, Decontamination

LEAST = (1, 2, 3, 5, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", action="append", required=True, metavar="FILE:COLUMN")
    parser.add_argument("--every", type=int, default=15)
    asked = parser.parse_args()
    files = {place: _problems(place) for place in asked.problems}
    for place, texts in files.items():
        others = [text for other, of in files.items() if other != place for text in of]
        print(f"{Path(place).name}: benchmark of {len(texts[:: asked.every]):,}")
        for least in LEAST:
            print("  " + _told(texts, texts[:: asked.every], others, least))


def _told(texts: list[str], benchmark: list[str], others: list[str], least: int) -> str:
    rule = Decontamination(against=(Benchmark(name="b", path="b.jsonl"),), min_matches=least)
    screen = Contamination(rule, ((f"b:{number}", text) for number, text in enumerate(benchmark)))
    copies = set(benchmark)
    found = [text for text in texts if screen.hit(text)]
    right = sum(text in copies for text in found)
    of = sum(text in copies for text in texts)
    elsewhere = sum(screen.hit(text) is not None for text in others)
    return (
        f"min_matches {least}: copies {right:,} of {of:,}; others of this file {len(found) - right:,} of "
        f"{len(texts) - of:,}; of other files {elsewhere:,} of {len(others):,}"
    )


def _problems(place: str) -> list[str]:
    path, _, column = place.rpartition(":")
    # Not splitlines: problems hold other line separators of Unicode.
    return [json.loads(line)[column] for line in Path(path).read_text(encoding="utf-8").split("\n") if line]


if __name__ == "__main__":
    sys.exit(main())
