"""Watches for the end of this EC2 instance and writes its Unix time to a file: what ``where.notice_file`` of a recipe reads.

Two ends are known in time: a spot instance is told two minutes before (instance metadata, spot/instance-action), and
instances of a capacity block begin to end 30 minutes before the block does (EC2 User Guide, Capacity Blocks for ML).
"""

import argparse
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

METADATA = "http://169.254.169.254"
PAUSE_S = 5.0
BLOCK_TAIL_S = 30 * 60.0
BLOCK_NOTICE_S = 10 * 60.0
"""As long before the instances end as AWS warns."""

End = Callable[[float], float | None]
"""From now to the end that has been announced; None while there is none."""


def spot_end(metadata: str = METADATA) -> End:
    """Announced by the instance's metadata."""

    def end(now: float) -> float | None:  # noqa: ARG001
        try:
            action = json.loads(_metadata(metadata, "spot/instance-action"))
        except (OSError, ValueError):
            return None  # 404 while nobody has announced anything
        return datetime.fromisoformat(action["time"]).timestamp()

    return end


def block_end(client: Any, reservation: str) -> End:
    """Known from the beginning, and announced so long before as AWS does. Asked of EC2 every ten minutes."""
    asked_at, ends_at = float("-inf"), None

    def end(now: float) -> float | None:
        nonlocal asked_at, ends_at
        if now - asked_at > BLOCK_NOTICE_S:
            (found,) = client.describe_capacity_reservations(CapacityReservationIds=[reservation])[
                "CapacityReservations"
            ]
            asked_at, ends_at = now, found["EndDate"].timestamp() - BLOCK_TAIL_S if "EndDate" in found else None
        return ends_at if ends_at is not None and ends_at - now <= BLOCK_NOTICE_S else None

    return end


def write(path: Path, ends_at: float) -> None:
    """All of it or nothing: whoever reads never sees half a number."""
    beside = path.with_suffix(".new")
    beside.write_text(f"{ends_at:.0f}\n", encoding="utf-8")
    beside.replace(path)


def watch(path: Path, ends: list[End], *, clock: Callable[[], float] = time.time, pause_s: float = PAUSE_S) -> None:
    """Wait for the first announcement, and write it down."""
    while True:
        announced = [at for end in ends if (at := _asked(end, clock())) is not None]
        if announced:
            write(path, min(announced))
            return
        time.sleep(pause_s)


def _asked(end: End, now: float) -> float | None:
    try:
        return end(now)
    except Exception as error:  # noqa: BLE001  # a watcher that dies warns nobody
        print(f"asked again in a moment: {error}", flush=True)
        return None


def _metadata(metadata: str, name: str) -> bytes:
    headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    asked = urllib.request.Request(f"{metadata}/latest/api/token", method="PUT", headers=headers)
    with urllib.request.urlopen(asked, timeout=5) as answer:
        session = answer.read().decode()
    asked = urllib.request.Request(f"{metadata}/latest/meta-data/{name}", headers={"X-aws-ec2-metadata-token": session})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return bytes(answer.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--region", required=True)
    parser.add_argument("--capacity-block", default="")
    parser.add_argument("--metadata", default=METADATA)
    given = parser.parse_args()
    ends = [spot_end(given.metadata)]
    if given.capacity_block:
        import boto3

        ends.append(block_end(boto3.client("ec2", region_name=given.region), given.capacity_block))
    watch(given.file, ends)


if __name__ == "__main__":
    main()
