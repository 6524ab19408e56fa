"""Runs as processes of their own, and the killing of what belongs to them. By number, never by name alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

ROOT = Path(__file__).parents[2]
GONE_S = 20.0

KINDS: dict[str, Callable[[str], bool]] = {
    "replica": lambda command: command.startswith("ray::Replica"),
    "recorder": lambda command: command.startswith("ray::Recorder"),
    "verifiers": lambda command: command.startswith("ray::Verifier"),
    "worker": lambda command: "tracegen.verify.worker" in command,
}
"""What a process is, by its command line."""


@dataclass(frozen=True)
class Driver:
    """A driver and all that it started."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(cls, arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> "Driver":
        log = folder / f"driver-{time.monotonic_ns()}.log"
        env = {**os.environ, "PYTHONPATH": str(ROOT), **env}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tracegen", *arguments], cwd=folder, env=env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        return cls(process, log)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def family(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill_one(self, kind: str, rng: Random) -> bool:
        """SIGKILL to one process of that kind; False where there is none."""
        found = [one for one in self.family() if KINDS[kind](_command(one))]
        if not found:
            return False
        with suppress(psutil.NoSuchProcess):
            rng.choice(found).send_signal(signal.SIGKILL)
        return True

    def kill(self) -> None:
        """SIGKILL to the driver alone; returns when all that it had started is gone as well."""
        family = self.family()
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        _, left = psutil.wait_procs(family, timeout=GONE_S)
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(left, timeout=5)

    def finish(self, timeout_s: float) -> int:
        return self.process.wait(timeout_s)


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
