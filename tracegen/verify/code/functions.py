"""Functions judged by assertions: two dialogues, and a relay between them that understands neither side.

The examiner has the assertions and comes to the verdict; the candidate has the program and sees its arguments only.
Each is in a sandbox of its own. What the candidate sends is numbered bytes that are handed on, never read here.
"""

import json
from contextlib import ExitStack

from tracegen.types import Outcome, Verdict
from tracegen.verify.code.endings import SANDBOX_FAILED, verdict_on
from tracegen.verify.sandbox.contract import Allowance, Dialogue, DialogueEnded, Ending, Program, Ran, Sandbox

CANDIDATE = Allowance(cpu_s=10.0, wall_s=60.0)
"""For all calls together."""
EXAMINER = Allowance(cpu_s=20.0, wall_s=90.0)
"""It waits while the candidate works."""
MAX_ANSWER_BYTES = 16 * 1024**2
CLOCKS_S = CANDIDATE.wall_s + EXAMINER.wall_s


class _Settled(Exception):  # noqa: N818 - a verdict, not a fault
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def examine(sandbox: Sandbox, candidate: Program, examiner: Program) -> Verdict:
    """One examination from its beginning to its end."""
    with ExitStack() as stack:
        answering = stack.enter_context(sandbox.open(candidate, CANDIDATE))
        try:
            _load(answering)
            asking = stack.enter_context(sandbox.open(examiner, EXAMINER))
            verdict = _relay(asking, answering)
        except _Settled as settled:
            verdict = settled.verdict
        cpu_s = answering.finish().cpu_s
    return Verdict(verdict.outcome, verdict.reason, verdict.detail, cpu_s)


def _load(answering: Dialogue) -> None:
    state, _, what = _answer(answering, "when it was loaded").partition(b" ")
    told = what[:80].decode(errors="backslashreplace")
    if state == b"raised":
        reason = "memory_limit" if told == "MemoryError" else "runtime_error"
        raise _Settled(Verdict(Outcome.INCORRECT, reason, f"when it was loaded: raised {told}"))
    if state == b"missing":
        raise _Settled(Verdict(Outcome.INCORRECT, "no_entry_point", f"it does not define {told}"))


def _relay(asking: Dialogue, answering: Dialogue) -> Verdict:
    number = 0
    while True:
        kind, _, body = _examiners(asking).partition(b" ")
        if kind != b"call":
            return _read_verdict(body)
        number += 1
        where = f"call {number}"
        try:
            answering.send(b"%d %s" % (number, body))
        except DialogueEnded as ended:
            raise _Settled(_ended(ended.ran, where)) from None
        answered, _, answer = _answer(answering, where).partition(b" ")
        if answered != b"%d" % number:
            raise _Settled(Verdict(Outcome.INCORRECT, "forged_answer", f"{where}: it said more than it was asked"))
        try:
            asking.send(answer)
        except DialogueEnded as ended:
            raise _Settled(_reference_failed(ended.ran)) from None


def _answer(answering: Dialogue, where: str) -> bytes:
    try:
        line = answering.receive()
    except DialogueEnded as ended:
        raise _Settled(_ended(ended.ran, where)) from None
    if len(line) > MAX_ANSWER_BYTES:
        raise _Settled(Verdict(Outcome.INCORRECT, "output_limit", f"{where}: an answer of {len(line)} bytes"))
    return line


def _examiners(asking: Dialogue) -> bytes:
    try:
        return asking.receive()
    except DialogueEnded as ended:
        raise _Settled(_reference_failed(ended.ran)) from None


def _ended(ran: Ran, where: str) -> Verdict:
    if ran.ending is Ending.EXITED and not ran.exit_code:
        return Verdict(Outcome.INCORRECT, "exited", f"{where}: the program ended itself")
    return verdict_on(ran, where)


def _reference_failed(ran: Ran) -> Verdict:
    if ran.ending is Ending.FAILED:
        return Verdict(Outcome.UNDECIDED, SANDBOX_FAILED, ran.detail)
    return Verdict(Outcome.UNDECIDED, "reference_failed", f"the reference's own code ended by {ran.ending}")


def _read_verdict(body: bytes) -> Verdict:
    match json.loads(body):
        case [str(outcome), str(reason), str(detail)] if outcome in tuple(Outcome):
            return Verdict(Outcome(outcome), reason, detail)
    return Verdict(Outcome.UNDECIDED, "reference_failed", "the reference's own code said what is no verdict")
