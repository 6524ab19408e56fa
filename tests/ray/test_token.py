"""A head as ``infra/`` starts it wants its token: of people, of jobs, of nodes."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.ray_head import RayHead, ray_head

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

RIGHT, WRONG = "5" * 64, "6" * 64


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayHead]:
    pytest.importorskip("ray")
    token = tmp_path_factory.mktemp("token") / "ray-token"
    token.write_text(RIGHT)
    with ray_head(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token)) as head:
        yield head


def status(head: RayHead, path: str, token: str | None, body: object = None) -> int:
    asked = urllib.request.Request(f"{head.dashboard}{path}", data=json.dumps(body).encode() if body else None)
    asked.add_header("Content-Type", "application/json")
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("path", ["/api/jobs/", "/api/v0/actors", "/nodes?view=summary"])
def test_the_dashboard_answers_nobody_without_it(head: RayHead, path: str) -> None:
    assert status(head, path, None) == 401
    assert status(head, path, WRONG) in (401, 403)
    assert status(head, path, RIGHT) == 200


def test_no_job_without_it(head: RayHead) -> None:
    job = {"entrypoint": "true"}
    assert status(head, "/api/jobs/", None, job) == 401
    assert status(head, "/api/jobs/", WRONG, job) in (401, 403)
    assert status(head, "/api/jobs/", RIGHT, job) == 200


@pytest.mark.parametrize(("token", "gets_in"), [(RIGHT, True), (WRONG, False)])
def test_no_driver_and_no_node_without_it(head: RayHead, tmp_path: Path, token: str, gets_in: bool) -> None:
    (tmp_path / "token").write_text(token)
    env = {**head.env, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")}
    program = str(Path(sys.executable).with_name("ray"))
    command = [program, "status", "--address", head.address]
    for _ in range(30):
        asked = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90)
        if "No cluster status" not in asked.stdout:
            break
        time.sleep(1)  # a head that has just begun knows of no node yet
    assert (asked.returncode == 0 and "Node status" in asked.stdout) == gets_in, asked.stdout + asked.stderr
