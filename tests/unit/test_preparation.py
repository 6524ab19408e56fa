"""`tracegen prompts`: the report of a preparation, its evidence, and its exit codes. Nothing is planned or run."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tracegen.cli import main
from tracegen.prompts.left_out import LEFT_OUT

QUOTED = "Every morning Aya goes for a walk of nine kilometers and stops at a coffee shop afterwards."
SHEEP = "A farmer in the north has {n} grey sheep and buys {n} more at the market. How many sheep are there now?"
ROWS: list[dict[str, object]] = [
    *({"prompt": SHEEP.format(n=n), "answer": str(2 * n)} for n in range(5, 15)),
    {"prompt": SHEEP.format(n=5), "answer": "10"},
    {"prompt": SHEEP.format(n=6), "answer": "13"},
    {"prompt": SHEEP.format(n=7).upper(), "answer": "14"},
    {"prompt": f"{QUOTED} How long does she take?", "answer": "204"},
    {"prompt": "unreadable", "answer": "\\frac{1"},
    {"prompt": " ", "answer": "1"},
]
RECIPE = """
name: small
prompts:
  - {kind: jsonl, name: sums, domain: math, path: sums.jsonl, licence: MIT}
  - {kind: jsonl, name: choices, set: mmlu-pro, path: choices.jsonl, licence: CC0-1.0}
preparation:
  near_duplicates: {}
  decontamination: {against: [{name: aime, path: aime.jsonl}, {name: other, path: other.jsonl}]}
  unreadable_share: 0.1
teacher: {engine: simulated, model: pseudo}
rejection: {quotas: {math: 20}}
where: {isolation: namespaces}
"""
CHOICE = {
    "question_id": 1,
    "question": "Which is a noble gas?",
    "options": ["Iron", "Neon"],
    "answer": "B",
    "category": "chemistry",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "choices.jsonl").write_text(json.dumps(CHOICE) + "\n")
    (tmp_path / "aime.jsonl").write_text(json.dumps({"problem": QUOTED}) + "\n")
    (tmp_path / "other.jsonl").write_text(json.dumps({"problem": "What is it?"}) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["prompts", "small.yaml", *arguments])
    return (ended.value.code, *capsys.readouterr())


def test_the_report_counts_every_row(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "--json", "--examples", "2")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    assert (found["prompts"], found["by_domain"], found["licences"]) == (
        *(11, {"math": 10, "stem": 1}),
        {"MIT": 10, "CC0-1.0": 1},
    )
    sums, choices = found["sources"]
    counted = (
        "rows",
        "prompts",
        "duplicates",
        "conflicts",
        "near_duplicates",
        "contaminated",
        "unusable",
        "unreadable",
    )
    assert [sums[key] for key in counted] == [16, 10, 1, 1, 1, 1, 1, 1]
    assert sum(sums[key] for key in counted[1:]) == sums["rows"]
    assert sums["unreadable_reasons"] == {"the braces of the reference do not balance: \\frac{1": 1}
    assert len(sums["fingerprint"]["sums.jsonl"]) == 64
    assert choices["licence"] == "CC0-1.0"
    assert [(one["name"], one["prompts"]) for one in found["benchmarks"]] == [("aime", 1), ("other", 0)]
    [hit] = found["examples"]["contaminated"]
    assert (hit["match"], hit["matched"]) == ("aime:1", "every morning aya goes for a walk of nine kilometers")
    assert found["conflicts"][0]["kept"] == "sums:2"
    assert found["refused"] == []


def test_the_report_for_people(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for expected in (
        "source rows prompts by set copies conflicts near quoted no text no ref",
        "sums 16 10 0 1 1 1 1 1 1",
        "math: 10 prompts; quota 20, 2.0 a prompt (keep: 1)",
        "licences of the prompts: MIT 10, CC0-1.0 1",
        "benchmarks: aime 1, other 0",
        "sums:14 quotes aime:1 (8 n-grams)",
        "every morning aya goes for a walk of nine kilometers",
        "sums:13 is nearly sums:3 (similarity 1.00)",
    ):
        assert expected in lines
    assert sorted(path.name for path in place.iterdir()) == [
        *("aime.jsonl", "choices.jsonl", "other.jsonl", "small.yaml", "sums.jsonl")
    ]


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_the_evidence_is_written_for_an_audit(place: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    code, out, _ = told(capsys, "--evidence", f"left.{ending}")
    assert code == 0
    assert f"evidence: left.{ending} (3 rows)" in out
    file = place / f"left.{ending}"
    if ending == "parquet":
        assert pq.read_schema(file).equals(LEFT_OUT)
        rows = pq.read_table(file).to_pylist()
    elif ending == "jsonl":
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    else:
        rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [row["reason"] for row in rows] == ["near_duplicate", "contaminated", "unreadable"]
    assert rows[1]["match"] == "aime:1"


def test_a_source_that_a_run_would_refuse_is_shown_and_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "--set", "preparation.unreadable_share=0")
    assert code == 2
    assert "the braces of the reference do not balance" in out
    assert err == (
        "error: a run would refuse prompt source 'sums': 1 of 16 references cannot be read, and "
        "preparation.unreadable_share is 0; mend them, map another column, or raise it\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--evidence", "left.txt"],
            "--evidence left.txt: cannot tell its format; end it in .parquet or .csv or .jsonl",
        ),
        (["--evidence", "no/left.csv"], "--evidence no/left.csv: no folder no"),
        (["--set", "prompts.0.path=no.jsonl"], "no such file: "),
        (["--set", "prompts.1.set=mmlu"], "small.yaml: prompts.1: unknown set 'mmlu'; did you mean 'mmlu-pro'?"),
        (
            ["--set", "prompts.1.reads={reference: {how: option}}"],
            "small.yaml: prompts.1.reads.reference: unknown how 'option'; did you mean 'options'?",
        ),
    ],
)
def test_bad_inputs_are_told_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.removeprefix("error: ").startswith(expected)
    assert err.count("\n") == 1


def test_a_mapping_that_leaves_everything_out_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads = "{leave_out: [{column: category, values: [CHEMISTRY], reason: chemistry}], reference: {how: options, "
    code, _, err = told(capsys, "--set", f"prompts.1.reads={reads}options: options, right: answer}}}}")
    assert code == 2
    assert "prompt source 'choices': reads.leave_out leaves out all of 1 rows; chemistry (1)" in err
