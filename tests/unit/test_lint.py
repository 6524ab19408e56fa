"""Lint: every fault planted by itself and found, none found in rows that are as they should be."""

import gzip
import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tokenizers import real_tokenizer, small_tokenizer
from tracegen.errors import UserError
from tracegen.students import BOS, EOS, Student, load_student, students
from tracegen.training.dataset import open_dataset
from tracegen.training.faults import ADVICE, OF_EVERY_ROW, Fault
from tracegen.training.lint import Linted, Linting, lint
from tracegen.training.tokens import Renderer
from tracegen.training.trainers import Trainer

ASKED = "What is six times seven?\nPut it in \\boxed{}."
REASONING = "Okay, six sevens.\n\nThat is forty-two."
ANSWERED = f"<think>\n{REASONING}\n</think>\n\nIt is \\boxed{{42}}."
UNTHINKING = "<think>\n\n</think>\n\nHello!"

PUBLISHED = """{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}{% endif %}
{%- if m['role'] == 'assistant' %}{{ '<｜Assistant｜>' + m['content'].split('</think>')[-1] + '<｜end▁of▁sentence｜>' }}
{%- endif %}{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"""
"""As the distills have it: the reasoning is dropped."""

Row = dict[str, Any]


def row(asked: str = ASKED, answered: Any = ANSWERED, **others: Any) -> Row:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}], **others}


@cache
def tokenizer() -> Any:
    return small_tokenizer()


def renderer(template: str = "", **changed: Any) -> Renderer:
    loaded = tokenizer()
    if changed:
        loaded = small_tokenizer()
        for name, value in changed.items():
            setattr(loaded, name, value)
    return Renderer(loaded, template or load_student("qwen-7b").template, is_students=not template)


def written(folder: Path, rows: Sequence[Row]) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return str(path)


def linted(
    folder: Path,
    rows: Sequence[Row],
    renders: Renderer | None = None,
    trainers: tuple[Trainer, ...] = (),
    max_length: int = 4096,
    student: str = "qwen-7b",
) -> Linted:
    return lint(
        Linting(
            dataset=open_dataset(written(folder, rows)),
            student=load_student(student),
            renderer=renders or renderer(),
            max_length=max_length,
            trainers=trainers,
            sample=None,
        )
    )


def template(changed: str, into: str) -> str:
    whole = load_student("qwen-7b").template
    assert changed in whole
    return whole.replace(changed, into)


CLEAN: Mapping[str, Row] = {
    "a trace": row(),
    "a trace with an id": row(id="p.0001"),
    "a system message": {"messages": [{"role": "system", "content": "Be brief."}, *row()["messages"]]},
    "two turns": {"messages": [*row()["messages"], *row()["messages"]]},
    "no thinking, and the row says so": row(answered=UNTHINKING, thinking=False),
    "an answer that speaks of tags": row(answered=ANSWERED + " I used < and >."),
    "a prompt that speaks of thinking": row(asked="What does <think> mean?"),
    "Chinese": row("六乘七等于几？", "<think>\n六七四十二。\n</think>\n\n四十二。"),
    "reasoning that begins with spaces": row(answered="<think>\n    x = 42\n</think>\n\n42"),
    "no blank line after the thinking": row(answered="<think>\nr\n</think>\n42"),
    "prompt and response": {"prompt": ASKED, "response": ANSWERED},
    "prompt and completion, as lists": {"prompt": row()["messages"][:1], "completion": row()["messages"][1:]},
    "a rendered text": {"text": f"<｜User｜>{ASKED}<｜Assistant｜>{ANSWERED}"},
    "rendered prompt and completion": {"prompt": f"<｜User｜>{ASKED}<｜Assistant｜>", "completion": ANSWERED},
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_row_that_is_as_it_should_be_has_no_fault(name: str, tmp_path: Path) -> None:
    found = linted(tmp_path, [CLEAN[name]])
    assert found.found == {}
    assert found.rows == found.rendered == 1


PLANTED: Sequence[tuple[str, Fault, Row]] = (
    ("a turn is no text", Fault.NOT_TEXT, row(answered=None)),
    ("a turn is a list of parts", Fault.NOT_TEXT, row(answered=[{"type": "text", "text": ANSWERED}])),
    ("there are no turns", Fault.WRONG_ROLES, {"messages": []}),
    ("nobody answers", Fault.WRONG_ROLES, {"messages": row()["messages"][:1]}),
    ("two users", Fault.WRONG_ROLES, {"messages": [row()["messages"][0], *row()["messages"]]}),
    ("an unknown role", Fault.WRONG_ROLES, {"messages": [*row()["messages"][:1], {"role": "gpt", "content": "x"}]}),
    ("an empty answer", Fault.EMPTY_ANSWER, row(answered=" \n")),
    ("nothing after the thinking", Fault.EMPTY_ANSWER, row(answered="<think>\nr\n</think>\n\n")),
    ("no tags", Fault.MISSING_THINK, row(answered="42")),
    ("no opening tag", Fault.MISSING_THINK, row(answered=ANSWERED.removeprefix("<think>\n"))),
    ("no closing tag", Fault.MISSING_THINK, row(answered=ANSWERED.replace("</think>", ""))),
    ("two opening tags", Fault.DOUBLED_THINK, row(answered="<think>\n" + ANSWERED)),
    ("two closing tags", Fault.DOUBLED_THINK, row(answered=ANSWERED + "</think>")),
    ("text before the thinking", Fault.MISPLACED_THINK, row(answered="Sure. " + ANSWERED)),
    ("the tags the wrong way round", Fault.MISPLACED_THINK, row(answered="</think>r<think>a")),
    ("no reasoning, and the row does not say so", Fault.EMPTY_REASONING, row(answered=UNTHINKING)),
    ("no reasoning in a row that has some", Fault.EMPTY_REASONING, row(answered=UNTHINKING, thinking=True)),
    ("an end of the sentence inside", Fault.MARK_INSIDE, row(answered=ANSWERED.replace("42", "<｜end▁of▁sentence｜>"))),
    ("a turn inside the prompt", Fault.MARK_INSIDE, row(asked="Q<｜Assistant｜>A")),
    ("a column that is never filled", Fault.NULL_COLUMN, row(verified=None)),
    ("a row that is too long", Fault.TOO_LONG, row(asked=ASKED * 400)),
    ("a text that begins with the mark", Fault.DOUBLED_BOS, {"text": f"{BOS}<｜User｜>{ASKED}<｜Assistant｜>{ANSWERED}"}),
    ("strings that nobody rendered", Fault.NO_TEMPLATE, {"prompt": ASKED, "completion": ANSWERED}),
    ("a text without tags", Fault.MISSING_THINK, {"text": f"<｜User｜>{ASKED}<｜Assistant｜>42"}),
    ("a text with tags twice", Fault.DOUBLED_THINK, {"text": f"<｜User｜>{ASKED}<｜Assistant｜><think>\n{ANSWERED}"}),
    ("an empty text", Fault.EMPTY_ANSWER, {"text": ""}),
)  # fmt: skip


@pytest.mark.parametrize(("name", "fault", "bad"), PLANTED, ids=[name for name, _, _ in PLANTED])
def test_a_planted_row_is_found_and_nothing_else_is(name: str, fault: Fault, bad: Row, tmp_path: Path) -> None:
    found = linted(tmp_path, [bad])
    allowed = {Fault.NO_TEMPLATE} if fault is Fault.EMPTY_ANSWER and "text" in bad else set()
    assert set(found.found) - allowed == {fault}
    assert found.found[fault].rows == 1


TEMPLATES: Sequence[tuple[str, Fault, str, tuple[str, ...]]] = (
    (
        "the published one drops the reasoning",
        Fault.DROPPED_REASONING,
        PUBLISHED,
        ("trl", "axolotl", "verl", "nemo"),
    ),
    (
        "a generation prompt that the turn does not begin with",
        Fault.NOT_A_PREFIX,
        template("('<think>\\n' if thinking else '')", "'<think>\\n\\n'"),
        ("trl", "axolotl", "verl", "nemo"),
    ),
    (
        "one that adds a tag of its own",
        Fault.DOUBLED_THINK,
        template("{{- '<｜Assistant｜>' -}}", "{{- '<｜Assistant｜><think>\\n' -}}").replace(
            "'<｜Assistant｜>' + (", "'<｜Assistant｜><think>\\n' + ("
        ),
        ("trl", "axolotl", "verl", "nemo"),
    ),
    (
        "one without an end of the sentence",
        Fault.NO_EOS,
        template("message['content'] + '<｜end▁of▁sentence｜>'", "message['content']"),
        ("trl", "axolotl", "verl", "nemo"),
    ),
    (
        "one that begins twice",
        Fault.DOUBLED_BOS,
        template("bos_token + ns.system", "bos_token + bos_token + ns.system"),
        ("trl", "axolotl", "verl", "nemo"),
    ),
    (
        "one that counts the turns",
        Fault.DIFFERING_TURNS,
        template("{{- '<｜User｜>' +", "{{- loop.length ~ '<｜User｜>' +").replace("'<｜Assistant｜>' + (", "'' + ("),
        ("verl",),
    ),
    ("one that refuses", Fault.TEMPLATE_REFUSES, "{{ raise_exception('no') }}", tuple(Trainer)),
)


@pytest.mark.parametrize(("name", "fault", "source", "who"), TEMPLATES, ids=[name for name, _, _, _ in TEMPLATES])
def test_a_template_at_fault_is_found_with_those_who_use_it(
    name: str, fault: Fault, source: str, who: tuple[str, ...], tmp_path: Path
) -> None:
    found = linted(tmp_path, [row()], renderer(source))
    assert fault in found.found
    assert found.found[fault].trainers == set(who)


def test_verl_doubles_the_tag_where_the_generation_prompt_has_it_and_the_response_too(tmp_path: Path) -> None:
    thinks = renderer(template("('<think>\\n' if thinking else '')", "'<think>\\n'"))
    found = linted(tmp_path, [{"prompt": ASKED, "response": ANSWERED}], thinks)
    assert found.found[Fault.DOUBLED_THINK].trainers == {Trainer.VERL}


def test_rows_without_thinking_do_not_go_with_a_prompt_that_forces_it(tmp_path: Path) -> None:
    """``\\n\\n`` is one token in Qwen's and Llama's vocabularies, so a prompt in ``<think>\\n`` is no prefix there."""
    source = template("('<think>\\n' if thinking else '')", "'<think>\\n'")
    renders = Renderer(real_tokenizer(load_student("qwen-7b")), source, is_students=False)
    found = linted(tmp_path, [row(answered=UNTHINKING, thinking=False)], renders, (Trainer.TRL,))
    assert set(found.found) == {Fault.NOT_A_PREFIX}
    assert linted(tmp_path, [row()], renders, (Trainer.TRL,)).clean


def test_an_end_of_the_sentence_that_is_not_the_tokenizers_is_found(tmp_path: Path) -> None:
    found = linted(tmp_path, [row()], renderer(eos_token="<|quad_end|>"), (Trainer.TRL,))
    assert set(found.found) == {Fault.NO_EOS}


def test_a_tokenizer_without_the_special_tokens_is_found(tmp_path: Path) -> None:
    plain = Renderer(small_tokenizer(special=(BOS, EOS)), renderer().template, is_students=True)
    found = linted(tmp_path, [row()], plain)
    assert set(found.found) == {Fault.SPLIT_TOKEN}
    assert found.found[Fault.SPLIT_TOKEN].examples == ["<｜User｜>", "<｜Assistant｜>", "<think>"]


def test_every_fault_is_planted_above_and_has_advice() -> None:
    planted = {fault for _, fault, _ in PLANTED} | {fault for _, fault, _, _ in TEMPLATES} | {Fault.SPLIT_TOKEN}
    assert planted == set(Fault) == set(ADVICE)
    assert set(Fault) > OF_EVERY_ROW


def test_what_too_long_rows_would_cost_is_counted(tmp_path: Path) -> None:
    length = linted(tmp_path, [row()]).lengths.tokens
    found = linted(tmp_path, [row(), row(asked=ASKED + "!" * 7)], max_length=length)
    assert (found.lengths.over, found.lengths.lost, found.lengths.longest) == (1, 7, length + 7)
    assert found.found[Fault.TOO_LONG].examples == ["row 2"]


def test_a_row_counts_once_whoever_sees_its_fault(tmp_path: Path) -> None:
    found = linted(tmp_path, [row(answered="42") for _ in range(5)])
    assert found.found[Fault.MISSING_THINK].rows == 5
    assert found.found[Fault.MISSING_THINK].examples == ["row 1", "row 2", "row 3"]


def test_every_row_is_read_and_a_sample_is_rendered(tmp_path: Path) -> None:
    rows = [row() for _ in range(100)] + [row(answered="42")]
    asked = Linting(open_dataset(written(tmp_path, rows)), load_student("qwen-7b"), renderer(), 4096, sample=10)
    found = lint(asked, clock=count(1.0).__next__)
    assert (found.rows, found.rendered, found.rendering_s, found.wall_s) == (101, 10, 1.0, 3.0)
    assert found.found[Fault.MISSING_THINK].examples == ["row 101"]


EACH = pytest.mark.parametrize("student", students(), ids=lambda student: student.name)


@EACH
def test_rows_pass_for_each_student_on_its_real_vocabulary(student: Student, tmp_path: Path) -> None:
    renders = Renderer(real_tokenizer(student), student.template, is_students=True)
    rows = [CLEAN["a trace"], CLEAN["Chinese"], CLEAN["reasoning that begins with spaces"], CLEAN["two turns"]]
    rows.append(row(answered=UNTHINKING, thinking=False))
    found = linted(tmp_path, rows, renders, student=student.name)
    assert found.found == {}
    assert found.rendered == 5
    assert set(found.trainers) == set(Trainer)


# --- datasets ---------------------------------------------------------------------------------------------------


def test_a_null_column_of_a_parquet_file_is_found_also_within_structs(tmp_path: Path) -> None:
    table = pa.table(
        {
            "messages": [row()["messages"]],
            "verified": pa.array([None], pa.null()),
            "info": pa.array([{"score": None}], pa.struct([("score", pa.null())])),
            "scores": pa.array([[]], pa.list_(pa.null())),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    asked = Linting(open_dataset(str(tmp_path)), load_student("qwen-7b"), renderer(), 4096)
    assert lint(asked).found[Fault.NULL_COLUMN].examples == ["verified", "info.score", "scores"]


def test_a_typed_column_without_values_is_no_fault(tmp_path: Path) -> None:
    table = pa.table({"messages": [row()["messages"]], "note": pa.array([None], pa.string())})
    pq.write_table(table, tmp_path / "rows.parquet")
    assert lint(Linting(open_dataset(str(tmp_path)), load_student("qwen-7b"), renderer(), 4096)).clean


def test_gzipped_rows_globs_and_folders_are_read(tmp_path: Path) -> None:
    lines = json.dumps(row()) + "\n\n" + json.dumps(row()) + "\n"
    (tmp_path / "part").mkdir()
    with gzip.open(tmp_path / "part" / "a.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(lines)
    (tmp_path / "part" / "notes.txt").write_text("nothing")
    for place in (tmp_path, tmp_path / "part" / "*.jsonl.gz", tmp_path / "part" / "a.jsonl.gz"):
        dataset = open_dataset(str(place))
        assert dataset.rows == 2
        assert [len(batch) for batch in dataset.batches()] == [2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no column messages"),
        ('{"messages": [', "line 1: not JSON"),
        ("[1, 2]\n", "a JSON object is needed, not list"),
        ('{"question": "Q", "answer": "A"}\n', "columns there: question, answer"),
    ],
)
def test_a_file_that_is_no_dataset_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(UserError, match=said):
        lint(Linting(open_dataset(str(tmp_path)), load_student("qwen-7b"), renderer(), 4096))


def test_a_damaged_parquet_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no rows there"):
        open_dataset(str(tmp_path))
    with pytest.raises(UserError, match="no rows there"):
        open_dataset(str(tmp_path / "absent"))
    (tmp_path / "rows.parquet").write_text("PAR1 this is none")
    with pytest.raises(UserError, match="expected Parquet"):
        open_dataset(str(tmp_path))


def test_a_trainer_that_does_not_read_such_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"axolotl does not read rows of prompt and response; it reads messages"):
        linted(tmp_path, [{"prompt": ASKED, "response": ANSWERED}], trainers=(Trainer.AXOLOTL,))


def test_a_limit_that_came_with_the_tokenizer_cuts_nothing(tmp_path: Path) -> None:
    limited = small_tokenizer()
    limited.backend_tokenizer.enable_truncation(8)
    whole = Renderer(small_tokenizer(), renderer().template, is_students=True).encode([ASKED])
    assert Renderer(limited, renderer().template, is_students=True).encode([ASKED]) == whole
    assert len(whole[0]) > 8
