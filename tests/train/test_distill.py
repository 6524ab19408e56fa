"""jobs/distill.py on a corpus that a run built: what is learnt, that it is learnt, and that it goes on after a kill."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]
pytest.importorskip("trl")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from jobs import distill as job
from tests.train.corpus import POSITIONS, simulated_corpus, small_base
from tracegen.distill.checkpoints import last_checkpoint
from tracegen.distill.corpus import corpus_at
from tracegen.distill.plan import planned
from tracegen.distill.record import read_record
from tracegen.distill.rows import lengths, tokenized
from tracegen.distill.settings import Order, published
from tracegen.distill.tokenizer import student_tokenizer
from tracegen.distill.training import base_config, load_base, make_trainer, sft_config, shape_of
from tracegen.errors import UserError
from tracegen.students import ASSISTANT, BOS, EOS, USER, load_student, students

ROOT = Path(__file__).parents[2]
FAMILIES = ("qwen-7b", "llama-8b")
STEPS = 24
QUICK = (
    "--learning-rate",
    "5e-3",
    "--batch",
    "8",
    "--micro-batch",
    "4",
    "--epochs",
    "9",
    "--max-length",
    str(POSITIONS),
)
SMALL: dict[str, Any] = {
    "learning_rate": 5e-3,
    "batch": 8,
    "micro_batch": 4,
    "max_length": POSITIONS,
    "dtype": "float32",
}
ENDING = ("--max-steps", str(STEPS), "--save-every", "6", "--dtype", "float32")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_corpus(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def traces(corpus: Path) -> list[tuple[str, str]]:
    said = "SELECT messages[1].content, messages[2].content"
    return duckdb.sql(f"{said} FROM read_parquet('{corpus}/train-*.parquet') ORDER BY id").fetchall()


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def base(family: str, traces: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_base(tmp_path_factory.mktemp("base") / family, family, (part for trace in traces for part in trace))


@pytest.fixture(scope="module")
def trained(family: str, corpus: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that was trained without interruption."""
    output = tmp_path_factory.mktemp("student") / family
    done = distill(corpus, family, base, output)
    assert done.returncode == 0, done.stderr
    return output


def command(corpus: Path, student: str, base: Path, output: Path, *more: str) -> list[str]:
    start = [sys.executable, "jobs/distill.py", str(corpus), "--student", student, "--base", str(base)]
    return [*start, "--output", str(output), *QUICK, *ENDING, *more]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "300"}


def distill(corpus: Path, student: str, base: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    line = command(corpus, student, base, output, *more)
    return subprocess.run(line, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict())


def batches(corpus: Path, family: str, base: Path, output: Path) -> Iterator[tuple[Any, dict[str, torch.Tensor]]]:
    """Every batch that the job's trainer feeds its model, in one epoch, with the tokenizer it was made by."""
    changes = {"base": str(base), "batch": 8, "max_length": POSITIONS, "epochs": 1, "dtype": "float32"}
    settings = published(load_student(family), changes)
    order = Order(str(corpus), settings, output, micro_batch=4)
    tokenizer = student_tokenizer(load_student(family), str(base))
    rows = tokenized(corpus_at(str(corpus), output).files, tokenizer)
    config = base_config(settings)
    plan = planned(settings, lengths(rows), shape_of(config), processes=1, micro_batch=4)
    trainer = make_trainer(order, plan, load_base(settings, config, tokenizer), tokenizer, rows)
    for batch in trainer.get_train_dataloader():
        yield tokenizer, batch


def test_each_batch_learns_the_completion_and_its_end_and_nothing_else(
    corpus: Path, traces: list[tuple[str, str]], family: str, base: Path, tmp_path: Path
) -> None:
    expected = {f"{BOS}{USER}{prompt}{ASSISTANT}": f"{response}{EOS}" for prompt, response in traces}
    seen = []
    for tokenizer, batch in batches(corpus, family, base, tmp_path):
        for ids, labels, attended in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            length = int(attended.sum())
            assert labels[length:].tolist() == [-100] * (len(ids) - length), "padding is learnt"
            ids, labels = ids[:length].tolist(), labels[:length].tolist()
            start = labels.count(-100)
            prompt = tokenizer.decode(ids[:start])
            assert labels == [-100] * start + ids[start:]
            assert tokenizer.decode(ids[start:]) == expected[prompt]
            assert ids[start:] == tokenizer.encode(expected[prompt], add_special_tokens=False)
            assert ids[:start] == tokenizer.encode(prompt, add_special_tokens=False)
            assert ids.count(tokenizer.bos_token_id) == 1 == ids.count(tokenizer.eos_token_id)
            assert labels[-1] == tokenizer.eos_token_id != tokenizer.pad_token_id
            assert tokenizer.convert_tokens_to_ids("</think>") in labels
            seen.append(prompt)
    assert sorted(seen) == sorted(expected), "each sample once an epoch"


def test_trl_itself_makes_the_same_ids_of_the_messages_column(corpus: Path, family: str, base: Path) -> None:
    """Whoever trains with TRL alone, from the glob and the student's template, learns the same."""
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    tokenizer = student_tokenizer(load_student(family), str(base))
    files = sorted(corpus.glob("train-*.parquet"))
    messages = load_dataset("parquet", data_files=list(map(str, files)), split="train", columns=["messages"])
    arguments = SFTConfig(str(base / "trl"), assistant_only_loss=True, max_length=None, use_cpu=True, report_to="none")
    model = AutoModelForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(max(len(tokenizer), model.config.vocab_size))
    theirs = SFTTrainer(model, arguments, train_dataset=messages, processing_class=tokenizer).train_dataset
    ours = tokenized(files, tokenizer)
    assert [list(row) for row in theirs["input_ids"]] == [list(row) for row in ours["input_ids"]]
    assert [list(row) for row in theirs["labels"]] == [list(row) for row in ours["labels"]]


def test_the_loss_falls_and_the_record_tells_what_made_the_student(trained: Path, family: str, corpus: Path) -> None:
    state = json.loads((last_checkpoint(trained) / "trainer_state.json").read_text())  # type: ignore[operator]
    losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    assert sum(losses[-3:]) / 3 < 0.75 * sum(losses[:3]) / 3
    manifest = json.loads((corpus / "manifest.json").read_text())
    record = read_record(trained)
    assert record is not None
    assert record.result is not None
    assert (record.corpus.version, record.corpus.rows) == (manifest["version"], manifest["rows"])
    assert (record.settings.student, record.settings.learning_rate) == (family, 5e-3)
    assert (record.result.steps, record.result.rows) == (STEPS, manifest["rows"])
    rates = [entry["learning_rate"] for entry in state["log_history"] if "learning_rate" in entry]
    assert rates[0] == 5e-3
    assert 5e-4 < rates[-1] < 6e-4


def test_the_student_loads_and_generates(trained: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(trained)
    model = AutoModelForCausalLM.from_pretrained(trained)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is 3 + 3?"}],
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
    )
    said = model.generate(**asked, max_new_tokens=4, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    answer = tokenizer.decode(said[0, asked["input_ids"].shape[1] :])
    assert answer.startswith("<think>"), answer
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_killed_in_the_middle_it_goes_on_to_the_same_weights(
    trained: Path, family: str, corpus: Path, base: Path, tmp_path: Path
) -> None:
    output = tmp_path / "killed"
    with (tmp_path / "log").open("w") as log:
        line = command(corpus, family, base, output)
        process = subprocess.Popen(line, cwd=ROOT, env=environment(), stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while last_checkpoint(output) is None:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert not (output / "model.safetensors").exists()
    torn = output / f"checkpoint-{STEPS - 1}"  # a later one, whose writing was cut
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"")

    resumed = distill(corpus, family, base, output)

    assert resumed.returncode == 0, resumed.stderr
    assert re.search(r"goes on from checkpoint-(6|12|18)\b", resumed.stdout)
    mine, whole = weights(output), weights(trained)
    assert mine.keys() == whole.keys()
    assert all(torch.equal(mine[name], whole[name]) for name in whole)
    assert read_record(output).result.last_loss == read_record(trained).result.last_loss  # type: ignore[union-attr]


def test_another_training_in_the_same_folder_is_refused(trained: Path, family: str, corpus: Path, base: Path) -> None:
    with pytest.raises(UserError, match="seed was 0, is 1; give another --output"):
        job.distill(str(corpus), family, trained, str(base), **SMALL, max_steps=STEPS, epochs=9, dry_run=True, seed=1)


def test_a_dry_run_counts_and_leaves_nothing(
    corpus: Path, family: str, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job.distill(str(corpus), family, tmp_path / "dry", str(base), **SMALL | {"max_length": 100}, dry_run=True)
    rows = json.loads((corpus / "manifest.json").read_text())["rows"]
    sizes = lengths(tokenized(sorted(corpus.glob("*.parquet")), student_tokenizer(load_student(family), str(base))))
    short = [tokens for tokens, _ in sizes if tokens <= 100]
    said = capsys.readouterr().out
    assert 0 < len(short) < rows
    assert f"rows     {len(short)}, {rows - len(short)} more are longer than 100 tokens" in said
    assert f"tokens   {sum(short):,} an epoch" in said
    assert f"steps    {2 * -(-len(short) // 8)} of 8 rows" in said
    assert not (tmp_path / "dry").exists()


def test_rows_that_are_too_long_are_refused_or_left_out_and_never_cut(
    corpus: Path, family: str, base: Path, tmp_path: Path
) -> None:
    options = SMALL | {"max_length": 100, "max_steps": 1}
    with pytest.raises(UserError, match=r"\d+ of \d+ rows are longer than 100 tokens; give --too-long drop"):
        job.distill(str(corpus), family, tmp_path / "long", str(base), **options)
    assert not (tmp_path / "long").exists()
    job.distill(str(corpus), family, tmp_path / "long", str(base), **options, too_long="drop")
    result = read_record(tmp_path / "long").result  # type: ignore[union-attr]
    assert result is not None
    assert result.rows_too_long > 0
    assert result.tokens <= 100 * result.rows


@pytest.mark.parametrize("student", students(), ids=lambda student: student.name)
def test_the_published_settings_are_what_trl_is_given(student: Any, tmp_path: Path) -> None:
    settings = published(student, {})
    plan = planned(
        settings,
        [(1000, 900)] * 804_745,
        shape_of_positions(settings.max_length),
        processes=8,
        micro_batch=1,
    )
    given = sft_config(Order("corpus", settings, tmp_path), plan)
    assert plan.steps == 2 * 12_575
    assert given.per_device_train_batch_size * given.gradient_accumulation_steps * 8 == 64
    assert (given.learning_rate, given.max_steps) == (student.learning_rate, plan.steps)
    assert (given.lr_scheduler_type, given.lr_scheduler_kwargs) == ("cosine_with_min_lr", {"min_lr_rate": 0.1})
    assert (given.max_length, given.packing) == (None, False)


def shape_of_positions(positions: int) -> Any:
    from tracegen.distill.plan import Shape

    return Shape(parameters=1, layers=1, width=1, positions=positions)
