"""The loaders of LLaMA-Factory and Axolotl, from their packages, read an export and learn the tokens that lint saw.

Each lives in an environment of its own (`make test-trainers`), which is named in ``LLAMA_FACTORY_PYTHON`` and
``AXOLOTL_PYTHON``.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")

from tests.simulated_run import order, recipe_file
from tests.tokenizers import real_tokenizer
from tests.train.corpus import small_model
from tracegen.run import run
from tracegen.students import ASSISTANT, BOS, EOS, USER, load_student
from tracegen.training.conversation import Conversation, read, shape_of
from tracegen.training.dataset import open_dataset
from tracegen.training.export import export
from tracegen.training.tokens import Renderer
from tracegen.training.trainers import Trainer

pytestmark = [pytest.mark.trainers, pytest.mark.timeout(600)]

READERS = {
    Trainer.LLAMA_FACTORY: ("LLAMA_FACTORY_PYTHON", "llama_factory_rows.py"),
    Trainer.AXOLOTL: ("AXOLOTL_PYTHON", "axolotl_rows.py"),
}
Learnt = tuple[tuple[int, ...], tuple[int, ...]]
"""Input ids and labels of a row."""

AWKWARD = (
    ("六乘七是多少?\n", "<think>\n六七四十二。\n\n</think>\n\n答案是 \\boxed{42}。"),
    ("Say <think> and 'quotes' {{braces}}", "<think>\n\nTwo\n\n\nnewlines\t \n</think>\n\n```python\nprint(1)\n```\n"),
    ("Say hello.", "<think>\n\n</think>\n\nHello!"),
    ("Translate 'yes', without thinking.", "  Oui 🙂 "),
)
"""What a template or a tokenizer may stumble over; the last two come without reasoning, in both known forms."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that a run built, and a file of awkward rows beside it."""
    folder = tmp_path_factory.mktemp("run")
    summary = run(order(recipe_file(folder, prompts=12)), lambda _: None)
    assert summary.corpus_path is not None
    built = [row for batch in open_dataset(summary.corpus_path).batches(("id", "messages")) for row in batch]
    awkward = [
        {
            "id": f"awkward.{number}",
            "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}],
        }
        for number, (asked, said) in enumerate(AWKWARD)
    ]
    (folder / "rows").mkdir()
    pq.write_table(pa.Table.from_pylist([*built, *awkward]), folder / "rows" / "train-0.parquet")
    return folder / "rows"


@pytest.mark.parametrize("name", ["qwen-7b", "llama-8b"])
@pytest.mark.parametrize("trainer", READERS)
def test_a_trainer_learns_what_lint_saw(trainer: Trainer, name: str, rows: Path, tmp_path: Path) -> None:
    student, tokenizer = load_student(name), real_tokenizer(load_student(name))
    export(open_dataset(str(rows)), trainer, student, tmp_path / "export")
    tokenizer.chat_template = student.template
    tokenizer.save_pretrained(tmp_path / "export" / "student")
    torch.manual_seed(0)
    small_model(student.family, len(tokenizer)).save_pretrained(tmp_path / "export" / "student")

    found = theirs(trainer, tmp_path / "export")

    wanted = as_lint_sees(rows, Renderer(tokenizer, student.template, is_students=True))
    assert len(found) == len(wanted)
    for row in sorted(set(wanted) - set(found)):
        pytest.fail(f"{trainer} does not learn {tokenizer.decode(row[0])!r}, but {closest(row, found, tokenizer)}")
    assert sorted(found) == sorted(wanted)


def theirs(trainer: Trainer, folder: Path) -> list[Learnt]:
    variable, script = READERS[trainer]
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} names no Python that has {trainer}")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONPATH", None)
    line = [python, str(Path(__file__).with_name(script)), str(folder)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    parsed = [json.loads(line.removeprefix("ROW ")) for line in done.stdout.splitlines() if line.startswith("ROW ")]
    return [(tuple(row["input_ids"]), tuple(row["labels"])) for row in parsed]


def as_lint_sees(rows: Path, renderer: Renderer) -> list[Learnt]:
    """The rendering of each row: the prompt is context, the assistant's turn and the end of the sentence are learnt."""
    dataset = open_dataset(str(rows))
    shape = shape_of(dataset.columns, dataset.place)
    given = [read(row, number, shape) for batch in dataset.batches() for number, row in enumerate(batch, 1)]
    return [_learnt(one.turns, renderer) for one in given if isinstance(one, Conversation)]


def _learnt(turns: Sequence[Mapping[str, str]], renderer: Renderer) -> Learnt:
    whole, prompt = renderer.render(turns), renderer.render(turns[:-1], generation=True)
    assert whole == f"{BOS}{USER}{turns[0]['content']}{ASSISTANT}{turns[1]['content']}{EOS}"
    ids, before = renderer.encode([whole, prompt])
    assert ids[: len(before)] == before
    return tuple(ids), (*[-100] * len(before), *ids[len(before) :])


def closest(row: Learnt, found: Sequence[Learnt], tokenizer: Any) -> str:
    """Their row that begins most alike, for a person who reads the failure."""

    def alike(other: Learnt) -> int:
        return next((n for n, (a, b) in enumerate(zip(row[0], other[0], strict=False)) if a != b), len(row[0]))

    near = max(found, key=alike)
    same = "with other labels" if near[0] == row[0] else "with other tokens"
    learnt = tokenizer.decode([token for token in near[1] if token != -100])
    return f"{tokenizer.decode(near[0])!r} {same}, of which it learns {learnt!r}"
