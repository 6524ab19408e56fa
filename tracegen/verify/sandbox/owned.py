"""The owner's side: a :class:`Sandbox` over one supervisor. Each call has a slot to itself, so calls never wait."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tracegen.verify.sandbox.contract import Allowance, DialogueEnded, Ending, Isolation, Program, Ran
from tracegen.verify.sandbox.inside.job import Job
from tracegen.verify.sandbox.pump import Pump, pipes
from tracegen.verify.sandbox.supervised import Slot, SlotFault, Supervisor

_COMPILERS = ("/usr/bin/g++", "/usr/local/bin/g++")


@dataclass(frozen=True, slots=True)
class _Run:
    """What the pump needs to know. ``image``: source or executable; ``output``: a file for descriptor 3."""

    job: Job
    image: bytes
    allowance: Allowance
    output: int | None = None


class OwnedSandbox:
    """Fulfils the contract. Made by :func:`tracegen.verify.sandbox.opening.open_sandbox`."""

    def __init__(self, isolation: Isolation) -> None:
        self.isolation: Isolation = isolation
        self._lock = threading.Lock()
        self._idle: list[Slot] = []
        self._supervisor: Supervisor | None = None
        self._is_closed = False

    def run(self, program: Program, stdin: bytes, allowance: Allowance) -> Ran:
        return self._to_the_end(_run(program, allowance), stdin)

    @contextmanager
    def open(self, program: Program, allowance: Allowance) -> Iterator["OwnedDialogue"]:
        if program.language != "python":
            raise ValueError("a dialogue is with a Python program")
        try:
            with self._slot() as slot:
                dialogue = OwnedDialogue(_start_dialogue(slot, _run(program, allowance)))
                try:
                    yield dialogue
                finally:
                    dialogue.finish()
                    slot.is_well = dialogue.pump.slot_is_well
        except SlotFault as fault:
            raise DialogueEnded(Ran(Ending.FAILED, detail=str(fault))) from fault

    def compile(self, source: str, allowance: Allowance) -> Program | Ran:
        compiler = next((path for path in _COMPILERS if Path(path).exists()), None)
        if compiler is None:
            return Ran(Ending.FAILED, detail="there is no g++ on this machine; install it to judge C++")
        command = f"{compiler} -O2 -std=c++17 -x c++ -o a.out - && cat a.out >&3"
        output = os.memfd_create("compiled")
        try:
            job = _job(allowance, ("/bin/sh", "-c", command))
            ran = self._to_the_end(_Run(job, b"", allowance, output), source.encode(errors="replace"))
            if ran.ending is not Ending.EXITED or ran.exit_code:
                return ran
            return Program("cpp", source, os.pread(output, os.fstat(output).st_size, 0))
        finally:
            os.close(output)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            for slot in self._idle:
                slot.connection.close()
            self._idle.clear()
            if self._supervisor is not None:
                self._supervisor.close()
                self._supervisor = None

    def _to_the_end(self, run: _Run, stdin: bytes) -> Ran:
        try:
            with self._slot() as slot:
                output = None if run.output is None else os.dup(run.output)
                pump = Pump(slot.connection, run.job, pipes(_in_memory(run.image), theirs=output), run.allowance)
                pump.feed(stdin)
                pump.until(lambda: False)
                slot.is_well = pump.slot_is_well
                return pump.ran()
        except SlotFault as fault:
            return Ran(Ending.FAILED, detail=str(fault))

    @contextmanager
    def _slot(self) -> Iterator[Slot]:
        """An idle slot, or a new one; kept for later if it is well afterwards. Raises SlotFault."""
        with self._lock:
            slot = self._take()
        slot.is_well = False
        try:
            yield slot
        finally:
            with self._lock:
                if slot.is_well and not self._is_closed:
                    self._idle.append(slot)
                else:
                    slot.connection.close()

    def _take(self) -> Slot:
        while self._idle:
            slot = self._idle.pop()
            if slot.is_there:
                return slot
            slot.connection.close()
        if self._is_closed:
            raise SlotFault("the sandbox is closed")
        if self._supervisor is not None and not self._supervisor.is_alive:
            self._supervisor.close()
            self._supervisor = None
        if self._supervisor is None:
            self._supervisor = Supervisor(self.isolation)
        return self._supervisor.new_slot()


class OwnedDialogue:
    """Fulfils the contract of a dialogue. One thread's."""

    def __init__(self, pump: Pump) -> None:
        self.pump = pump

    def send(self, message: bytes) -> None:
        self.pump.say(message + b"\n")
        self.pump.until(lambda: self.pump.has_said_all)
        self._raise_if_over()

    def receive(self) -> bytes:
        received = self.pump.received
        self.pump.until(lambda: b"\n" in received)
        line, newline, rest = received.partition(b"\n")
        if not newline:
            self._raise_if_over()
        received[:] = rest
        return bytes(line)

    def finish(self) -> Ran:
        if not self.pump.is_over:
            self.pump.kill()
            self.pump.until(lambda: False)
        return self.pump.ran()

    def _raise_if_over(self) -> None:
        if self.pump.is_over:
            raise DialogueEnded(self.pump.ran())


def _start_dialogue(slot: Slot, run: _Run) -> Pump:
    ours, theirs = (end.detach() for end in socket.socketpair())
    pump = Pump(slot.connection, run.job, pipes(_in_memory(run.image), ours, theirs), run.allowance)
    pump.feed(b"")
    return pump


def _run(program: Program, allowance: Allowance) -> _Run:
    if program.language == "python":
        return _Run(_job(allowance), program.source.encode(errors="surrogatepass"), allowance)
    return _Run(_job(allowance, ("program",), is_binary=True), program.binary, allowance)


def _job(allowance: Allowance, arguments: tuple[str, ...] = (), is_binary: bool = False) -> Job:
    return Job(
        arguments, is_binary, allowance.cpu_s, allowance.wall_s,
        allowance.memory_bytes, allowance.file_bytes, allowance.processes,
    )  # fmt: skip


def _in_memory(image: bytes) -> int:
    """A file that can be read and executed, and not written. Without the second opening it could not be executed."""
    written = os.memfd_create("program")
    try:
        view = memoryview(image)
        while view:
            view = view[os.write(written, view) :]
        return os.open(f"/proc/self/fd/{written}", os.O_RDONLY)
    finally:
        os.close(written)
