"""One run as the thread that asked for it sees it: bytes in, bytes out, none of which can block the other."""

import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tracegen.verify.sandbox.contract import Allowance, Ending, Ran
from tracegen.verify.sandbox.inside.job import KILL, MAX_MESSAGE, Account, Job, account_of, send_job

MAX_LINE_BYTES = 16 * 1024**2
"""Of a dialogue."""
_KEPT_OF_STDERR = 8192
_CHUNK = 1 << 18
_GRACE_S = 10.0
"""Beyond the wall limit, for a slot that does not answer."""
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL

_LIMITS = {"cpu": Ending.CPU_LIMIT, "wall": Ending.WALL_LIMIT, "memory": Ending.MEMORY_LIMIT}
# A program that was refused memory ends by itself; its last words are all there is to know it by.
_REFUSED_MEMORY = (b"MemoryError", b"std::bad_alloc")


@dataclass(frozen=True, slots=True)
class Ends:
    """Descriptors of a run. ``given``: those that go to the program, in a job's order; all are the pump's to close."""

    given: tuple[int, ...]
    stdin: int
    stdout: int
    stderr: int
    channel: int | None = None


def pipes(program: int, channel: int | None = None, theirs: int | None = None) -> Ends:
    """Three pipes around a program, with what it shall find as descriptor 3."""
    (stdin, our_stdin), (our_stdout, stdout), (our_stderr, stderr) = os.pipe(), os.pipe(), os.pipe()
    for descriptor in (stdin, stdout, stderr):
        # They belong to us, and the program is another user: it may open /dev/stdin all the same.
        os.fchmod(descriptor, 0o666)
    given = (stdin, stdout, stderr, program, *(() if theirs is None else (theirs,)))
    return Ends(given, our_stdin, our_stdout, our_stderr, channel)


class Pump:
    """A job on a slot. One thread's."""

    def __init__(self, slot: socket.socket, job: Job, ends: Ends, allowance: Allowance) -> None:
        self._slot, self._ends, self._allowance = slot, ends, allowance
        self._account: Account | None = None
        self._deadline = time.monotonic() + allowance.wall_s + _GRACE_S
        self._said_too_much = False
        self._stdout, self._stderr, self.received = bytearray(), bytearray(), bytearray()
        self._outgoing: dict[int, memoryview] = {}
        self._sinks: dict[int, Callable[[bytes], None]] = {}
        self._poll = select.poll()
        self._poll.register(slot, select.POLLIN)
        self._listen(ends.stdout, self._take_output)
        self._listen(ends.stderr, self._take_error)
        if ends.channel is not None:
            self._listen(ends.channel, self._take_message)
        self._begin(job)

    @property
    def is_over(self) -> bool:
        return self._account is not None

    @property
    def slot_is_well(self) -> bool:
        """Whether the slot that ran this can be used again."""
        return self._account is not None and not self._account.fault

    def feed(self, data: bytes) -> None:
        """All of standard input. Its end is closed behind it."""
        os.set_blocking(self._ends.stdin, False)
        self._outgoing[self._ends.stdin] = memoryview(data)
        self._push(self._ends.stdin)

    def say(self, data: bytes) -> None:
        """Into the channel."""
        if self._ends.channel is not None:
            self._outgoing[self._ends.channel] = memoryview(data)
            self._push(self._ends.channel)

    @property
    def has_said_all(self) -> bool:
        return self._ends.channel not in self._outgoing

    def until(self, done: Callable[[], bool]) -> None:
        """Move bytes until something is so, or the run is over."""
        while not self.is_over and not done():
            events = self._poll.poll(1000 * max(0.0, self._deadline - time.monotonic()))
            if not events:
                self._account = Account(fault="the slot did not answer in time")
            # The account last: what a program wrote before its end is then read already, or is still in its pipe.
            for descriptor, event in sorted(events, key=lambda one: one[0] == self._slot.fileno()):
                self._handle(descriptor, event)
        if self.is_over:
            self._close()

    def kill(self) -> None:
        with suppress(OSError):
            self._slot.send(KILL)

    def ran(self) -> Ran:
        """How it ended, once it is over."""
        account = self._account or Account(fault="the run is not over")
        code, signal = 0, 0
        if os.WIFSIGNALED(account.status):
            signal = os.WTERMSIG(account.status)
        else:
            code = os.waitstatus_to_exitcode(account.status)
        stderr = bytes(self._stderr)
        return Ran(
            self._ending(account, stderr), code, signal, bytes(self._stdout), stderr,
            account.cpu_s, account.wall_s, account.fault,
        )  # fmt: skip

    def _ending(self, account: Account, stderr: bytes) -> Ending:
        failed_itself = account.status and not account.limit
        if account.fault:
            return Ending.FAILED
        if self._said_too_much:
            return Ending.OUTPUT_LIMIT
        if account.limit in _LIMITS:
            return _LIMITS[account.limit]
        if failed_itself and any(words in stderr[-200:] for words in _REFUSED_MEMORY):
            return Ending.MEMORY_LIMIT
        return Ending.SIGNALLED if os.WIFSIGNALED(account.status) else Ending.EXITED

    def _begin(self, job: Job) -> None:
        try:
            send_job(self._slot, job, self._ends.given)
        except OSError as error:
            self._account = Account(fault=f"the slot is gone: {error.strerror}")
        finally:
            for descriptor in self._ends.given:
                os.close(descriptor)

    def _listen(self, descriptor: int, sink: Callable[[bytes], None]) -> None:
        os.set_blocking(descriptor, False)
        self._sinks[descriptor] = sink
        self._poll.register(descriptor, select.POLLIN)

    def _handle(self, descriptor: int, event: int) -> None:
        if descriptor == self._slot.fileno():
            return self._hear()
        if descriptor in self._outgoing and event & (select.POLLOUT | _GONE):
            self._push(descriptor)
        if descriptor in self._sinks and event & (select.POLLIN | _GONE) and not self._pull(descriptor):
            self._forget(descriptor)
        return None

    def _hear(self) -> None:
        """The slot has spoken: the run is over, and all that could still write to our pipes is dead."""
        message = self._slot.recv(MAX_MESSAGE)
        self._account = account_of(message) if message else Account(fault="the slot died")
        for descriptor in tuple(self._sinks):
            while self._pull(descriptor) and not self._said_too_much:
                pass

    def _pull(self, descriptor: int) -> bool:
        """Read once; whether there may be more, now or later."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return not self.is_over
        except ConnectionResetError:
            return False
        self._sinks[descriptor](data)
        return bool(data)

    def _push(self, descriptor: int) -> None:
        """Write what fits; watch for room if some is left, and close standard input if none is."""
        is_channel = descriptor in self._sinks
        rest = self._outgoing[descriptor]
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            self._outgoing[descriptor] = rest
            self._poll.register(descriptor, select.POLLOUT | (select.POLLIN if is_channel else 0))
            return
        except BrokenPipeError:
            if is_channel:
                # What is not said stays unsaid, until the run is over.
                self._forget(descriptor)
                return
        del self._outgoing[descriptor]
        if is_channel:
            self._poll.register(descriptor, select.POLLIN)
        else:
            self._forget(descriptor)
            os.close(descriptor)

    def _forget(self, descriptor: int) -> None:
        with suppress(KeyError):
            self._poll.unregister(descriptor)

    def _take_output(self, data: bytes) -> None:
        self._stdout += data
        if len(self._stdout) > self._allowance.output_bytes:
            del self._stdout[self._allowance.output_bytes :]
            self._object()

    def _take_error(self, data: bytes) -> None:
        self._stderr += data
        del self._stderr[:-_KEPT_OF_STDERR]

    def _take_message(self, data: bytes) -> None:
        self.received += data
        if len(self.received) > MAX_LINE_BYTES and b"\n" not in self.received:
            self._object()

    def _object(self) -> None:
        if not self._said_too_much:
            self._said_too_much = True
            self.kill()

    def _close(self) -> None:
        """All our ends, once."""
        waiting = [self._ends.stdin] if self._ends.stdin in self._outgoing else []
        for descriptor in (*self._sinks, *waiting):
            os.close(descriptor)
        self._sinks.clear()
        self._outgoing.clear()
