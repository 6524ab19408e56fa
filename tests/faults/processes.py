"""``tracegen run`` as a process of its own, and the killing of what belongs to it. By number, never by name alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from tests.simulated_run import Left

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
GONE_S = 20.0

KINDS: dict[str, Callable[[str], bool]] = {
    "replica": lambda command: command.startswith("ray::Replica"),
    "recorder": lambda command: command.startswith("ray::Recorder"),
    "verifiers": lambda command: command.startswith("ray::Verifier"),
    "worker": lambda command: "tracegen.verify.worker" in command,
}
"""What a process is, by its command line."""


def until(true: Callable[[], object], what: str | Callable[[], str], within_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Driver:
    """A driver and all that it started. Its streams are files, so that nothing waits for a reader."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    @classmethod
    def start(cls, arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> "Driver":
        number = len(list(folder.glob("err.*")))
        out, err = folder / f"out.{number}", folder / f"err.{number}"
        around = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        env = {**around, "PYTHONPATH": str(ROOT), **env}
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [sys.executable, "-m", "tracegen", *arguments], cwd=folder, env=env,
                stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file, start_new_session=True,
            )  # fmt: skip
        return cls(process, out, err)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self, within_s: float = PATIENCE_S) -> int:
        """Its exit code."""
        return self.process.wait(within_s)

    def said(self) -> list[str]:
        """Lines of standard error."""
        return self.err.read_text(errors="replace").splitlines()

    def family(self) -> list[psutil.Process]:
        """Every process that it has started, at this moment."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def until_settled(self, left: Left, shards: int) -> None:
        """Wait until so many shards are settled. It must not end before."""

        def enough() -> bool:
            assert self.alive, f"ended early: {self.said()}"
            return len(list(left.root.glob("ledger/completions/*.parquet"))) >= shards

        until(enough, f"{shards} settled shards")

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


@contextmanager
def driving(recipe: Path, *options: str, store: str = "store") -> Iterator[Driver]:
    """``tracegen run RECIPE``; killed with all that it has started when the test leaves it running."""
    folder = recipe.parent
    arguments = ["run", str(recipe), "--store", str(folder / store), *options]
    driver = Driver.start(arguments, folder, {"RAY_AUTH_MODE": "disabled"})
    try:
        yield driver
    finally:
        if driver.alive:
            driver.kill()


def gone(family: list[psutil.Process]) -> bool:
    """Whether none of them is left."""
    return not any(map(_runs, family))


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
