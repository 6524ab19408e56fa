"""The head stops when nobody needs it, and only then."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from infra.node import watchdog
from tests.faults.processes import until
from tests.servers.ray_head import RayHead, ray_head

JOB = {"status": "RUNNING"}
OTHER = {"raylet": {"state": "ALIVE", "isHeadNode": False}}
HEAD = {"raylet": {"state": "ALIVE", "isHeadNode": True}}
DEAD = {"raylet": {"state": "DEAD", "isHeadNode": False}}


def asked(jobs: list[Any], nodes: list[Any]) -> watchdog.Ask:
    return lambda path: jobs if "jobs" in path else {"data": {"summary": nodes}}


def refused(status: int) -> watchdog.Ask:
    def ask(path: str) -> Any:
        raise HTTPError(path, status, "no", {}, None) if status else URLError("nobody there")  # type: ignore[arg-type]

    return ask


@pytest.mark.parametrize(
    ("ask", "needed"),
    [
        (asked([], [HEAD]), False),
        (asked([{"status": "SUCCEEDED"}, {"status": "STOPPED"}], [HEAD, DEAD]), False),
        (asked([JOB], [HEAD]), True),
        (asked([{"status": "PENDING"}], [HEAD]), True),
        (asked([], [HEAD, OTHER]), True),
        (refused(0), False),
        (refused(401), True),
        (refused(500), True),
    ],
    ids=["alone", "what is over", "running", "pending", "node", "dead Ray", "wrong token", "broken dashboard"],
)
def test_what_keeps_a_head_up(ask: watchdog.Ask, needed: bool) -> None:
    assert bool(watchdog.busy(ask)) == needed


def test_the_time_begins_anew_with_each_need() -> None:
    now = [0.0]
    stopped: list[float] = []

    def ask(path: str) -> Any:
        return asked([JOB] if now[0] < 1000 else [], [HEAD])(path)

    def pause(seconds: float) -> None:
        now[0] += seconds

    watchdog.watch(ask, 600, lambda: stopped.append(now[0]), clock=lambda: now[0], pause=pause)
    (at_s,) = stopped
    assert 1000 + 600 - watchdog.PAUSE_S <= at_s <= 1000 + 600 + watchdog.PAUSE_S


@contextmanager
def watching(head: RayHead, mark: Path, *, token: Path) -> Iterator[subprocess.Popen[str]]:
    command = [
        *(sys.executable, watchdog.__file__, "--idle-minutes", "0.05", "--address", head.dashboard),
        *("--token-file", str(token), "--stop-with", "touch", str(mark)),
    ]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.ray
def test_a_head_with_a_token(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    token, wrong, mark, never = (tmp_path / name for name in ("token", "wrong", "mark", "never"))
    token.write_text("0123456789abcdef" * 4)
    wrong.write_text("fedcba9876543210" * 4)
    auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    with ray_head(**auth) as head:
        submitted = ["ray", "job", "submit", "--no-wait", "--", "sleep", "8"]
        subprocess.run(submitted, env=dict(head.env), check=True, capture_output=True, timeout=60)
        began = time.monotonic()
        with watching(head, mark, token=token) as right, watching(head, never, token=wrong) as unsure:
            until(mark.exists, "the head is stopped", 40)
            assert time.monotonic() - began > 6, "while there was a job"
            assert right.wait(10) == 0
            assert unsure.poll() is None
            assert right.stdout
            assert "needed: 1 jobs" in right.stdout.read()
    assert not never.exists()
