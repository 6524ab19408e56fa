"""Before Ray starts on a node, as root: its token, and what its environment says. Not for Ray itself, which is not root.

The head makes the cluster's token when there is none yet; the others wait for it. Both find it in Secrets Manager.
"""

import json
import os
import secrets
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

METADATA = "http://169.254.169.254"
TOKEN_FILE = "ray-token"  # noqa: S105
WAIT_S = 600.0


def prepare(node: Mapping[str, str], instance_id: str, client: Any, folder: Path) -> None:
    """Write the token and ``ray.env``. The token is for Ray's user alone, who is made its owner where there is one."""
    token = head_token(client, node["secret"]) if node["role"] == "head" else waited_token(client, node["secret"])
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = folder / TOKEN_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
        file.write(token)
    if node.get("user"):
        shutil.chown(path, node["user"], node["user"])
    lines = [f"{name}={value}" for name, value in environment(node, instance_id, path).items()]
    (folder / "ray.env").write_text("\n".join(lines) + "\n")


def environment(node: Mapping[str, str], instance_id: str, token_path: Path) -> Mapping[str, str]:
    """What Ray and everything that it starts has in its environment."""
    found = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_path),
        # By these two the autoscaler knows a node as one that it has launched.
        "RAY_CLOUD_INSTANCE_ID": instance_id,
        "RAY_NODE_TYPE_NAME": node["role"],
        "RAY_USAGE_STATS_ENABLED": "0",
        # An engine's own processes end with the actor that started them.
        "RAY_process_group_cleanup_enabled": "1",
        "AWS_REGION": node["region"],
        "AWS_DEFAULT_REGION": node["region"],
    }
    if node["role"] == "head":
        found["RAY_enable_autoscaler_v2"] = "1"
    if node.get("efa") == "true":
        found["FI_PROVIDER"] = "efa"
    return found


def head_token(client: Any, secret: str) -> str:
    """The token that is there, else a new one."""
    found = _token(client, secret)
    if found:
        return found
    made = secrets.token_hex(32)
    client.put_secret_value(SecretId=secret, SecretString=made)
    return made


def waited_token(
    client: Any, secret: str, wait_s: float = WAIT_S, pause: Callable[[float], object] = time.sleep
) -> str:
    """The token, as soon as the head has made it. Raises TimeoutError."""
    deadline = time.monotonic() + wait_s
    while not (found := _token(client, secret)):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"no token in {secret} after {wait_s:.0f} s: has the head started?")
        pause(5)
    return found


def _token(client: Any, secret: str) -> str:
    try:
        return str(client.get_secret_value(SecretId=secret)["SecretString"])
    except client.exceptions.ResourceNotFoundException:
        return ""


def instance_id() -> str:
    """Of the machine that this runs on, from its metadata."""
    headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    asked = urllib.request.Request(f"{METADATA}/latest/api/token", method="PUT", headers=headers)
    with urllib.request.urlopen(asked, timeout=5) as answer:
        session = answer.read().decode()
    asked = urllib.request.Request(
        f"{METADATA}/latest/meta-data/instance-id", headers={"X-aws-ec2-metadata-token": session}
    )
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return str(answer.read().decode())


def main() -> None:
    import boto3

    node = json.loads(Path(sys.argv[1]).read_text())
    client = boto3.client("secretsmanager", region_name=node["region"])
    prepare(node, instance_id(), client, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
