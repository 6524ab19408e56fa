"""What running an untrusted program means: what goes in, what may be used, what comes out. No implementation.

Names and endings follow isolate's and go-judge's: how a program ended is a fact, and never yet a verdict.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

Language = Literal["python", "cpp"]
Isolation = Literal["auto", "namespaces", "bubblewrap", "none"]
"""``auto``: the best that works here, never ``none``. ``none`` is rlimits only: not a sandbox, and asked for by name."""


@dataclass(frozen=True, slots=True)
class Program:
    """Something to run: Python source, or what a compiler made."""

    language: Language
    source: str
    binary: bytes = b""
    """Of C++: the executable that :meth:`Sandbox.compile` made of the source."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one run may use."""

    cpu_s: float = 10.0
    """Processor seconds of all its processes together. This decides."""
    wall_s: float = 60.0
    """Backstop only: a busy machine, or a program that sleeps."""
    memory_bytes: int = 512 * 1024**2
    output_bytes: int = 32 * 1024**2
    """Standard output is read up to here, and never cut without saying so."""
    file_bytes: int = 64 * 1024**2
    """All that it may write to its own temporary folder."""
    processes: int = 64
    """Processes and threads at once."""


class Ending(StrEnum):
    """How a run ended."""

    EXITED = "exited"
    """By itself, with any exit code."""
    SIGNALLED = "signalled"
    CPU_LIMIT = "cpu_limit"
    WALL_LIMIT = "wall_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    FAILED = "failed"
    """The sandbox, not the program, is at fault."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that is over: nothing of it is left on the machine."""

    ending: Ending
    exit_code: int = 0
    signal: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    """The last few kB."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    detail: str = ""
    """Of FAILED: what went wrong."""


class DialogueEnded(Exception):  # noqa: N818 - a fact about a run, not a fault
    """The program at the other end is gone, said too much, or did not answer in time."""

    def __init__(self, ran: Ran) -> None:
        super().__init__(ran.ending)
        self.ran = ran


class Dialogue(Protocol):
    """A Python program that runs, with a channel of its own beside its standard streams.

    Inside, the channel is the file descriptor :data:`CHANNEL`, for reading and writing; messages are lines of bytes
    without a newline. Whatever arrives was written by the program, so it is data, never trusted, never unpickled.
    """

    def send(self, message: bytes) -> None:
        """One line. Raises DialogueEnded."""

    def receive(self) -> bytes:
        """The next line, waited for as long as the allowance lasts. Raises DialogueEnded."""

    def finish(self) -> Ran:
        """End the program now, whatever it does. Idempotent."""


CHANNEL = 3


class Sandbox(Protocol):
    """A supervisor that lives in one process and serves its threads: calls may come from several at once."""

    isolation: Isolation
    """What it really uses."""

    def run(self, program: Program, stdin: bytes, allowance: Allowance) -> Ran:
        """Run to the end."""

    def open(self, program: Program, allowance: Allowance) -> AbstractContextManager[Dialogue]:
        """Run with a channel, Python only. Leaving the context ends the program and waits until nothing is left."""

    def compile(self, source: str, allowance: Allowance) -> Program | Ran:
        """C++ (g++, C++17, -O2), once per candidate; what the compiler said where it failed."""

    def close(self) -> None:
        """End every run and every helper process. Idempotent."""
