"""``tracegen run`` as a process of its own, and what it starts: for tests that stop and kill it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.simulated_run import Left

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


def until(true: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)


@dataclass
class Driver:
    """A running command. Its streams are files, so that nothing waits for a reader."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit code."""
        return self.process.wait(PATIENCE_S)

    def said(self) -> list[str]:
        """Lines of standard error."""
        return self.err.read_text().splitlines()

    def family(self) -> list[psutil.Process]:
        """Every process that it has started, at this moment."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def until_settled(self, left: Left, shards: int) -> None:
        """Wait until so many shards are settled. It must not end before."""

        def enough() -> bool:
            assert self.process.poll() is None, f"ended early: {self.said()}"
            return len(list(left.root.glob("ledger/completions/*.parquet"))) >= shards

        until(enough, f"{shards} settled shards")


def gone(family: list[psutil.Process]) -> bool:
    """Whether none of them is left."""
    return not any(map(_runs, family))


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@contextmanager
def driving(recipe: Path, *options: str, store: str = "store") -> Iterator[Driver]:
    """``tracegen run RECIPE``; killed with all that it has started when the test leaves it running."""
    folder = recipe.parent
    number = len(list(folder.glob("err.*")))
    out, err = folder / f"out.{number}", folder / f"err.{number}"
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    env |= {"PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-m", "tracegen", "run", str(recipe), "--store", str(folder / store), *options]
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out_file, stderr=err_file)
    driver = Driver(process, out, err)
    try:
        yield driver
    finally:
        if process.poll() is None:
            family = driver.family()
            process.kill()
            process.wait()
            for child in family:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
