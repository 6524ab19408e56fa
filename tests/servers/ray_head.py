"""A Ray cluster of one node on this machine, as ``ray start --head`` makes it: its own ports, its own folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.servers.seaweed import free_ports

START_S = 60.0
STOP_S = 15.0
WORKER_PORTS = 100
"""Of a head each, from 20,000 on: below the ports that the kernel hands out, where they would meet the other four."""


@dataclass(frozen=True)
class RayHead:
    """Where it listens, and what a shell beside it has in its environment."""

    address: str
    dashboard: str
    folder: Path
    env: Mapping[str, str]
    pid: int


Autoscaling = Callable[[int, Path], Mapping[str, Any]]
"""From the port of the head, and its folder, to what its autoscaler is told."""


@contextmanager
def ray_head(num_cpus: int = 2, autoscaling: Autoscaling | None = None, **environment: str) -> Iterator[RayHead]:
    """A running head, and nothing of it left afterwards. Never ``ray stop``: that ends every Ray on the machine."""
    gcs, client, dashboard, agent = free_ports(4)
    # Its sockets lie in there, and the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="tg", dir="/tmp"))
    first_worker_port = 20_000 + os.getpid() % 50 * WORKER_PORTS
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", f"--temp-dir={folder}"),
        *(f"--port={gcs}", f"--ray-client-server-port={client}", f"--num-cpus={num_cpus}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={agent}"),
        *(f"--min-worker-port={first_worker_port}", f"--max-worker-port={first_worker_port + WORKER_PORTS - 1}"),
        *("--object-store-memory=200000000", "--disable-usage-stats"),
    ]
    url = f"http://127.0.0.1:{dashboard}"
    if autoscaling:
        (folder / "autoscaling.yaml").write_text(json.dumps(autoscaling(gcs, folder)))
        command += [f"--autoscaling-config={folder / 'autoscaling.yaml'}", '--resources={"head": 1}']
    env = {**_environment(url), **environment}
    with (folder / "start.log").open("wb") as log:
        # A session of its own: signals meant for it reach nobody else.
        process = subprocess.Popen(
            command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    head = RayHead(f"127.0.0.1:{gcs}", url, folder, env, process.pid)
    try:
        _wait_until_ready(head, process)
        yield head
    finally:
        _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _environment(dashboard: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AWS_", "PYTHONPATH"))}
    return {
        **kept,
        # Jobs run the first `python` that the node finds.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # Left to itself, Ray turns tokens on where an earlier ray.init has left one in the home folder.
        "RAY_AUTH_MODE": "disabled",
        "RAY_API_SERVER_ADDRESS": dashboard,
    }


def _wait_until_ready(head: RayHead, process: subprocess.Popen[bytes]) -> None:
    asked = urllib.request.Request(f"{head.dashboard}/api/jobs/")
    if token := head.env.get("RAY_AUTH_TOKEN_PATH"):
        asked.add_header("Authorization", f"Bearer {Path(token).read_text()}")
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(urllib.error.URLError, OSError):
            # Before the node's agent is up, a job is refused.
            urllib.request.urlopen(asked, timeout=5).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"Ray did not start: {(head.folder / 'start.log').read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.terminate()
        _, left = psutil.wait_procs(family, timeout=STOP_S)
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()
