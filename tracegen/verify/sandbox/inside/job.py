"""What the owner and a slot say to each other: one job in, one account of it out. Both sides import this."""

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

MAX_MESSAGE = 1 << 16
MAX_DESCRIPTORS = 8
KILL = b"kill"


@dataclass(frozen=True, slots=True)
class Job:
    """One run. ``descriptors``: standard input, output, error; then the program, then what becomes descriptor 3."""

    arguments: tuple[str, ...]
    """A command; empty for Python; of a binary, its name alone."""
    is_binary: bool
    cpu_s: float
    wall_s: float
    memory_bytes: int
    file_bytes: int
    processes: int
    descriptors: tuple[int, ...] = field(default=(), compare=False)

    @property
    def standard(self) -> tuple[int, ...]:
        return self.descriptors[:3]

    @property
    def program(self) -> int:
        return self.descriptors[3]

    @property
    def channel(self) -> int | None:
        return self.descriptors[4] if len(self.descriptors) > 4 else None

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Account:
    """How a run went, as its slot saw it. ``limit``: the name of the limit that ended it, if one did."""

    limit: str = ""
    status: int = 0
    """As of waitpid."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    fault: str = ""
    """Of the sandbox: the program was not run as it should."""


def send_job(connection: socket.socket, job: Job, descriptors: Sequence[int]) -> None:
    words = asdict(job)
    del words["descriptors"]
    socket.send_fds(connection, [json.dumps(words).encode()], descriptors)


def receive_job(connection: socket.socket) -> Job | None:
    """The next job, or None when the owner is gone. A kill that came too late is not one."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, MAX_MESSAGE, MAX_DESCRIPTORS)
        if not message:
            return None
        if message != KILL:
            words = json.loads(message)
            words["arguments"] = tuple(words["arguments"])
            return Job(**words, descriptors=tuple(descriptors))


def send_account(connection: socket.socket, account: Account) -> None:
    connection.send(json.dumps(asdict(account)).encode())


def account_of(message: bytes) -> Account:
    return Account(**json.loads(message))
