"""`tracegen browse` and `tracegen notes` as a person types them."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.browse.places import RUN, full_run
from tracegen.browse.notes import Note, read_notes, write_note
from tracegen.catalog import query
from tracegen.cli import main
from tracegen.errors import StoreError
from tracegen.store import SubStore, open_store


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    said = capsys.readouterr()
    return int(str(ending.value.code)), said.out, said.err


def test_it_serves_until_it_is_stopped(full_store: Path) -> None:
    command = [sys.executable, "-m", "tracegen", "browse", RUN, "--store", str(full_store), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told.startswith("open http://127.0.0.1:"), told
        url = told.split()[1]
        with urllib.request.urlopen(f"{url}api/about") as answer:
            assert json.load(answer)["title"] == RUN
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.strip() == "stopped"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("browse", "nobody"), "no run 'nobody'"),
        (("browse", "./nowhere/at/all"), "no corpus in"),
        (("browse", RUN, "--set", "mine"), "no verdict set 'mine'"),
        (("browse", "./a/corpus", "--set", "mine"), "--set does not go with a corpus"),
        (("notes", RUN, "--export"), "has no notes"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], full_store: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, errors = asked(capsys, *arguments, "--store", str(full_store))
    assert code == 2
    assert words in errors
    assert errors.count("\n") == 1


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str], full_store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, errors = asked(capsys, "browse", RUN, "--store", str(full_store), "--port", port)
    assert code == 2
    assert "cannot listen on 127.0.0.1" in errors
    assert errors.count("\n") == 1


def test_notes_are_listed_and_exported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    store = full_run(uri, tmp_path, built=False)
    (row,) = query(uri, RUN, "SELECT attempt_id FROM completions ORDER BY 1 LIMIT 1").rows
    write_note(store, Note(str(row[0]), "wrong", "a gap", 5.0))
    write_note(store, Note("no-such-attempt.0000", "right", "", 5.0))
    code, out, _ = asked(capsys, "notes", "--store", uri, "--json")
    assert code == 0
    assert {note["mark"] for note in json.loads(out)} == {"wrong", "right"}
    code, out, errors = asked(capsys, "notes", "--store", uri, "--export")
    assert out == "verdict set human: 1 verdicts (1 incorrect)\n"
    assert errors.startswith("1 notes are left out")
    code, out, _ = asked(capsys, "diff-verdicts", "math-1", "human", "--store", uri, "--json")
    assert code == 0
    assert any(one["outcome_b"] == "incorrect" for one in json.loads(out)["outcomes"])


def test_a_damaged_note_is_named(tmp_path: Path) -> None:
    store = SubStore(open_store(str(tmp_path)), RUN)
    store.put("notes/a.json", b"{")
    with pytest.raises(StoreError, match=r"notes/a\.json"):
        read_notes(store)
