"""Holds a corpus made from a GSM8K file against that file, with nothing of tracegen's: regular expressions only.

    python benchmarks/gsm8k/recheck.py CORPUS_FOLDER GSM8K.jsonl

Every sample's question must be in the file, and its last boxed number must equal the file's "#### N". Exit code 1 if
one does not.
"""

import json
import re
import sys
from decimal import Decimal
from glob import glob

import pyarrow.dataset


def number(text: str) -> Decimal:
    return Decimal(re.sub(r"[,$\s]|\\!|\\\$", "", text).rstrip("."))


def main(corpus: str, source: str) -> int:
    with open(source, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    answers = {row["question"].strip(): number(row["answer"].rpartition("####")[2]) for row in rows}
    samples = pyarrow.dataset.dataset(sorted(glob(f"{corpus}/train-*.parquet"))).to_table().to_pylist()
    wrong = 0
    for sample in samples:
        boxed = re.findall(r"\\boxed\{([^{}]*)\}", sample["messages"][1]["content"].rpartition("</think>")[2])
        question = sample["messages"][0]["content"].strip()
        if question not in answers or not boxed or number(boxed[-1]) != answers[question]:
            wrong += 1
            print(f"{sample['id']}: boxed {boxed[-1:]}, reference {answers.get(question)}")
    print(f"{len(samples)} samples, {wrong} wrong")
    return 1 if wrong or not samples else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
