"""The program of a killable verifier process: cases in by pipe, verdicts out, until the pipe ends.

It trusts its parent and nothing else. What comes in is pickled by the parent; what goes out is JSON, because an answer
that takes a scorer over must not reach the parent's interpreter. It owns no clock: the parent kills.
"""

import json
import os
import pickle
import queue
import resource
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from tracegen.errors import TracegenError, VerifierError, boundary
from tracegen.protocols import Verifier
from tracegen.types import Outcome, Reference, Trace, Verdict

HEADER = struct.Struct(">Q")
WARMING, READY = "warming", "ready"
MAX_DETAIL = 300

Case = tuple[str, Reference, Trace]
"""Name of the verifier, what to judge against, what to judge."""


def main() -> None:
    """Serve until the parent closes the pipe, or is gone."""
    requests, answers = _own_pipes()
    hello = _read(requests)
    if hello is None:
        return
    verifiers, memory_bytes, deadline_s = hello
    _limit_memory(memory_bytes)
    inbox: queue.SimpleQueue[Sequence[Case]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    serve(verifiers, inbox.get, lambda message: _write(answers, message), deadline_s)


def serve(
    verifiers: Mapping[str, Verifier],
    receive: Callable[[], Sequence[Case]],
    send: Callable[[Mapping[str, object]], None],
    deadline_s: float,
) -> None:
    """Judge case after case. A case that ran out of memory ends the process: what is left of it is not trusted."""
    warm: set[str] = set()
    send({"event": READY})
    while True:
        for name, reference, trace in receive():
            if name not in warm:
                send({"event": WARMING})
                _warm(verifiers[name])
                warm.add(name)
                send({"event": READY})
            _limit_cpu(2 * (verifiers[name].deadline_s(reference) or deadline_s) + 5)
            verdict = judge(verifiers[name], reference, trace)
            send({"event": "verdict", "verdict": _plain(verdict)})
            if verdict.reason == "out_of_memory":
                return


def judge(verifier: Verifier, reference: Reference, trace: Trace) -> Verdict:
    """One verdict, with the processor time of this process and of those that ran a program for it.

    A verifier that fails is no verdict on the answer.
    """
    begun = time.process_time()
    try:
        with boundary(VerifierError, verifier.name):
            verdict = verifier.verify(reference, trace)
    except TracegenError as error:
        out = isinstance(error.__cause__, MemoryError)
        verdict = Verdict(Outcome.UNDECIDED, "out_of_memory" if out else "verifier_error", str(error))
    cpu_s = verdict.cpu_s + time.process_time() - begun
    return Verdict(verdict.outcome, verdict.reason, verdict.detail[:MAX_DETAIL], round(cpu_s, 6))


def frame(message: object) -> bytes:
    """A message to a worker."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body)) + body


def _plain(verdict: Verdict) -> list[object]:
    return [verdict.outcome.value, verdict.reason, verdict.detail, verdict.cpu_s]


def _warm(verifier: Verifier) -> None:
    """Imports happen here, off the case's clock. One that fails fails again, with its reason, in the case.

    So do helper processes start, as a sandbox's supervisor; they must not inherit what limits this process.
    """
    warm = getattr(verifier, "warm", None)
    if warm is not None:
        with _without_limits(), suppress(TracegenError), boundary(VerifierError, verifier.name):
            warm()


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes to ourselves: a scorer that prints must not write into the protocol."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    return requests, answers


def _listen(requests: BinaryIO, inbox: "queue.SimpleQueue[Sequence[Case]]") -> None:
    """Hand chunks on; leave at once when the parent is gone, also in the middle of a case."""
    while (cases := _read(requests)) is not None:
        inbox.put(cases)
    os._exit(0)


def _read(pipe: BinaryIO) -> Any:
    header = pipe.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    body = pipe.read(size)
    return pickle.loads(body) if len(body) == size else None  # noqa: S301 - from our parent


def _write(pipe: BinaryIO, message: Mapping[str, object]) -> None:
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.flush()


@contextmanager
def _without_limits() -> Iterator[None]:
    """Soft limits up to the hard ones, for a while."""
    kept = {limit: resource.getrlimit(limit) for limit in (resource.RLIMIT_AS, resource.RLIMIT_CPU)}
    for limit, (_, hard) in kept.items():
        resource.setrlimit(limit, (hard, hard))
    try:
        yield
    finally:
        for limit, soft_and_hard in kept.items():
            resource.setrlimit(limit, soft_and_hard)


def _limit_memory(memory_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(cpu_s: float) -> None:
    """The kernel ends a case that no parent is left to kill, also inside of one long C call."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + cpu_s) + 1, hard))


if __name__ == "__main__":
    main()
