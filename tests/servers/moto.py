"""An AWS double on this machine: moto's server. It takes any credentials and checksums: never test those here."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.servers.seaweed import free_ports

MAIN = Path(__file__).with_name("moto_main.py")
"""Run with -P: this folder has a moto.py, too."""
START_S = 60.0
REGION = "us-east-1"


@dataclass(frozen=True)
class MotoServer:
    """Where it listens, and how it is reached."""

    endpoint: str
    region: str = REGION

    @property
    def env(self) -> dict[str, str]:
        """What points Terraform's provider, boto3 and Ray's node provider at it, and at nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "tracegen",
            "AWS_SECRET_ACCESS_KEY": "tracegen-secret",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A boto3 client of one service."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
        )

    def reset(self) -> None:
        """Forget everything: an empty account."""
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST"), timeout=30)


@contextmanager
def moto_server(folder: Path) -> Iterator[MotoServer]:
    """A server with an empty account; gone, with all it holds, afterwards. Its log is in the folder."""
    (port,) = free_ports(1)
    server = MotoServer(f"http://127.0.0.1:{port}")
    log_path = folder / "moto.log"
    command = [sys.executable, "-P", "-W", "ignore", str(MAIN), "-H", "127.0.0.1", "-p", str(port)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, env=kept, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_until_ready(server, process, log_path)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(server: MotoServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{server.endpoint}/moto-api/data.json", timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"moto did not start: {log.read_text(errors='replace')[-2000:]}")
