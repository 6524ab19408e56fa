import gzip
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracegen.errors import UserError
from tracegen.judging import judge_file

ROWS: list[dict[str, Any]] = [
    {"id": "a", "reference": "12", "response": r"<think>x</think>It is \boxed{12}.", "note": "kept"},
    {"id": "b", "reference": 12, "response": "so\nA: 12", "note": None},
    {"id": "c", "reference": {"kind": "answer", "answer": "12"}, "response": r"\boxed{13}", "note": ""},
    {"id": "d", "reference": '{"kind": "answer", "answer": "1/2"}', "response": r"\boxed{\sqrt{1}/2}", "note": "é"},
    {"id": "e", "reference": "{1,2}", "response": r"\boxed{\{2,1\}}", "note": ""},
    {"id": "f", "reference": "12", "response": "<think>a</think>b</think>c", "note": ""},
    {"id": "g", "reference": {"kind": "answer"}, "response": "x", "note": ""},
    {"id": "h", "reference": {"kind": "rubric"}, "response": "x", "note": ""},
    {"id": "i", "reference": None, "response": "x", "note": ""},
    {"id": "j", "reference": r"\frac{1}{2", "response": r"\boxed{5}", "note": ""},
    {"id": "k", "reference": {"kind": "none"}, "response": r"\boxed{5}", "note": ""},
    {"id": "l", "reference": "ellipse", "response": r"\boxed{circle}", "note": ""},
]
EXPECTED = [
    ("correct", "equal", "math/1"),
    ("correct", "equal", "math/1"),
    ("incorrect", "different", "math/1"),
    ("correct", "equal", "math/1"),
    ("correct", "equal", "math/1"),
    ("incorrect", "doubled_think", "extract/1"),
    ("undecided", "reference_unreadable", "none/1"),
    ("undecided", "reference_unreadable", "none/1"),
    ("undecided", "no_reference", "none/1"),
    ("undecided", "reference_unreadable", "math/1"),
    ("undecided", "no_reference", "none/1"),
    ("undecided", "text_answer", "math/1"),
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return [json.loads(line) for line in text.decode().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_rows_come_back_in_order_with_a_verdict(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "tracegen.judging")
    judged = await judge_file(write(tmp_path / "in.jsonl", ROWS), tmp_path / "out.jsonl")
    rows = read(tmp_path / "out.jsonl")
    assert [(row.pop("outcome"), row.pop("reason"), row.pop("verifier")) for row in rows] == EXPECTED
    assert rows == ROWS
    assert judged.rows == len(ROWS)
    assert judged.outcomes == {"correct": 4, "incorrect": 2, "undecided": 6}
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == ["g", "h"]
    assert names(tmp_path) == ["in.jsonl", "out.jsonl"]


async def test_half_a_surrogate_pair_does_not_spoil_the_file(tmp_path: Path) -> None:
    rows = [{"id": "é", "reference": "1", "response": "\ud83d é \\boxed{1}"}]
    await judge_file(write(tmp_path / "in.jsonl", rows), tmp_path / "once.jsonl")
    assert read(tmp_path / "once.jsonl")[0]["response"] == rows[0]["response"]
    await judge_file(tmp_path / "once.jsonl", tmp_path / "twice.jsonl")
    assert (tmp_path / "once.jsonl").read_bytes() == (tmp_path / "twice.jsonl").read_bytes()


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".parquet"])
async def test_the_same_bytes_however_many_processes(tmp_path: Path, ending: str) -> None:
    rows = [
        {
            "id": number,
            "reference": str(number),
            "response": rf"\boxed{{\sqrt{{{number}}} \cdot \sqrt{{{number % 97}}}}}",
        }
        for number in range(600)
    ]
    source = write(tmp_path / "in.jsonl", rows)
    written = []
    for processes in (1, 3):
        target = tmp_path / f"out{processes}{ending}"
        await judge_file(source, target, processes=processes)
        written.append(target.read_bytes())
    assert written[0] == written[1]


PROCEDURAL = {
    "kind": "procedural",
    "dataset": "countdown",
    "item": {
        "question": "Calculate 309 using 6, 61, 94, 4.",
        "answer": "94*4 - 61 - 6",
        "metadata": {"numbers": [6, 61, 94, 4], "target": 309},
    },
}


STDIO = {"kind": "stdio", "tests": [{"input": "2 3\n", "output": "5\n"}, {"input": "-7 4\n", "output": "-3\n"}]}
ASSERTS = {"kind": "asserts", "asserts": ["assert add(2, 3) == 5"]}
CHECK = {"kind": "check", "entry_point": "add", "check": "def check(candidate):\n    assert candidate(2, 3) == 5\n"}
CHOICE = {"kind": "choice", "answer": "B", "options": ["four", "five"]}
LENGTH = {"kind": "answer", "answer": "1.5", "unit": "km", "tolerance": 0.01}
PRINTS, ADDS = "a, b = map(int, input().split())\nprint(a + b)", "def add(a, b):\n    return a + b"
CPP = "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
CODE: list[tuple[Any, str]] = [
    (STDIO, PRINTS),
    (STDIO, f"<think>x</think>\n```python\n{PRINTS.replace('+', '-')}\n```"),
    (STDIO, f"```cpp\n{CPP}\n```"),
    (STDIO, f"```cpp\n{CPP.replace('+ b', '- b')}\n```"),
    (ASSERTS, ADDS),
    (ASSERTS, "import os\nos._exit(0)"),
    (ASSERTS, "def add(a, b):"),
    (CHECK, f"```python\n{ADDS}\n```"),
    (CHECK, "def add(a, b):\n    return object()"),
    ({**ASSERTS, "asserts": ["assert add(2) == nobody_knows"]}, "def add(a): return a"),
    ({**ASSERTS, "asserts": ["assert add("]}, ADDS),
    ({**STDIO, "tests": []}, PRINTS),
    ({**STDIO, "tests": [{"input": "\ud800", "output": "5"}]}, PRINTS),
]
JUDGED_CODE = [
    ("correct", "passed"),
    ("incorrect", "wrong_answer"),
    ("correct", "passed"),
    ("incorrect", "wrong_answer"),
    ("correct", "passed"),
    ("incorrect", "exited"),
    ("incorrect", "syntax_error"),
    ("correct", "passed"),
    ("incorrect", "not_a_literal"),
    ("undecided", "reference_failed"),
    ("undecided", "reference_unreadable"),
    ("undecided", "reference_unreadable"),
    ("undecided", "reference_unreadable"),
]
needs_gpp = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


@pytest.mark.sandbox
@needs_gpp
async def test_programs_are_judged_like_other_answers(tmp_path: Path) -> None:
    rows = [{"id": number, "reference": one, "response": two} for number, (one, two) in enumerate(CODE)]
    await judge_file(write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", processes=2)
    assert [(row["outcome"], row["reason"]) for row in read(tmp_path / "out.jsonl")] == JUDGED_CODE


def mixed(number: int) -> dict[str, Any]:
    """A row of one of many kinds, settled at sight or in a process, right, wrong, undecided, or unreadable."""
    kinds: list[tuple[Any, str]] = [
        (str(number), rf"\boxed{{{number}}}"),
        (str(number), rf"\boxed{{{number + 1}}}"),
        (rf"\sqrt{{{number * number * 3}}}", rf"\boxed{{{number}\sqrt{{3}}}}"),
        (f"(x+{number})^2", rf"\boxed{{x^2+{2 * number}x+{number * number}}}"),
        (f"(x+{number})^2", rf"\boxed{{x^2+{2 * number}x-{number * number}}}"),
        (f"{number} cats", rf"\boxed{{{number} dogs}}"),
        (PROCEDURAL, r"\boxed{4*94 - 6 - 61}"),
        (PROCEDURAL, rf"\boxed{{94*4 - 61 + {number}}}"),
        (CHOICE, r"\boxed{B}"),
        (CHOICE, r"\boxed{four}"),
        (LENGTH, r"\boxed{1510\text{ m}}"),
        (LENGTH, rf"\boxed{{{number + 2}\text{{ km}}}}"),
    ]
    every = [*kinds, *CODE, *((row["reference"], row["response"]) for row in ROWS)]
    reference, response = every[number % len(every)]
    return {"id": number, "reference": reference, "response": response}


@pytest.mark.slow
@pytest.mark.sandbox
@needs_gpp
async def test_mixed_kinds_give_the_same_bytes_again_and_on_one_process_or_eight(tmp_path: Path) -> None:
    pytest.importorskip("reasoning_gym")
    source = write(tmp_path / "in.jsonl", [mixed(number) for number in range(370)])
    written = []
    for turn, processes in enumerate((1, 8, 1)):
        judged = await judge_file(source, tmp_path / f"out{turn}.jsonl", processes=processes)
        written.append((tmp_path / f"out{turn}.jsonl").read_bytes())
        assert {"correct", "incorrect", "undecided"} == judged.outcomes.keys()
        assert judged.reasons["correct/scored"] == 10
        assert judged.reasons["correct/passed"] == 40
    assert written[0] == written[1] == written[2]


async def test_parquet_in_and_out(tmp_path: Path) -> None:
    references = [
        {"kind": "answer", "answer": "12", "dataset": None},
        {"kind": "none", "answer": None, "dataset": None},
    ]
    table = pa.table({"id": [1, 2], "reference": references, "response": [r"\boxed{12}", "x"]})
    pq.write_table(table, tmp_path / "in.parquet")
    await judge_file(tmp_path / "in.parquet", tmp_path / "out.parquet")
    judged = pq.read_table(tmp_path / "out.parquet")
    assert judged.column_names == ["id", "reference", "response", "outcome", "reason", "verifier"]
    assert judged["outcome"].to_pylist() == ["correct", "undecided"]
    assert judged["reference"].to_pylist() == references
    await judge_file(tmp_path / "in.parquet", tmp_path / "out.jsonl.gz")
    assert [row["reason"] for row in read(tmp_path / "out.jsonl.gz")] == ["equal", "no_reference"]


async def test_judging_again_replaces_the_verdict(tmp_path: Path) -> None:
    await judge_file(write(tmp_path / "in.jsonl", ROWS), tmp_path / "once.jsonl")
    await judge_file(tmp_path / "once.jsonl", tmp_path / "twice.jsonl")
    assert (tmp_path / "once.jsonl").read_bytes() == (tmp_path / "twice.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.jsonl", "", "has no rows"),
        ("in.jsonl", "\n\n", "has no rows"),
        ("in.jsonl", '{"id": 1, "reference": "1", "response": ""}\n{oops', "line 2: not JSON"),
        ("in.jsonl", "[1]", "line 1: a JSON object is needed, not list"),
        ("in.jsonl", '{"id": 1, "answer": "1"}', "no column 'reference', 'response'; found: id, answer"),
        ("in.jsonl", b"\xff\xfe", "expected UTF-8 JSON Lines"),
        ("in.jsonl.gz", b"no gzip", "expected UTF-8 JSON Lines"),
        ("in.parquet", b"no parquet", "expected a Parquet file"),
        ("in.csv", "id", "unknown format; use a name ending in"),
        (None, "", "no such file"),
    ],
)
async def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path: Path, name: str | None, content: str | bytes, words: str
) -> None:
    source = tmp_path / (name or "missing.jsonl")
    if name:
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        await judge_file(source, tmp_path / "out.jsonl")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)
    assert names(tmp_path) == ([name] if name else [])


async def test_parquet_without_a_column_says_what_it_found(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1], "text": ["x"]}), tmp_path / "in.parquet")
    with pytest.raises(UserError, match="no column 'reference', 'response'; found: id, text"):
        await judge_file(tmp_path / "in.parquet", tmp_path / "out.jsonl")


async def test_a_bad_target_is_told_before_work(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", ROWS)
    for target, words in ((tmp_path / "no" / "out.jsonl", "does not exist"), (tmp_path / "out.txt", "unknown format")):
        with pytest.raises(UserError, match=words):
            await judge_file(source, target)


async def test_a_failure_half_way_leaves_no_file(tmp_path: Path) -> None:
    good = [{"id": number, "reference": "1", "response": r"\boxed{1}"} for number in range(1_000)]
    source = write(tmp_path / "in.jsonl", good)
    source.write_text(source.read_text() + "{oops\n")
    with pytest.raises(UserError, match="line 1001"):
        await judge_file(source, tmp_path / "out.jsonl")
    assert names(tmp_path) == ["in.jsonl"]


async def test_rows_of_several_types_are_told_for_parquet(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="do not fit one Parquet schema"):
        await judge_file(write(tmp_path / "in.jsonl", ROWS), tmp_path / "out.parquet")
    assert names(tmp_path) == ["in.jsonl"]
