"""The way to a cluster, as the README shows it: ``ray job submit``, with the corpus in S3."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3.test_run_on_s3 import read_by_others
from tests.servers.ray_head import RayHead, ray_head
from tests.servers.seaweed import S3Server

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
JOB_S = 200
UPLOAD_BYTES = 3_000_000
"""Ray takes 100 MiB; the code is a hundredth of that, and whatever else lies about in a checkout stays at home."""
SMALL = ["--set", "prompts.0.size=4", "--set", "prompts.1.size=4", "--set", "where.slots=2"]


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    pytest.importorskip("ray")
    with ray_head() as head:
        yield head


def submit(head: RayHead, server: S3Server, *arguments: str, wait: bool = True) -> tuple[int, str]:
    """Exit code, and all that was printed."""
    environment = json.dumps({"env_vars": server.env})
    options = ["--working-dir", ".", "--runtime-env-json", environment, *([] if wait else ["--no-wait"])]
    command = ["ray", "job", "submit", *options, "--", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(head.env),
        text=True,
        timeout=JOB_S,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout


def test_a_corpus_by_a_job(head: RayHead, s3_server: S3Server, s3_uri: str) -> None:
    generate = ["python", "jobs/generate.py", "jobs/recipes/quickstart.yaml", "--store", s3_uri]
    code, log = submit(head, s3_server, *generate, *SMALL)
    assert code == 0, log
    assert re.search(r"^\[\d+s\] done: math \d+ · logic \d+ ·", log, re.MULTILINE), "plain lines without a terminal"
    corpus, rows = re.search(rf"^corpus +({s3_uri}/\S+) \((\d+) traces\)$", log, re.MULTILINE).groups()  # type: ignore[union-attr]
    assert int(rows) > 0

    # What the end of the log tells one to type.
    asked = [sys.executable, "-m", "tracegen", "query", "SELECT count(*) AS traces FROM corpus", "--store", s3_uri]
    env = {**os.environ, **s3_server.env, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([*asked, "--json"], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(answer.stdout) == [{"traces": int(rows)}]
    read_by_others(s3_server, corpus, int(rows))

    # The other job makes the same corpus of the same ledger.
    code, log = submit(head, s3_server, "python", "jobs/build_corpus.py", "--store", s3_uri)
    assert code == 0, log
    assert f"corpus  {corpus} ({rows} traces)" in log


def test_only_what_a_job_needs_is_uploaded(head: RayHead, s3_server: S3Server) -> None:
    code, log = submit(head, s3_server, "python", "-c", "pass")
    assert code == 0, log
    unpacked = [
        path
        for folder in head.folder.glob("session_latest/runtime_resources/working_dir_files/_ray_pkg_*/")
        for path in folder.rglob("*")
    ]
    assert {"generate.py", "quickstart.yaml", "run.py"} <= {path.name for path in unpacked}
    assert not {"tests", "docs", ".git", ".venv", "runs"} & {path.name for path in unpacked}
    assert sum(path.stat().st_size for path in unpacked) < UPLOAD_BYTES


@pytest.mark.parametrize(
    ("recipe", "changes", "expected"),
    [
        ("jobs/recipes/quick.yaml", [], "error: no recipe 'jobs/recipes/quick.yaml'; did you mean "),
        (
            "jobs/recipes/quickstart.yaml",
            ["--replicas", "3", "--set", "where.gpus_per_replica=8"],
            "error: where: 3 replicas of 8 GPUs and 1 CPUs are asked for, and there is room for 0: this cluster has "
            "0 GPUs and 2 CPUs on 1 nodes; ",
        ),
    ],
)
def test_a_job_that_cannot_be_fails_with_one_line(
    head: RayHead, s3_server: S3Server, s3_uri: str, recipe: str, changes: list[str], expected: str
) -> None:
    code, log = submit(head, s3_server, "python", "jobs/generate.py", recipe, "--store", s3_uri, *changes)
    assert code == 1, "the job's own exit code is in Ray's message only"
    assert expected in log
    assert "Traceback" not in log
    prefix = s3_uri.removeprefix(f"s3://{s3_server.bucket}/")
    found = s3_server.client().list_objects_v2(Bucket=s3_server.bucket, Prefix=prefix)  # type: ignore[attr-defined]
    assert found["KeyCount"] == 0
