"""What the end of a run says about the program: never that it is right."""

import re
import signal

from tracegen.types import Outcome, Verdict
from tracegen.verify.sandbox.contract import Ending, Ran

SANDBOX_FAILED, WALL_TIME = "sandbox_failed", "wall_time"
MACHINES_DOING = frozenset({Ending.FAILED, Ending.WALL_LIMIT})
"""Not the program may be at fault, but the machine: worth a second run."""

_LIMITS = {
    Ending.CPU_LIMIT: "time_limit",
    Ending.MEMORY_LIMIT: "memory_limit",
    Ending.OUTPUT_LIMIT: "output_limit",
}
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]{0,80})(?::.*)?")


def verdict_on(ran: Ran, where: str) -> Verdict:
    """The verdict on a run that did not end well; ``where`` says which test or call it was."""
    if ran.ending is Ending.FAILED:
        return Verdict(Outcome.UNDECIDED, SANDBOX_FAILED, f"{where}: {ran.detail}", ran.cpu_s)
    if ran.ending is Ending.WALL_LIMIT:
        return Verdict(Outcome.UNDECIDED, WALL_TIME, f"{where}: stopped by the clock, not by its own work", ran.cpu_s)
    if ran.ending in _LIMITS:
        return Verdict(Outcome.INCORRECT, _LIMITS[ran.ending], where, ran.cpu_s)
    raised = exception_type(ran.stderr)
    if raised == "MemoryError":
        return Verdict(Outcome.INCORRECT, "memory_limit", where, ran.cpu_s)
    return Verdict(Outcome.INCORRECT, "runtime_error", f"{where}: {_told(ran, raised)}", ran.cpu_s)


def exception_type(stderr: bytes) -> str:
    """The type in a traceback's last line. Its text is left out: it may differ from run to run."""
    text = stderr.decode(errors="replace")
    last = text.rstrip().rpartition("\n")[2]
    match = _EXCEPTION.fullmatch(last) if "Traceback (most recent call last)" in text else None
    return match[1] if match else ""


def _told(ran: Ran, raised: str) -> str:
    if ran.ending is Ending.SIGNALLED:
        return _signal(ran.signal)
    return f"raised {raised}" if raised else f"it ended with exit code {ran.exit_code}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
