"""Views over a run: right when empty, right while it grows, and one line for SQL that is wrong."""

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.filled import SET, accepted, fill, judgement, recipe, settle
from tests.servers.seaweed import S3Server
from tests.unit.test_sources import SOURCE
from tracegen.catalog import Answer, ask, newest_corpus, open_catalog, open_corpora, query, reading
from tracegen.catalog.connection import connect
from tracegen.corpus.build import build
from tracegen.corpus.schema import SAMPLE
from tracegen.corpus_differences import between
from tracegen.errors import Interrupted, PromptError, UserError
from tracegen.ledger.layout import completions_key, verdicts_key
from tracegen.ledger.schema import COMPLETION, judgements_to_table, write_parquet
from tracegen.ledger.settle import settled_shards
from tracegen.prompts.prepare import load_plan, load_shard
from tracegen.prompts.schema import PROMPT
from tracegen.prompts.sources import rows
from tracegen.runtime.resume import settled_counts
from tracegen.scheduling.tokens import CAUSES
from tracegen.store import SubStore, open_store
from tracegen.types import Outcome


def run(uri: str) -> SubStore:
    return SubStore(open_store(uri), "r-1")


def count(uri: str, view: str) -> object:
    return query(uri, "r-1", f"SELECT count(*) FROM {view}").rows[0][0]


def filled(uri: str, base: Path) -> SubStore:
    store, of = run(uri), recipe()
    fill(store, base, of)
    build(store, of, SET, "r-1")
    return store


def test_views_of_a_whole_run(tmp_path: Path) -> None:
    uri = str(tmp_path / "it's [a] store")
    store = filled(uri, tmp_path)
    assert [count(uri, view) for view in ("prompts", "completions", "verdicts")] == [40, 160, 160]
    assert count(uri, "corpus") == newest_corpus(store).rows  # type: ignore[union-attr]
    answer = query(uri, "r-1", "SELECT verdict_set, outcome, count(*) AS n FROM verdicts GROUP BY ALL ORDER BY ALL")
    assert answer.columns == ("verdict_set", "outcome", "n")
    assert {row[0] for row in answer.rows} == {SET}
    parts = r"'<think>' || chr(10) || reasoning || chr(10) || '</think>' || chr(10) || chr(10) || answer"
    whole = f"SELECT DISTINCT response = {parts}, response = messages[2].content, prompt = user_turn FROM corpus"
    assert query(uri, "r-1", whole).rows == [(True, True, True)]
    joined = "FROM corpus JOIN completions ON id = attempt_id JOIN prompts p ON p.prompt_id = corpus.prompt_id"
    assert query(uri, "r-1", f"SELECT count(*) {joined} WHERE contains(corpus.prompt, p.text)").rows == [
        (count(uri, "corpus"),)
    ]


def test_a_run_that_has_only_begun_has_empty_views_with_the_same_columns(tmp_path: Path) -> None:
    begun, whole = str(tmp_path / "begun"), str(tmp_path / "whole")
    run(begun).put("note", b"")
    filled(whole, tmp_path)
    for view in ("corpus", "prompts", "completions", "verdicts"):
        assert count(begun, view) == 0
        assert query(begun, "r-1", f"DESCRIBE {view}").rows == query(whole, "r-1", f"DESCRIBE {view}").rows


def test_duckdb_reports_the_schemas(tmp_path: Path) -> None:
    filled(str(tmp_path / "store"), tmp_path)
    with open_catalog(str(tmp_path / "store"), "r-1", threads=1, memory_bytes=10**9) as connection:
        for view, schema in (("samples", SAMPLE), ("prompts", PROMPT), ("completions", COMPLETION)):
            reported = connection.sql(f"SELECT * FROM {view}").to_arrow_table().schema
            assert reported.names == schema.names
            assert [plain(field.type) for field in reported] == [plain(field.type) for field in schema]
        assert connection.sql("SELECT current_setting('threads')").fetchall() == [(1,)]


def plain(kind: pa.DataType) -> str:
    """DuckDB knows one kind of text, and calls a list's item differently."""
    return str(kind).replace("large_", "").replace(" not null", "").replace("element", "l").replace("child", "l")


def test_views_follow_a_run_that_grows(tmp_path: Path) -> None:
    uri, of = str(tmp_path / "store"), recipe()
    store = run(uri)
    fill(store, tmp_path, of, accepted)
    first, *_ = load_plan(store).shards
    data = store.get(completions_key(first.shard_id))
    store.delete(completions_key(first.shard_id))
    with open_catalog(uri, "r-1") as connection:
        assert ask(connection, "SELECT count(*) FROM completions").rows == [(160 - 4 * first.prompts,)]
        store.put(completions_key(first.shard_id), data)
        assert ask(connection, "SELECT count(*) FROM completions").rows == [(160,)]


def test_the_newest_corpus_is_shown(tmp_path: Path) -> None:
    uri, of = str(tmp_path / "store"), recipe()
    store = run(uri)
    fill(store, tmp_path, of, accepted, attempts=1)
    shards = load_plan(store).shards
    store.delete(completions_key(shards[0].shard_id))
    build(store, of, SET, "r-1")
    settle(store, shards[0].shard_id, accepted, 1)
    assert build(store, of, SET, "r-1").rows == count(uri, "corpus") == 40
    for shard in shards:
        judged = [judgement(one, shard.shard_id, 0, Outcome.UNDECIDED) for one in load_shard(store, shard.shard_id)]
        store.put(verdicts_key("weak-1", shard.shard_id), write_parquet(judgements_to_table(judged)))
    assert build(store, of, "weak-1", "r-1").rows == 0
    assert count(uri, "corpus") == 40
    assert query(uri, "r-1", "SELECT DISTINCT verdict_set FROM verdicts ORDER BY 1").rows == [(SET,), ("weak-1",)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELEC 1", 'query refused: Parser Error: syntax error at or near "SELEC"'),
        ("SELECT domian FROM corpus", 'Candidate bindings: "domain"'),
        (
            "SELECT * FROM traces",
            "there is: samples, prompts, left_out, completions, verdicts, judged, run, corpus, waste, suspects",
        ),
        ("SELECT 'a'::INT", "Could not convert string 'a' to INT32"),
        ("SELECT * FROM 's3://b/k.parquet'", "query "),
    ],
)
def test_wrong_sql_is_one_line(tmp_path: Path, sql: str, expected: str) -> None:
    run(str(tmp_path)).put("note", b"")
    with pytest.raises(UserError) as caught:
        query(str(tmp_path), "r-1", sql)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_statements_without_rows_and_no_statement_at_all(tmp_path: Path) -> None:
    run(str(tmp_path)).put("note", b"")
    assert query(str(tmp_path), "r-1", "").rows == []
    assert query(str(tmp_path), "r-1", "SELECT 1 AS one WHERE false") == Answer(("one",), [])


def test_an_interrupted_statement_is_no_refused_one() -> None:
    with connect() as connection:
        Timer(0.2, connection.interrupt).start()
        with pytest.raises(Interrupted):
            ask(connection, "SELECT sum(sqrt(range)) FROM range(100000000000)")


def test_no_such_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run 'r-1' in"):
        query(str(tmp_path), "r-1", "SELECT 1")


def no_httpfs(_: duckdb.DuckDBPyConnection) -> bool:
    return False


@pytest.fixture
def s3_store(s3_server: S3Server, s3_uri: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    return s3_uri


@pytest.mark.s3
@pytest.mark.parametrize("load", [reading.load_httpfs, no_httpfs], ids=["duckdb", "arrow"])
def test_views_over_s3(
    tmp_path: Path, s3_store: str, monkeypatch: pytest.MonkeyPatch, load: Callable[[duckdb.DuckDBPyConnection], bool]
) -> None:
    monkeypatch.setattr(reading, "load_httpfs", load)
    store = filled(s3_store, tmp_path)
    assert [count(s3_store, view) for view in ("prompts", "completions", "verdicts")] == [40, 160, 160]
    assert count(s3_store, "corpus") == newest_corpus(store).rows  # type: ignore[union-attr]
    assert query(s3_store, "r-1", "SELECT DISTINCT verdict_set FROM verdicts").rows == [(SET,)]
    [row] = query(s3_store, "r-1", "SELECT messages[2].content = response FROM corpus LIMIT 1").rows
    assert row == (True,)


@pytest.mark.s3
@pytest.mark.parametrize("load", [reading.load_httpfs, no_httpfs], ids=["duckdb", "arrow"])
def test_corpora_over_s3_are_asked_and_compared(
    tmp_path: Path, s3_store: str, monkeypatch: pytest.MonkeyPatch, load: Callable[[duckdb.DuckDBPyConnection], bool]
) -> None:
    monkeypatch.setattr(reading, "load_httpfs", load)
    store = filled(s3_store, tmp_path)
    found = newest_corpus(store)
    assert found is not None
    folder = f"{s3_store}/r-1/corpus/{found.version}"
    with open_corpora({"corpus": folder}) as connection:
        assert ask(connection, "SELECT count(*) FROM corpus").rows == [(found.rows,)]
    local = filled(str(tmp_path / "local"), tmp_path)
    for other in (folder, f"{local.uri}/corpus/{found.version}"):
        difference = between(folder, other, sample=1)
        assert [row[:2] for row in difference.rows.rows] == [("same", found.rows)]
    other = f"{s3_store}/other"
    for name, data in ((one.name, store.get(f"corpus/{found.version}/{one.name}")) for one in found.files):
        open_store(other).put(name, data)
    assert [row[:2] for row in between(folder, other, sample=1).rows.rows] == [("same", found.rows)]


@pytest.mark.s3
def test_prompts_over_s3(tmp_path: Path, s3_store: str) -> None:
    store = open_store(s3_store)
    for name in ("a", "b"):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"prompt": [name], "answer": ["1"]}), sink)
        store.put(f"in/{name}.parquet", sink.getvalue().to_pybytes())
    store.put("in/c.jsonl.gz", gzip.compress(b'{"prompt": "c", "answer": 2.50}'))
    found = [
        one.text  # type: ignore[union-attr]
        for kind, path in (("parquet", "in/*.parquet"), ("parquet", "in/a.parquet"), ("jsonl", "in/c.jsonl.gz"))
        for one in rows(
            SOURCE.validate_python({"kind": kind, "name": "s", "domain": "math", "path": f"{s3_store}/{path}"}),
            tmp_path,
        )
    ]
    assert found == ["a", "b", "a", "c"]
    for path, expected in (("in/*.jsonx", "no file matches"), ("in/none.parquet", "no such object")):
        source = {"kind": "parquet", "name": "s", "domain": "math", "path": f"{s3_store}/{path}"}
        with pytest.raises(PromptError, match=expected):
            list(rows(SOURCE.validate_python(source), tmp_path))


WASTE = "SELECT domain, cause, tokens FROM waste"


def test_waste_tells_what_became_of_the_tokens(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    store = filled(uri, tmp_path)
    shards = load_plan(store).shards
    counted = settled_counts(store, SET, shards, settled_shards(store), keep=1).values()
    expected: Counter[tuple[str, str]] = Counter()
    for one in counted:
        for cause in CAUSES:
            expected[one.shard.domain.value, cause] += getattr(one.tokens, cause)
    found = {(domain, cause): tokens for domain, cause, tokens in query(uri, "r-1", WASTE).rows}
    # Which of several right traces are the kept ones depends on the order of rows, which is made up here.
    for counts in (found, expected):
        for domain in ("math", "logic"):
            counts[domain, "right"] = counts.pop((domain, "kept")) + counts.pop((domain, "surplus"))
    assert found == dict(+expected)
    assert query(uri, "r-1", "SELECT sum(attempts) FROM waste").rows == [(160,)]
