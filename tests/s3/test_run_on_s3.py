"""A run whose store is S3: killed half-way, gone on with, and read back by our commands and by others'."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.dataset
import pytest
from pyarrow.fs import S3FileSystem

from tests.servers.seaweed import S3Server
from tests.tokenizers import small_tokenizer

pytestmark = pytest.mark.s3

ROOT = Path(__file__).parents[2]
PROMPTS = 60
RECIPE = """
name: on-s3
prompts:
  - {kind: jsonl, name: sums, domain: math, path: sums.jsonl}
teacher:
  engine: simulated
  model: pseudo
  engines: {simulated: {tokens_per_s: 4000, lengths: {median: 600, sigma: 0.2}}}
rejection: {keep: 1, max_attempts: 2, policy: fixed}
prompts_per_shard: 20
where: {cluster: local, slots: 4, journal_linger_s: 0.1}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = [{"prompt": f"{n} + {n} = ?", "answer": str(2 * n)} for n in range(PROMPTS)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "on-s3.yaml").write_text(RECIPE)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tracegen", *arguments]


def test_killed_resumed_and_read(place: Path, s3_server: S3Server, s3_uri: str) -> None:
    env = {**os.environ, **s3_server.env, "PYTHONPATH": str(ROOT)}
    log = place / "requests.jsonl"
    store = ["--store", s3_uri]
    run = command("run", "on-s3.yaml", *store, "--json", "--set", f"where.engines.simulated.request_log={log}")

    with subprocess.Popen(run, cwd=place, env=env, stdout=subprocess.DEVNULL) as first:
        try:
            wait_for_requests(log, 60, first)
        finally:
            first.kill()
    assert requests(log) < 2 * PROMPTS

    done = subprocess.run(run, cwd=place, env=env, capture_output=True, text=True, timeout=60, check=True)
    summary = json.loads(done.stdout)
    assert summary["resumed"]
    assert summary["rows"] > 0

    def told(*arguments: str) -> object:
        asked = command(*arguments, *store, "--json")
        answer = subprocess.run(asked, cwd=place, env=env, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(answer.stdout)

    assert told("status")["phase"] == "done"  # type: ignore[index]
    every = "SELECT count(*) AS attempts, count(DISTINCT attempt_id) AS ids FROM completions"
    assert told("query", every) == [{"attempts": 2 * PROMPTS, "ids": 2 * PROMPTS}]
    corpus = "SELECT count(*) AS traces, count(DISTINCT prompt_id) AS prompts FROM corpus"
    assert told("query", corpus) == [{"traces": summary["rows"], "prompts": summary["rows"]}]
    built = told("build")
    assert summary["corpus_path"] in json.dumps(built)

    read_by_others(s3_server, summary["corpus_path"], summary["rows"])


def wait_for_requests(log: Path, wanted: int, run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while requests(log) < wanted:
        assert run.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def requests(log: Path) -> int:
    return log.read_text().count("\n") if log.exists() else 0


def read_by_others(server: S3Server, corpus: str, rows: int) -> None:
    """As anybody does who has never heard of tracegen, and without a network."""
    files = S3FileSystem(
        endpoint_override=server.endpoint,
        access_key=server.access_key,
        secret_key=server.secret_key,
        region="us-east-1",
    )
    dataset = pyarrow.dataset.dataset(corpus.removeprefix("s3://"), filesystem=files, exclude_invalid_files=True)
    assert dataset.count_rows() == rows
    with offline_duckdb(server) as connection:
        glob = f"{corpus}/train-*.parquet"
        assert connection.sql(f"SELECT count(*) FROM '{glob}'").fetchall() == [(rows,)]


def offline_duckdb(server: S3Server) -> duckdb.DuckDBPyConnection:
    """DuckDB with its S3 reader from a package, and nothing fetched."""
    package = pytest.importorskip("duckdb_extension_httpfs")
    file = Path(package.__file__).parent / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    connection.execute(f"LOAD '{file}'")
    connection.execute(
        f"CREATE SECRET (TYPE s3, PROVIDER config, KEY_ID '{server.access_key}', SECRET '{server.secret_key}', "
        f"ENDPOINT '{server.endpoint.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false)"
    )
    return connection


def test_a_run_on_s3_is_linted_and_exported(place: Path, s3_server: S3Server, s3_uri: str) -> None:
    env = {**os.environ, **s3_server.env, "PYTHONPATH": str(ROOT)}
    small_tokenizer().save_pretrained(place / "tokenizer")

    def carry_out(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = command(*arguments, "--store", s3_uri)
        return subprocess.run(done, cwd=place, env=env, capture_output=True, text=True, timeout=60, check=True)

    carry_out("run", "on-s3.yaml")
    lint = ["lint", "on-s3", "--student", "qwen-7b", "--tokenizer", "tokenizer", "--json"]
    rows = json.loads(carry_out(*lint).stdout)["rows"]
    exports = {
        trainer: json.loads(carry_out("export", "on-s3", "--for", trainer, "--out", trainer, "--json").stdout)
        for trainer in ("trl", "verl")
    }
    assert {found["rows"] for found in exports.values()} == {rows}
    assert exports["trl"]["data"].startswith(f"{s3_uri}/")
    assert pyarrow.dataset.dataset(place / "verl" / "data").count_rows() == rows
