"""How well, how fast and in how much memory prompts are screened: near-duplicates and benchmarks, planted and real.

    python -m benchmarks.prompts.million --problems GSM8K.jsonl:question --problems MATH.jsonl:problem [--size 1000000]

The whole of ``prepare`` runs on the planted prompts, from Parquet to the plan's tables, in a process of its own.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.prompts.planted import Planted, benchmark, prompts, sentences
from tracegen.prompts.prepare import Prepared, prepare
from tracegen.recipe import Recipe

ROWS_PER_GROUP = 50_000


def main() -> None:
    asked = _asked()
    problems = {name: _problems(name) for name in asked.problems}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        kinds = _plant(base, sentences([text for texts in problems.values() for text in texts]), asked)
        bare = _measured(base, screened=False)
        found = _measured(base, screened=True)
        print(f"planted, {asked.size:,} prompts: {json.dumps(_planted(found[0], kinds))}")
        print(
            f"prepare without screens: {bare[1]:.0f} s CPU; with both: {found[1]:.0f} s CPU, peak RSS {found[2]:.0f} MB"
        )
        for name, texts in problems.items():
            _real(base, name, texts)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", action="append", required=True, metavar="FILE:COLUMN")
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _problems(place: str) -> list[str]:
    path, _, column = place.rpartition(":")
    # Not splitlines: problems hold other line separators of Unicode.
    return [json.loads(line)[column] for line in Path(path).read_text(encoding="utf-8").split("\n") if line]


def _plant(base: Path, parts: list[str], asked: argparse.Namespace) -> list[str]:
    """Write the prompts and the benchmark; the kind of each prompt, in order."""
    quotes = benchmark(parts, 1000, asked.seed)
    lines = [json.dumps({"problem": text}) + "\n" for text in quotes]
    (base / "benchmark.jsonl").write_text("".join(lines), encoding="utf-8")
    size, kinds = asked.size, []
    made = prompts(parts, size, near=size // 50, quotes=quotes, quoted=size // 500, seed=asked.seed)
    schema = pa.schema([("prompt", pa.string()), ("answer", pa.string())])
    with pq.ParquetWriter(base / "prompts.parquet", schema) as writer:
        group: list[Planted] = []
        for one in made:
            group.append(one)
            kinds.append(one.kind)
            if len(group) == ROWS_PER_GROUP:
                _write(writer, group)
        _write(writer, group)
    return kinds


def _write(writer: pq.ParquetWriter, group: list[Planted]) -> None:
    texts, answers = [one.text for one in group], [one.answer for one in group]
    writer.write_table(pa.table({"prompt": texts, "answer": answers}, schema=writer.schema))
    group.clear()


def _recipe(path: str, *, screened: bool) -> Recipe:
    screens = {
        "near_duplicates": {},
        "decontamination": {"against": [{"name": "benchmark", "path": "benchmark.jsonl"}]},
    }
    source = {"kind": "parquet", "name": "p", "domain": "math", "path": path}
    teacher = {"engine": "simulated", "model": "simulated"}
    preparation = screens if screened else {}
    return Recipe.model_validate({"name": "r", "prompts": [source], "teacher": teacher, "preparation": preparation})


def _measured(base: Path, *, screened: bool) -> tuple[Prepared, float, float]:
    """In a process of its own: what was prepared, CPU seconds, peak RSS in MB."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_prepared, base, screened).result()


def _prepared(base: Path, screened: bool) -> tuple[Prepared, float, float]:
    begun = time.process_time()
    prepared = prepare(_recipe("prompts.parquet", screened=screened), base, lambda _: "")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took_s = time.process_time() - begun
    prepared.tables.clear()
    return prepared, took_s, peak_mb


def _planted(prepared: Prepared, kinds: list[str]) -> dict[str, str]:
    """Found of planted, by kind; and what was taken for a copy that is none."""
    planted, found, false = Counter(kinds), Counter[str](), Counter[str]()
    for row in prepared.left_out.to_pylist():
        kind = kinds[int(row["source_row"]) - 1]
        right = {"contaminated": "quote", "near_duplicate": "near"}[row["reason"]]
        (found if kind.startswith(right) else false)[f"{row['reason']} of {kind}" if right not in kind else kind] += 1
    [entry] = prepared.manifest.sources
    told = {kind: f"{found[kind]:,} of {number:,}" for kind, number in sorted(planted.items()) if kind != "new"}
    exact = {"exact duplicates": f"{entry.duplicates:,}"}
    return told | exact | {f"false: {what}": f"{number:,}" for what, number in false.items()}


def _real(base: Path, name: str, texts: list[str]) -> None:
    """What is found among real problems: their own near-duplicates, for a person to look at."""
    pq.write_table(pa.table({"prompt": texts, "answer": ["0"] * len(texts)}), base / "real.parquet")
    prepared = prepare(_recipe("real.parquet", screened=True), base, lambda _: "")
    [entry] = prepared.manifest.sources
    told = f"{Path(name.rpartition(':')[0]).name}: rows={entry.rows:,} duplicates={entry.duplicates} "
    print(f"{told}near-duplicates={entry.near_duplicates} (answers not compared) contaminated={entry.contaminated}")
    for row in prepared.left_out.to_pylist()[:5]:
        print(f"  {row['score']:.2f}  {row['text'][:150]!r}\n     ~ {row['matched'][:150]!r}")


if __name__ == "__main__":
    sys.exit(main())
