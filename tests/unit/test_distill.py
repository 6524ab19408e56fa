"""Training a student, up to where torch is needed: settings, plan, corpus, checkpoints, record."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.simulated_run import order, recipe_file
from tracegen.distill.checkpoints import last_checkpoint
from tracegen.distill.corpus import corpus_at
from tracegen.distill.needs import require_trainer
from tracegen.distill.plan import Plan, Shape, planned, refuse_too_long
from tracegen.distill.record import read_record
from tracegen.distill.settings import Settings, published
from tracegen.errors import MissingDependency, UserError
from tracegen.run import run
from tracegen.store import MemoryStore
from tracegen.students import Student, load_student, students

QWEN_7B = Shape(parameters=7_615_616_512, layers=28, width=3584, positions=131_072)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    summary = run(order(recipe_file(tmp_path_factory.mktemp("run"))), lambda _: None)
    assert summary.corpus_path is not None
    return Path(summary.corpus_path)


def plan(lengths: list[tuple[int, int]], processes: int = 8, micro_batch: int = 1, **changes: object) -> Plan:
    settings = published(load_student("qwen-7b"), changes)
    return planned(settings, lengths, QWEN_7B, processes=processes, micro_batch=micro_batch)


@pytest.mark.parametrize("student", students(), ids=lambda student: student.name)
def test_a_student_is_trained_with_the_published_settings(student: Student) -> None:
    assert published(student, {"base": None}) == Settings(
        student=student.name,
        base=student.base,
        learning_rate=student.learning_rate,
        least_learning_rate=0.1,
        epochs=2,
        batch=64,
        max_length=32_768,
        rope=student.rope,
    )


def test_a_change_that_makes_no_sense_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="learning_rate -1: Input should be greater than 0"):
        published(load_student("qwen-7b"), {"learning_rate": -1})


@pytest.mark.parametrize(
    ("rows", "changes", "steps"),
    [
        (64, {}, 2),
        (65, {}, 4),
        (804_745, {}, 25_150),
        (804_745, {"epochs": 3}, 37_725),
        (128, {"epochs": 0.5}, 1),
        (640, {"epochs": 1.25}, 13),
        (640, {"max_steps": 3}, 3),
        (64, {"max_steps": 3}, 2),
    ],
)
def test_steps_are_counted_as_the_trainer_does(rows: int, changes: dict[str, object], steps: int) -> None:
    assert plan([(100, 90)] * rows, **changes).steps == steps


def test_a_plan_tells_tokens_and_memory() -> None:
    found = plan([(100, 90), (40_000, 39_000), (200, 150)], too_long="drop")
    assert (found.rows, found.tokens, found.learnt_tokens, found.longest) == (2, 300, 240, 200)
    assert (found.too_long, found.too_long_tokens) == (1, 40_000)
    assert found.state_bytes == 16 * QWEN_7B.parameters
    assert found.activation_bytes == 4 * 28 * 3584 * 200
    assert found.accumulation == 8


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(UserError, match="a batch of 64 does not divide into 6 processes of 1 rows"):
        plan([(100, 90)], processes=6)
    with pytest.raises(UserError, match="does not divide"):
        plan([(100, 90)], processes=8, micro_batch=16)


def test_long_rows_are_refused_unless_they_may_be_left_out() -> None:
    lengths = [(100, 90), (40_000, 39_000)]
    with pytest.raises(UserError, match="1 of 2 rows are longer than 32,768 tokens; give --too-long drop"):
        refuse_too_long(published(load_student("qwen-7b"), {}), plan(lengths))
    refuse_too_long(published(load_student("qwen-7b"), {"too_long": "drop"}), plan(lengths))
    with pytest.raises(UserError, match="all 1 rows are longer"):
        plan([(40_000, 1)])


def test_a_base_with_too_few_positions_is_refused() -> None:
    short = Shape(1, 1, 1, positions=4096)
    with pytest.raises(UserError, match=r"has 4,096 positions, .* give --max-length 4096"):
        planned(published(load_student("qwen-7b"), {}), [(1, 1)], short, processes=1, micro_batch=1)


def test_a_corpus_is_found_by_its_folder_its_glob_and_its_run(corpus: Path, tmp_path: Path) -> None:
    found = corpus_at(str(corpus), tmp_path)
    assert [path.name for path in found.files] == sorted(path.name for path in corpus.glob("train-*.parquet"))
    assert corpus_at(f"{corpus}/train-*.parquet", tmp_path) == found
    assert corpus_at(str(corpus.parent.parent), tmp_path).digest == found.digest


def test_a_corpus_in_a_store_is_copied_once_and_whole(corpus: Path, tmp_path: Path) -> None:
    store = MemoryStore.named("distill")
    for path in corpus.iterdir():
        store.put(path.name, path.read_bytes())
    [file, *_] = found = corpus_at("memory://distill", tmp_path).files
    assert [path.read_bytes() for path in found] == [(corpus / path.name).read_bytes() for path in found]
    before = file.stat().st_mtime_ns
    assert corpus_at("memory://distill", tmp_path).files[0].stat().st_mtime_ns == before
    file.unlink()
    store.put(file.name, b"other")
    with pytest.raises(UserError, match="differs from its manifest"):
        corpus_at("memory://distill", tmp_path)
    assert [path for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_is_not_whole_is_refused(corpus: Path, tmp_path: Path) -> None:
    for path in corpus.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1] if path.suffix == ".parquet" else path.read_bytes())
    with pytest.raises(UserError, match=r"and its manifest says .* bytes; copy the corpus again"):
        corpus_at(str(tmp_path), tmp_path)


def test_no_corpus_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no corpus at .*: no manifest.json in it; name the folder"):
        corpus_at(str(tmp_path), tmp_path)


def test_the_last_whole_checkpoint_counts(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "nothing") is None
    for step, state in (
        (5, {"global_step": 5}),
        (10, {"global_step": 10}),
        (15, None),
        (20, {}),
        (25, {"global_step": 1}),
    ):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps(state))
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_a_folder_that_is_none_and_a_record_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "student.json").write_text("{}")
    with pytest.raises(UserError, match="is not a record of ours"):
        read_record(tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        read_record(tmp_path / "student.json")


@pytest.mark.skipif(find_spec("trl") is not None, reason="it is installed")
def test_without_a_trainer_one_line_says_what_to_install() -> None:
    with pytest.raises(MissingDependency, match=r"training needs the package .*; run: pip install .*'trl"):
        require_trainer()
