"""`tracegen lint`, `export` and `students` as a person meets them: output, exit codes, one-line errors."""

import json
import sys
from pathlib import Path

import pytest

from tests.simulated_run import order, recipe_file
from tests.tokenizers import small_tokenizer
from tracegen.cli import main
from tracegen.run import run

GOOD = {"role": "assistant", "content": "<think>\nr\n</think>\n\n42"}
DROPPED = {"role": "assistant", "content": "42"}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tokenizer")
    small_tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one run in it, and its corpus."""
    folder = tmp_path_factory.mktemp("run")
    run(order(recipe_file(folder, prompts=16)), lambda _: None)
    return folder / "store"


def tracegen(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    return int(ending.value.code or 0)


def rows(folder: Path, *answers: dict[str, str]) -> Path:
    path = folder / "rows.jsonl"
    found = ({"messages": [{"role": "user", "content": "6 x 7?"}, answer]} for answer in answers)
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def test_a_run_is_linted_by_the_beginning_of_its_id_or_by_its_folder(
    store: Path, tokenizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (path.parent for path in store.glob("*/run.json"))
    for place in ("simul", folder):
        assert tracegen("lint", place, "--store", store, "--student", "qwen-7b", "--tokenizer", tokenizer) == 0
        printed = capsys.readouterr().out
        assert "rows of messages, for qwen-7b as trl, llama-factory, axolotl, verl, nemo" in printed
        assert printed.rstrip().endswith("clean")


def test_faults_are_told_with_examples_and_what_to_do(
    tmp_path: Path, tokenizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = rows(tmp_path, GOOD, DROPPED)
    assert tracegen("lint", path, "--student", "qwen-7b", "--tokenizer", tokenizer) == 1
    printed = capsys.readouterr().out
    assert "missing_think" in printed
    assert "row 2" in printed
    assert "missing_think: write <think>" in printed


def test_the_faults_as_json(tmp_path: Path, tokenizer: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--tokenizer", tokenizer, "--for", "trl", "--max-length", "5", "--sample", "all", "--json")
    assert tracegen("lint", rows(tmp_path, GOOD, DROPPED), "--student", "qwen-7b", *options) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["rendered"], found["clean"]) == (2, 2, False)
    assert [one["fault"] for one in found["faults"]] == ["missing_think", "too_long"]
    assert found["faults"][0]["examples"] == ["row 2"]
    assert found["lengths"]["over"] == 2


def test_the_tokenizers_own_template_can_be_linted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tokenizer: str
) -> None:
    loaded = small_tokenizer()
    loaded.chat_template = "{{ bos_token }}{{ messages[-1]['content'].split('</think>')[-1] }}{{ eos_token }}"
    loaded.save_pretrained(tmp_path / "own")
    path = rows(tmp_path, GOOD)
    own = ("--student", "qwen-7b", "--tokenizer", tmp_path / "own", "--chat-template", "tokenizer")
    assert tracegen("lint", path, *own) == 1
    assert "dropped_reasoning" in capsys.readouterr().out
    (tmp_path / "own.jinja").write_text(loaded.chat_template)
    files = ("--student", "qwen-7b", "--tokenizer", tokenizer, "--chat-template", tmp_path / "own.jinja")
    assert tracegen("lint", path, *files) == 1
    assert "dropped_reasoning" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--student", "qwen7b"), "unknown student 'qwen7b'; did you mean 'qwen-7b'?"),
        (("--student", "qwen-7b", "--for", "trll"), "unknown trainer 'trll'; did you mean 'trl'?"),
        (("--student", "qwen-7b", "--sample", "some"), "--sample some: a number of rows is needed, or all"),
        (("--student", "qwen-7b", "--tokenizer", "/nowhere"), "no tokenizer at /nowhere: no such folder; name"),
        (("--student", "qwen-7b", "--tokenizer", "/dev"), "no tokenizer in /dev: neither tokenizer.json nor"),
        (("--student", "qwen-7b", "--chat-template", "/no.jinja"), "no chat template /no.jinja: no such file"),
        (("--student", "qwen-7b", "--chat-template", "tokenizer"), "has no chat template"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: tuple[str, ...], said: str, tmp_path: Path, tokenizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments if "--tokenizer" in arguments else (*arguments, "--tokenizer", tokenizer)
    assert tracegen("lint", rows(tmp_path, GOOD), *given) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_template_that_cannot_be_read_is_no_fault_of_the_rows(
    tmp_path: Path, tokenizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.jinja").write_text("{{ bos_token }}\n{{ messages[0]")
    given = ("--student", "qwen-7b", "--tokenizer", tokenizer, "--chat-template", tmp_path / "wrong.jinja")
    assert tracegen("lint", rows(tmp_path, GOOD), *given) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: the chat template is wrong in line 2: ")
    assert error.count("\n") == 1


def test_what_is_no_dataset_and_no_run_is_told_in_one_line(
    store: Path, tmp_path: Path, tokenizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = (("no/rows", "no rows there"), ("no.parquet", "no rows there"), (tmp_path, "no rows there"))
    for place, said in (("nothing", "no run 'nothing'"), *nowhere):
        assert tracegen("lint", place, "--student", "qwen-7b", "--tokenizer", tokenizer, "--store", store) == 2
        assert said in capsys.readouterr().err


def test_a_missing_library_is_told_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert tracegen("lint", rows(tmp_path, GOOD), "--student", "qwen-7b") == 2
    assert "pip install 'transformers>=4.50' 'jinja2>=3.1'" in capsys.readouterr().err


def test_an_export_says_what_it_wrote(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    asked = ("export", "simul", "--store", store, "--for", "axolotl", "--student", "llama-8b", "--out", out)
    assert tracegen(*asked) == 0
    printed = capsys.readouterr().out
    assert "rows for axolotl and llama-8b" in printed
    assert "rows exceed the context of 32,768 tokens" in printed
    assert tracegen(*asked) == 2
    assert "is there already" in capsys.readouterr().err
    assert tracegen("export", "simul", "--store", store, "--for", "trl", "--out", tmp_path / "b", "--json") == 0
    assert json.loads(capsys.readouterr().out)["over_context"] == 0


def test_the_students_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert tracegen("students") == 0
    assert "Qwen/Qwen2.5-Math-7B" in capsys.readouterr().out
    assert tracegen("students", "--json") == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)][-1] == "llama-70b"
