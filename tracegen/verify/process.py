"""One killable verifier process, as its owner sees it. It knows how to start, ask and kill; who waits is the pool."""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracegen.protocols import Verifier
from tracegen.types import Outcome, Verdict
from tracegen.verify.worker import READY, WARMING, Case, frame

START_DEADLINE_S = 120.0
"""For imports: reasoning-gym's take a second on a quiet machine."""
MAX_LINE_BYTES = 1 << 16

# Our own path list, or a Ray job's working directory would be missing; and not our main module.
_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from tracegen.verify.worker import main; main()"
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class WorkerDied(Exception):  # noqa: N818 - handled where it is raised, never shown
    """The process ended before it gave its verdict."""


class WorkerTimeout(Exception):  # noqa: N818
    """The verdict did not come in time."""

    def __init__(self, deadline_s: float) -> None:
        super().__init__(deadline_s)
        self.deadline_s = deadline_s


@dataclass(frozen=True, slots=True)
class Limits:
    """What one case, and one process, may use."""

    deadline_s: float = 10.0
    """Where the verifier says nothing else of a case."""
    memory_bytes: int = 1024**3
    """Of address space. sympy and numpy take about 300 MB of it before the first case."""
    cases_per_process: int = 2_000


class WorkerProcess:
    """A running worker. After any exception from it, kill it: what it still has to say is about an earlier case."""

    def __init__(self, process: asyncio.subprocess.Process, verifiers: Mapping[str, Verifier], limits: Limits) -> None:
        self._process = process
        self._verifiers = verifiers
        self._limits = limits
        self._deadlines_s: deque[float] = deque()
        """Of the cases that it was asked about and has not answered."""
        self._is_ready = False
        self.judged = 0

    @classmethod
    async def spawn(
        cls, verifiers: Mapping[str, Verifier], limits: Limits, environment: Mapping[str, str]
    ) -> "WorkerProcess":
        """Start one. Returns when the process exists; it is ready when it answers."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", _PROGRAM, json.dumps([path or str(Path.cwd()) for path in sys.path]),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env=worker_environment(environment), start_new_session=True, limit=MAX_LINE_BYTES,
        )  # fmt: skip
        worker = cls(process, verifiers, limits)
        worker._send((dict(verifiers), limits.memory_bytes, limits.deadline_s))
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> None:
        """Wait until it has imported what it needs. Raises WorkerDied or WorkerTimeout."""
        if not self._is_ready:
            await self._event(START_DEADLINE_S)
            self._is_ready = True

    def ask(self, cases: Sequence[Case]) -> None:
        """Send cases; their verdicts come in order, one :meth:`verdict` each."""
        for name, reference, _ in cases:
            self._deadlines_s.append(self._verifiers[name].deadline_s(reference) or self._limits.deadline_s)
        self._send(tuple(cases))

    async def verdict(self) -> Verdict:
        """The next case's verdict, within the deadline. Raises WorkerDied or WorkerTimeout."""
        await self.ready()
        deadline_s = waited_s = self._deadlines_s.popleft()
        while True:
            message = await self._event(waited_s)
            if message["event"] == WARMING:
                waited_s = START_DEADLINE_S
            elif message["event"] == READY:
                waited_s = deadline_s
            else:
                self.judged += 1
                return _verdict(message)

    async def kill(self) -> None:
        """End it and all that it may have started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    def _send(self, message: object) -> None:
        pipe = self._process.stdin
        if pipe is not None and not pipe.is_closing():
            pipe.write(frame(message))

    async def _event(self, deadline_s: float) -> dict[str, object]:
        pipe = self._process.stdout
        if pipe is None:
            raise WorkerDied
        try:
            async with asyncio.timeout(deadline_s):
                line = await pipe.readline()
            message = json.loads(line) if line.endswith(b"\n") else None
        except TimeoutError as error:
            raise WorkerTimeout(deadline_s) from error
        except ValueError as error:
            raise WorkerDied from error
        if not isinstance(message, dict) or "event" not in message:
            raise WorkerDied
        return message


def _verdict(message: Mapping[str, object]) -> Verdict:
    match message.get("verdict"):
        case [str(outcome), str(reason), str(detail), float(cpu_s)] if outcome in tuple(Outcome):
            return Verdict(Outcome(outcome), reason, detail, cpu_s)
    raise WorkerDied


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a worker may know: no credentials; one thread; and no gmpy2, whose long calls nothing can interrupt."""
    passed_on = {name: environment[name] for name in _PASSED_ON if name in environment}
    return {
        **passed_on,
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MPMATH_NOGMPY": "1",
        "SYMPY_GROUND_TYPES": "python",
        "PYTHONWARNINGS": "ignore",
    }
