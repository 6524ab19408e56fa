"""Two corpora told apart: what is in one only, what changed and where, and files that need not be read."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.filled import SET, accepted, fill, judgement, recipe
from tracegen.catalog import Answer
from tracegen.corpus.build import build
from tracegen.corpus_differences import between
from tracegen.errors import StoreError, UserError
from tracegen.ledger.layout import verdicts_key
from tracegen.ledger.schema import judgements_to_table, write_parquet
from tracegen.prompts.prepare import load_plan, load_shard
from tracegen.store import SubStore, open_store
from tracegen.types import Outcome

Rows = list[dict[str, Any]]


def corpus(folder: Path, *files: Rows, **manifest: Any) -> str:
    folder.mkdir()
    said = []
    for number, rows in enumerate(files):
        name = f"train-{number:05d}-of-{len(files):05d}.parquet"
        pq.write_table(pa.Table.from_pylist(rows), folder / name)
        said.append({"name": name, "sha256": str(hash(str(rows)))})
    (folder / "manifest.json").write_text(json.dumps({"version": folder.name, "files": said, **manifest}))
    return str(folder)


def row(name: str, tokens: int = 10, domain: str = "math", **columns: Any) -> dict[str, Any]:
    labels = {"run_id": "r", "verdict_set": "s1", "response": f"text of {name}", "pass_rate": 0.5}
    return {"id": name, "domain": domain, "source": f"{domain}-1", "completion_tokens": tokens, **labels, **columns}


def records(answer: Answer) -> Rows:
    return [dict(zip(answer.columns, one, strict=True)) for one in answer.rows]


def counted(answer: Answer) -> dict[object, object]:
    return {one[0]: one[1] for one in answer.rows}


def test_rows_columns_and_mix(tmp_path: Path) -> None:
    labels = {"verdict_set": "s2"}
    same, early, late = [row("a"), row("b")], row("c", 20), row("d", 30, "code")
    a = corpus(tmp_path / "a", [*same, early, late], verdict_set="s1", rows=4, reasons={"x": 1})
    b_rows = [row("a", **labels), row("b", response="other", **labels), row("d", 31, "code", **labels), row("e")]
    b = corpus(tmp_path / "b", b_rows, verdict_set="s2", rows=4, reasons={"x": 2})
    found = between(a, b, sample=5)
    assert found.manifests.rows == [("version", "a", "b"), ("verdict_set", "s1", "s2"), ("reasons.x", 1, 2)]
    assert found.rows.rows == [
        ("changed", 2, 40, 41),
        ("only in a", 1, 20, None),
        ("only in b", 1, None, 10),
        ("same", 1, 10, 10),
    ]
    assert found.columns.rows == [
        ("completion_tokens", "both", 1),
        ("verdict_set", "both", 3),
        ("response", "both", 1),
    ]
    assert {one["id"]: (one["what"], one["columns"]) for one in records(found.sample)} == {
        "b": ("changed", "verdict_set, response"),
        "d": ("changed", "completion_tokens, verdict_set"),
        "c": ("only in a", ""),
        "e": ("only in b", ""),
    }
    code, _, everything = records(found.mix)
    assert (code["rows_a"], code["tokens_b"], code["share_a"], code["shift"]) == (1, 31, 0.25, 0.0)
    counts = ("rows_a", "rows_b", "only_a", "only_b", "changed", "share_b")
    assert [everything[name] for name in counts] == [4, 4, 1, 1, 2, 1.0]


def test_a_shift_of_the_mix_is_seen(tmp_path: Path) -> None:
    a = corpus(tmp_path / "a", [row("a"), row("b", domain="code")])
    b = corpus(tmp_path / "b", [row("a"), row("c"), row("d"), row("b", domain="code")])
    shifts = {one["domain"]: one["shift"] for one in records(between(a, b, sample=0).mix)}
    assert shifts == {"code": -0.25, "math": 0.25, "all": 0.0}


def test_files_that_are_in_both_are_not_read_for_their_text(tmp_path: Path) -> None:
    a = corpus(tmp_path / "a", [row("a")], [row("b")])
    b = corpus(tmp_path / "b", [row("a")], [row("b", response="other")])
    # Its digest says that it is the same file, so nobody looks at what else is in it.
    pq.write_table(pa.Table.from_pylist([row("a", response="unseen")]), tmp_path / "b" / "train-00000-of-00002.parquet")
    found = between(a, b, sample=5)
    assert counted(found.rows) == {"changed": 1, "same": 1}
    assert [one["id"] for one in records(found.sample)] == ["b"]


def test_columns_that_only_one_has(tmp_path: Path) -> None:
    a = corpus(tmp_path / "a", [row("a", messages=[{"role": "user"}])])
    b = corpus(tmp_path / "b", [row("a", licence="MIT")])
    found = between(a, b, sample=5)
    assert found.columns.rows == [("messages", "only a", None), ("licence", "only b", None)]
    assert counted(found.rows) == {"same": 1}


def test_a_null_is_a_value(tmp_path: Path) -> None:
    a = corpus(tmp_path / "a", [row("a", pass_rate=None), row("b", pass_rate=None)])
    b = corpus(tmp_path / "b", [row("a"), row("b", pass_rate=None)])
    assert counted(between(a, b, sample=5).rows) == {"changed": 1, "same": 1}


def test_without_manifests_every_file_is_read(tmp_path: Path) -> None:
    a, b = corpus(tmp_path / "a", [row("a")]), corpus(tmp_path / "b", [row("a", response="other")])
    Path(b, "manifest.json").unlink()
    found = between(a, b, sample=5)
    assert found.manifests.rows == [("version", "a", None)]
    assert counted(found.rows) == {"changed": 1}


def test_the_sample_is_the_same_again(tmp_path: Path) -> None:
    a = corpus(tmp_path / "a", [row(f"a{n}") for n in range(50)])
    b = corpus(tmp_path / "b", [row("z")])
    first, again, other = (between(a, b, sample=3, seed=seed).sample for seed in (0, 0, 1))
    assert first == again != other
    assert len(first.rows) == 4


def test_versions_of_a_run(tmp_path: Path) -> None:
    uri, of = str(tmp_path / "store"), recipe()
    store = SubStore(open_store(uri), "r-1")
    fill(store, tmp_path, of, accepted, attempts=1)
    first = build(store, of, SET, "r-1")
    shards = load_plan(store).shards
    for number, shard in enumerate(shards):
        outcome = Outcome.CORRECT if number else Outcome.INCORRECT
        judged = [judgement(one, shard.shard_id, 0, outcome) for one in load_shard(store, shard.shard_id)]
        store.put(verdicts_key("strict-1", shard.shard_id), write_parquet(judgements_to_table(judged)))
    second = build(store, of, "strict-1", "r-1")
    found = between(first.path, second.path, sample=1)
    gone = shards[0].prompts
    assert counted(found.rows) == {"only in a": gone, "same": 40 - gone}
    assert found.columns.rows == [("verdict_set", "both", 40 - gone)]
    assert ("verdict_set", SET, "strict-1") in found.manifests.rows
    alike = between(first.path, first.path, sample=5)
    assert (alike.manifests.rows, counted(alike.rows), alike.columns.rows) == ([], {"same": 40}, [])


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    a, b = corpus(tmp_path / "a", [row("a")]), corpus(tmp_path / "b", [row("a")])
    with pytest.raises(UserError, match=r"no corpus in .*/c; name a folder with train-"):
        between(a, str(tmp_path / "c"), sample=1)
    Path(b, "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        between(a, b, sample=1)
    Path(b, "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"cannot read .*/b/train-"):
        between(a, b, sample=1)
    strange = corpus(tmp_path / "strange", [{"id": "a", "text": "no domain"}])
    with pytest.raises(UserError, match="strange: no column 'domain', 'source', 'completion_tokens'"):
        between(a, strange, sample=1)
