"""The verifier pool: killable processes that judge, and a clock that they do not own. It extracts nothing.

What can be settled in microseconds is settled here; the rest goes to processes, several cases a message, one verdict
at a time. A process that overruns, dies or runs out of memory is killed and replaced, and its case is undecided: an
outage is never a verdict. What it is told to expect, it probes for (``proving.py``): every process, before its first
case, all along, and when asked to prove itself. Belongs to the event loop it was started on.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracegen.errors import TracegenError, VerifierDrift, VerifierError, boundary
from tracegen.protocols import PoolHealth, Verifier
from tracegen.types import Outcome, Reference, Trace, Verdict
from tracegen.verify.meter import Meter
from tracegen.verify.process import Limits, WorkerDied, WorkerProcess, WorkerTimeout
from tracegen.verify.proving import Proofs

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
    """``processes`` workers for a table of verifiers; up to ``at_most`` where more are needed."""

    def __init__(
        self,
        verifiers: Mapping[str, Verifier],
        processes: int = 1,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
        at_most: int = 0,
    ) -> None:
        self._verifiers = dict(verifiers)
        self._size = processes
        self._at_most = max(processes, at_most)
        self._limits = limits or Limits()
        self._environment = os.environ if environment is None else environment
        self._free: asyncio.Queue[WorkerProcess | None] = asyncio.Queue()
        self._workers: set[WorkerProcess] = set()
        self._closed = True
        self._tasks: set[asyncio.Task[None]] = set()
        """That outlive their caller's cancellation: a pool is of full size after whatever befell it."""
        self._growing = False
        self._waiting = 0
        self._meter = Meter(time.monotonic)
        self._proofs = Proofs(self._verifiers)
        self._marks: dict[WorkerProcess, int] = {}
        """Cases that a process had judged when it was last told to prove itself."""
        self._returned = asyncio.Event()
        self._drift: TracegenError | None = None

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
        """Kill every process, and see off what was about to start another. Idempotent."""
        await self._kill()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _kill(self) -> None:
        self._closed = True
        workers, self._workers = self._workers, set()
        self._meter.change(size=-len(workers))
        self._free.put_nowait(None)
        self._returned.set()
        await asyncio.gather(*(worker.kill() for worker in workers))

    async def expect(self, kinds: Iterable[str]) -> None:
        """Probe for these kinds from now on: free processes now, the others before they judge on.

        Raises VerifierDrift.
        """
        self._proofs.take_on(kinds)
        self._check()
        self._proofs.ask_quickly(time.monotonic())
        await self._prove_free()
        self._check()

    async def prove(self) -> None:
        """Returns when every process has passed the probes since this call. Raises VerifierDrift."""
        self._check()
        self._proofs.prove_quick(time.monotonic())
        self._marks = {worker: worker.judged for worker in self._workers}
        await self._prove_free()
        while not all(map(self._is_proven, self._workers)):
            self._returned.clear()
            await self._returned.wait()
            await self._prove_free()
        self._check()

    async def _prove_free(self) -> None:
        """Of the processes that have nothing to do, or of those that replace them."""
        while taken := self._unproven_of_free():
            self._meter.change(busy=len(taken))
            await asyncio.gather(*(self._apart(self._give_back(worker, reusable=True)) for worker in taken))

    def _unproven_of_free(self) -> list[WorkerProcess]:
        """Taken from the queue; the others are in it again."""
        free = [self._free.get_nowait() for _ in range(self._free.qsize())]
        taken = [worker for worker in free if worker is not None and not self._is_proven(worker)]
        for worker in free:
            if worker not in taken:
                self._free.put_nowait(worker)
        return taken

    def _is_proven(self, worker: WorkerProcess) -> bool:
        return self._proofs.has_passed(worker, self._marks.get(worker, 0))

    def health(self) -> PoolHealth:
        """How it is; the busy share is over the time since the last call."""
        return PoolHealth(len(self._workers), self._meter.share(), self._waiting, self._proofs.asked)

    def _check(self) -> None:
        if self._drift is not None:
            raise self._drift
        # Not by its workers: for a moment there is none while a dead one is replaced.
        if self._closed:
            raise VerifierError("the verifier pool is not running")

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """A verdict for each case, in order. Raises VerifierError when the pool is closed, VerifierDrift."""
        self._check()
        self._proofs.ask_quickly(time.monotonic())
        verdicts: list[Verdict | None] = []
        for position, case in enumerate(cases):
            verdicts.append(_quick(self._verifiers[case.verifier], case))
            if position % QUICK_CASES_PER_TURN == QUICK_CASES_PER_TURN - 1:
                await asyncio.sleep(0)
        rest = [_Open(position, cases[position]) for position, verdict in enumerate(verdicts) if verdict is None]
        self._proofs.quick_cases += len(cases) - len(rest)
        try:
            async with asyncio.TaskGroup() as group:
                for chunk in _spread(rest, self._at_most):
                    group.create_task(self._judge_chunk(chunk, verdicts))
        except* TracegenError as errors:
            raise errors.exceptions[0] from None
        if self._drift is not None:
            raise self._drift
        return [_settled(verdict) for verdict in verdicts]

    async def _judge_chunk(self, chunk: list[_Open], verdicts: list[Verdict | None]) -> None:
        """Until every case has its verdict; after a kill the rest goes to the next process."""
        while chunk:
            worker = await self._take(len(chunk))
            reusable = False
            try:
                reusable = await self._serve(worker, chunk, verdicts)
            finally:
                await self._apart(self._give_back(worker, reusable))

    async def _take(self, cases: int = 1) -> WorkerProcess:
        """A process that has passed what probes there are."""
        self._waiting += cases
        try:
            while True:
                worker = await self._next_free()
                if not self._proofs.is_due(worker, time.monotonic()):
                    return worker
                # It comes back proven, or another one in its place.
                await self._apart(self._give_back(worker, reusable=True))
        finally:
            self._waiting -= cases

    async def _next_free(self) -> WorkerProcess:
        if self._free.empty() and len(self._workers) < self._at_most and not self._growing:
            self._growing = True
            self._apart(self._grow())
        worker = await self._free.get()
        if worker is None or self._closed:
            self._free.put_nowait(None)  # for the next who waits
            raise self._drift or VerifierError("the verifier pool was closed while it judged")
        self._meter.change(busy=1)
        return worker

    async def _grow(self) -> None:
        """One process more: cases wait, and there are cores."""
        try:
            worker = await self._spawn()
            self._meter.change(busy=1)
            # Where the pool was closed meanwhile, it is killed instead.
            await self._give_back(worker, reusable=self._is_open())
        except TracegenError as error:
            logger.warning("the verifier pool stays at %d processes: %s", len(self._workers), error)
        finally:
            self._growing = False

    def _apart(self, work: Coroutine[None, None, None]) -> Awaitable[None]:
        """Work that goes on when its caller is cancelled, and that closing waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return asyncio.shield(task)

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
        return True

    async def _give_back(self, worker: WorkerProcess, reusable: bool) -> None:
        """Free again, once it has passed what probes are due; or another one in its place."""
        try:
            fresh = worker if reusable and await self._passes(worker) else await self._replace(worker)
        finally:
            self._meter.change(busy=-1)
            self._returned.set()
        if fresh is not None:
            self._free.put_nowait(fresh)
            self._returned.set()

    async def _passes(self, worker: WorkerProcess) -> bool:
        """Whether it may go on. Drift closes the pool, and whoever asks it from then on is told why."""
        worn_out = worker.judged >= self._limits.cases_per_process
        try:
            now_s = time.monotonic()
            due = worn_out or not self._is_proven(worker) or self._proofs.is_due(worker, now_s)
            return (not due or await self._proofs.ask(worker, now_s)) and not worn_out
        except VerifierDrift as error:
            self._drift = error
            await self._kill()
            return False

    async def _replace(self, worker: WorkerProcess) -> WorkerProcess | None:
        """A new process for this one; None where the pool was closed."""
        if worker in self._workers:
            self._workers.discard(worker)
            self._meter.change(size=-1)
        await worker.kill()
        if not self._is_open():
            return None
        logger.info("verifier process %d replaced after %d cases", worker.pid, worker.judged)
        fresh = await self._spawn()
        self._proofs.replaced(worker, fresh)
        if not self._is_open():
            self._workers.discard(fresh)
            await fresh.kill()
        return fresh

    def _is_open(self) -> bool:
        return not self._closed

    async def _spawn(self) -> WorkerProcess:
        with boundary(VerifierError, "cannot start a verifier process"):
            worker = await WorkerProcess.spawn(self._verifiers, self._limits, self._environment)
        self._workers.add(worker)
        self._meter.change(size=1)
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
