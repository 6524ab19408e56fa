"""Stops the head when nobody needs it: no job that is pending or running, and no other node, for so many minutes.

    watchdog.py --idle-minutes 60 --token-file /run/tracegen/ray-token

Run as root, beside Ray. Ray that does not answer has neither jobs nor nodes: a head whose Ray is dead stops as well.
The head is only stopped, and its disk with the logs stays. Other nodes end by themselves when their head is gone.
"""

import argparse
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ADDRESS = "http://127.0.0.1:8265"
PAUSE_S = 30.0
ANSWER_S = 20.0
AT_WORK = ("PENDING", "RUNNING")
STOP = ("shutdown", "-h", "now")

Ask = Callable[[str], Any]
"""From a path of Ray's dashboard to its answer. Raises OSError, HTTPError among them."""


def asking(address: str, token_file: Path | None) -> Ask:
    """Asks Ray's dashboard, with the cluster's token where there is one."""

    def ask(path: str) -> Any:
        request = urllib.request.Request(f"{address}{path}")
        if token_file:
            request.add_header("Authorization", f"Bearer {token_file.read_text().strip()}")
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return json.load(answer)

    return ask


def busy(ask: Ask) -> str:
    """What keeps the head up, for the log; empty where nothing does."""
    try:
        jobs = [job for job in ask("/api/jobs/") if job["status"] in AT_WORK]
        nodes = [node for node in ask("/nodes?view=summary")["data"]["summary"] if _is_other(node)]
    except urllib.error.HTTPError as error:
        # It lives, and does not tell: a wrong token must not stop a head with work.
        return f"Ray's answer: {error}"
    except OSError as error:
        print(f"Ray does not answer: {error}", flush=True)
        return ""
    return ", ".join(f"{len(found)} {what}" for found, what in ((jobs, "jobs"), (nodes, "nodes")) if found)


def _is_other(node: Any) -> bool:
    raylet = node["raylet"]
    return raylet["state"] == "ALIVE" and not raylet["isHeadNode"]


def watch(
    ask: Ask,
    idle_s: float,
    stop: Callable[[], object],
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Until nothing has kept the head up for ``idle_s``; then stop it."""
    needed_at = clock()
    while clock() - needed_at < idle_s:
        pause(min(PAUSE_S, idle_s / 4))
        if needed_for := busy(ask):
            print(f"needed: {needed_for}", flush=True)
            needed_at = clock()
    print(f"nobody has needed this head for {idle_s / 60:g} minutes", flush=True)
    stop()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--idle-minutes", type=float, required=True)
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--stop-with", nargs="+", default=list(STOP), help="Instead of shutting this machine down.")
    given = parser.parse_args(arguments)
    watch(
        asking(given.address, given.token_file),
        given.idle_minutes * 60,
        lambda: subprocess.run(given.stop_with, check=True),  # noqa: S603
    )


if __name__ == "__main__":
    main()
