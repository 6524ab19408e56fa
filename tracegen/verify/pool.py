"""The verifier pool: killable processes that judge, and a clock that they do not own. It extracts nothing.

What can be settled in microseconds is settled here; the rest goes to processes, several cases a message, one verdict
at a time. A process that overruns, dies or runs out of memory is killed and replaced, and its case is undecided: an
outage is never a verdict. Belongs to the event loop it was started on.
"""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracegen.errors import TracegenError, VerifierError, boundary
from tracegen.protocols import Verifier
from tracegen.types import Outcome, Reference, Trace, Verdict
from tracegen.verify.process import Limits, WorkerDied, WorkerProcess, WorkerTimeout

logger = logging.getLogger(__name__)

CASES_PER_MESSAGE = 16
QUICK_CASES_PER_TURN = 64
"""Cases settled here before the event loop gets its turn: about 3 ms."""
MAX_TRIES = 2
MAX_STARTS = 3
_FATAL = frozenset({"timeout", "worker_died", "out_of_memory"})

__all__ = ["Case", "Limits", "VerifierPool"]


@dataclass(frozen=True, slots=True)
class Case:
    """One trace, what to judge it against, and by which verifier."""

    verifier: str
    """Key of the pool's verifiers."""
    reference: Reference
    trace: Trace


@dataclass(slots=True)
class _Open:
    """A case that needs a process."""

    position: int
    case: Case
    tries: int = 0


class VerifierPool:
    """``processes`` workers for a table of verifiers."""

    def __init__(
        self,
        verifiers: Mapping[str, Verifier],
        processes: int = 1,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._verifiers = dict(verifiers)
        self._size = processes
        self._limits = limits or Limits()
        self._environment = os.environ if environment is None else environment
        self._free: asyncio.Queue[WorkerProcess | None] = asyncio.Queue()
        self._workers: set[WorkerProcess] = set()
        self._closed = True

    @property
    def pids(self) -> list[int]:
        """Processes alive."""
        return sorted(worker.pid for worker in self._workers if worker.alive)

    async def start(self) -> None:
        """Start every process and wait until each is ready. Raises VerifierError when that fails again and again."""
        for tries in range(1, MAX_STARTS + 1):
            try:
                return await self._start()
            except VerifierError as error:
                if tries == MAX_STARTS:
                    raise
                logger.warning("%s; trying again", error.message)
        return None

    async def _start(self) -> None:
        self._free = asyncio.Queue()
        self._closed = False
        try:
            for _ in range(self._size):
                self._free.put_nowait(await self._spawn())
            await asyncio.gather(*(worker.ready() for worker in self._workers))
        except (WorkerDied, WorkerTimeout, OSError) as error:
            await self.close()
            hint = "its standard error says why; a memory limit below 600 MB is too small"
            raise VerifierError("a verifier process did not start", hint=hint) from error

    async def close(self) -> None:
        """Kill every process. Idempotent."""
        self._closed = True
        workers, self._workers = self._workers, set()
        self._free.put_nowait(None)
        await asyncio.gather(*(worker.kill() for worker in workers))

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """A verdict for each case, in order. Raises VerifierError when the pool is closed."""
        # Not by its workers: for a moment there is none while a dead one is replaced.
        if self._closed:
            raise VerifierError("the verifier pool is not running")
        verdicts: list[Verdict | None] = []
        for position, case in enumerate(cases):
            verdicts.append(_quick(self._verifiers[case.verifier], case))
            if position % QUICK_CASES_PER_TURN == QUICK_CASES_PER_TURN - 1:
                await asyncio.sleep(0)
        rest = [_Open(position, cases[position]) for position, verdict in enumerate(verdicts) if verdict is None]
        try:
            async with asyncio.TaskGroup() as group:
                for chunk in _spread(rest, self._size):
                    group.create_task(self._judge_chunk(chunk, verdicts))
        except* TracegenError as errors:
            raise errors.exceptions[0] from None
        return [_settled(verdict) for verdict in verdicts]

    async def _judge_chunk(self, chunk: list[_Open], verdicts: list[Verdict | None]) -> None:
        """Until every case has its verdict; after a kill the rest goes to the next process."""
        while chunk:
            worker = await self._take()
            reusable = False
            try:
                reusable = await self._serve(worker, chunk, verdicts)
            finally:
                # Shielded: a cancelled judge must leave a pool of full size.
                await asyncio.shield(self._give_back(worker, reusable))

    async def _take(self) -> WorkerProcess:
        worker = await self._free.get()
        if worker is None or self._closed:
            self._free.put_nowait(None)  # for the next who waits
            raise VerifierError("the verifier pool was closed while it judged")
        return worker

    async def _serve(self, worker: WorkerProcess, chunk: list[_Open], verdicts: list[Verdict | None]) -> bool:
        """Take verdicts off the chunk. True when the process may go on."""
        worker.ask([(item.case.verifier, item.case.reference, item.case.trace) for item in chunk])
        while chunk:
            current = chunk[0]
            try:
                verdict = await worker.verdict()
            except WorkerTimeout as error:
                verdict = _timeout(error.deadline_s)
            except WorkerDied:
                current.tries += 1
                if current.tries < MAX_TRIES:
                    return False
                verdict = _died()
            verdicts[current.position] = verdict
            chunk.pop(0)
            if verdict.reason in _FATAL:
                return False
        return worker.judged < self._limits.cases_per_process

    async def _give_back(self, worker: WorkerProcess, reusable: bool) -> None:
        if not reusable:
            self._workers.discard(worker)
            await worker.kill()
            if not self._is_open():
                return
            logger.info("verifier process %d replaced after %d cases", worker.pid, worker.judged)
            worker = await self._spawn()
            if not self._is_open():
                await worker.kill()
        self._free.put_nowait(worker)

    def _is_open(self) -> bool:
        return not self._closed

    async def _spawn(self) -> WorkerProcess:
        with boundary(VerifierError, "cannot start a verifier process"):
            worker = await WorkerProcess.spawn(self._verifiers, self._limits, self._environment)
        self._workers.add(worker)
        return worker


def _spread(rest: list[_Open], processes: int) -> list[list[_Open]]:
    """Small messages, and every process busy."""
    size = max(1, min(CASES_PER_MESSAGE, -(-len(rest) // processes)))
    return [rest[at : at + size] for at in range(0, len(rest), size)]


def _quick(verifier: Verifier, case: Case) -> Verdict | None:
    try:
        with boundary(VerifierError, verifier.name):
            return verifier.quick(case.reference, case.trace)
    except VerifierError as error:
        return Verdict(Outcome.UNDECIDED, "verifier_error", str(error))


def _timeout(deadline_s: float) -> Verdict:
    return Verdict(Outcome.UNDECIDED, "timeout", f"no verdict within {deadline_s:g} s", deadline_s)


def _died() -> Verdict:
    return Verdict(Outcome.UNDECIDED, "worker_died", f"the verifier process died {MAX_TRIES} times")


def _settled(verdict: Verdict | None) -> Verdict:
    return verdict or _died()
