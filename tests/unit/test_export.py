"""Exports: what each trainer reads, the same bytes again, and clean under lint for every student."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.simulated_run import order, recipe_file
from tests.tokenizers import real_tokenizer
from tracegen.errors import UserError
from tracegen.run import run
from tracegen.students import Student, load_student, students
from tracegen.training.dataset import open_dataset
from tracegen.training.export import Exported, export
from tracegen.training.lint import Linted, Linting, lint
from tracegen.training.tokens import Renderer
from tracegen.training.trainers import Trainer

EACH_TRAINER = pytest.mark.parametrize("trainer", Trainer)
EACH_STUDENT = pytest.mark.parametrize("student", students(), ids=lambda student: student.name)
CONFIG = {
    Trainer.TRL: "trl.yaml",
    Trainer.LLAMA_FACTORY: "llama_factory.yaml",
    Trainer.AXOLOTL: "axolotl.yaml",
    Trainer.VERL: "verl.yaml",
    Trainer.NEMO: "nemo_rl.yaml",
}
ROW = {
    "id": "p.0000",
    "messages": [
        {"role": "user", "content": "六乘七?"},
        {"role": "assistant", "content": "<think>\n42\n</think>\n\n42"},
    ],
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that a run with a simulated teacher built."""
    folder = tmp_path_factory.mktemp("run")
    summary = run(order(recipe_file(folder, prompts=24)), lambda _: None)
    assert summary.corpus_path is not None
    return Path(summary.corpus_path)


def exported(place: Path, trainer: Trainer, out: Path, student: str = "qwen-7b", *, copy: bool = False) -> Exported:
    return export(open_dataset(str(place)), trainer, load_student(student), out, copy=copy)


def config(out: Path, trainer: Trainer) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((out / CONFIG[trainer]).read_text())
    return loaded


def numbers(value: Any) -> list[float]:
    """Every number in a configuration."""
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return [number for one in inside for number in numbers(one)]
    return [value] if isinstance(value, int | float) else []


def look(place: Path, student: Student, trainer: Trainer) -> Linted:
    renderer = Renderer(real_tokenizer(student), student.template, is_students=True)
    return lint(Linting(open_dataset(str(place)), student, renderer, student.context, (trainer,), None))


@EACH_TRAINER
@EACH_STUDENT
def test_the_export_of_a_run_is_clean_for_every_student(
    corpus: Path, trainer: Trainer, student: Student, tmp_path: Path
) -> None:
    made = exported(corpus, trainer, tmp_path / "out", student.name, copy=True)
    found = look(tmp_path / "out", student, trainer)
    assert found.found == {}
    assert found.rows == found.rendered == made.counts.rows == open_dataset(str(corpus)).rows > 5


@EACH_TRAINER
@EACH_STUDENT
def test_the_configuration_has_the_published_settings(trainer: Trainer, student: Student, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(ROW) + "\n")
    exported(rows, trainer, tmp_path / "out", student.name)
    found = config(tmp_path / "out", trainer)
    assert {student.learning_rate, student.context, student.epochs[0]} <= set(numbers(found))
    assert student.batch in numbers(found) or student.batch == 8 * found["gradient_accumulation_steps"]
    assert {0.1, round(student.learning_rate / 10, 9)} & {round(number, 9) for number in numbers(found)}
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == student.template
    script = (tmp_path / "out" / "prepare_student.py").read_text()
    assert f'snapshot_download("{student.base}"' in script
    assert ("rope_theta" in script) is (student.rope is not None)
    compile(script, "prepare_student.py", "exec")


@EACH_TRAINER
def test_the_same_rows_are_the_same_bytes(corpus: Path, trainer: Trainer, tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        exported(corpus, trainer, folder, copy=True)
    contents = [
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    ]
    assert contents[0] == contents[1]
    assert len(contents[0]) >= 4


def test_trl_reads_a_corpus_as_it_lies(corpus: Path, tmp_path: Path) -> None:
    made = exported(corpus, Trainer.TRL, tmp_path / "out")
    assert not made.copied
    (source,) = config(tmp_path / "out", Trainer.TRL)["datasets"]
    assert source["columns"] == ["messages"]
    assert open_dataset(source["data_files"]).rows == made.counts.rows
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(made.files)


def test_rows_that_trl_cannot_read_as_they_lie_are_copied(tmp_path: Path) -> None:
    prompt, answer = (turn["content"] for turn in ROW["messages"])
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": prompt, "response": answer}) + "\n")
    made = exported(tmp_path / "rows.jsonl", Trainer.TRL, tmp_path / "out")
    assert made.copied
    (copied,) = next(open_dataset(str(tmp_path / "out")).batches())
    assert copied == {"id": "row 1", "messages": ROW["messages"]}


def test_what_the_files_name_is_there(corpus: Path, tmp_path: Path) -> None:
    for trainer in Trainer:
        exported(corpus, trainer, tmp_path / trainer, copy=True)
    info = json.loads((tmp_path / "llama-factory" / "dataset_info.json").read_text())
    assert (tmp_path / "llama-factory" / info["corpus"]["file_name"]).is_dir()
    assert (tmp_path / "axolotl" / config(tmp_path / "axolotl", Trainer.AXOLOTL)["datasets"][0]["path"]).is_dir()
    for name in config(tmp_path / "verl", Trainer.VERL)["data"]["train_files"]:
        assert (tmp_path / "verl" / name).is_file()
    assert (tmp_path / "nemo" / config(tmp_path / "nemo", Trainer.NEMO)["data"]["train"]["data_path"]).is_file()


def test_rows_without_thinking_stay_marked(tmp_path: Path) -> None:
    unthinking = [ROW["messages"][0], {"role": "assistant", "content": "<think>\n\n</think>\n\nHello!"}]
    rows = [ROW | {"thinking": True}, {"id": "q.0000", "messages": unthinking, "thinking": False}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for trainer in Trainer:
        exported(tmp_path / "rows.jsonl", trainer, tmp_path / trainer, copy=True)
        assert [row for batch in open_dataset(str(tmp_path / trainer)).batches() for row in batch] == rows
        assert look(tmp_path / trainer, load_student("qwen-7b"), trainer).clean


def test_trl_is_given_the_files_that_were_named_and_no_others(tmp_path: Path) -> None:
    for name in ("a/1", "a/2", "b/3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist([ROW]), tmp_path / f"{name}.parquet")
    places = {"a": 2, ".": 3, "*/[13].parquet": 2, "a/*.parquet": 2, "b/3.parquet": 1}
    for number, (place, rows) in enumerate(places.items()):
        exported(tmp_path / place, Trainer.TRL, tmp_path / "out" / str(number))
        named = config(tmp_path / "out" / str(number), Trainer.TRL)["datasets"][0]["data_files"]
        files = [named] if isinstance(named, str) else named
        assert sum(open_dataset(one).rows for one in files) == rows


def test_rows_above_the_context_are_counted_and_kept(tmp_path: Path) -> None:
    rows = [ROW | {"prompt_tokens": 768, "completion_tokens": tokens} for tokens in (32_000, 32_001)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    for trainer in Trainer:
        made = exported(tmp_path / "rows.parquet", trainer, tmp_path / trainer)
        assert (made.counts.rows, made.counts.counted, made.counts.over) == (2, 2, 1)
        assert made.notes[0].startswith("1 of 2 rows exceed the context of 32,768 tokens")


def test_a_length_that_nobody_counted_is_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    made = exported(tmp_path / "rows.jsonl", Trainer.AXOLOTL, tmp_path / "out")
    assert "not known" in made.notes[0]


def test_a_folder_that_has_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        exported(tmp_path / "rows.jsonl", Trainer.TRL, tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_row_that_cannot_be_read_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps({"id": "bad", "messages": [None]}) + "\n")
    with pytest.raises(UserError, match="bad has a turn without text"):
        exported(tmp_path / "rows.jsonl", Trainer.NEMO, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_rendered_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "x"}) + "\n")
    with pytest.raises(UserError, match="rendered already"):
        exported(tmp_path / "rows.jsonl", Trainer.TRL, tmp_path / "out")
