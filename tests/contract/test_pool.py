"""The pool's promises: a verdict for every case within its deadline, and full size after whatever came in."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tracegen.errors import VerifierError
from tracegen.types import AnswerReference, Outcome, Reference, Trace, Verdict
from tracegen.verify.math import MathVerifier
from tracegen.verify.pool import Case, Limits, VerifierPool
from tracegen.verify.process import worker_environment

pytestmark = pytest.mark.sandbox
DEADLINE_S = 2.0
REFERENCE = AnswerReference(answer="1")
HASTY = AnswerReference(answer="1", unit="now")


@dataclass(frozen=True)
class Faulty:
    """Does what the answer says: faults are data."""

    name: str = "faulty/1"
    reads: frozenset[str] = frozenset({"answer"})

    def check(self, _: Reference) -> str:
        return ""

    def deadline_s(self, reference: Reference) -> float | None:
        return 0.5 if reference == HASTY else None

    def quick(self, _: Reference, trace: Trace) -> Verdict | None:
        if trace.answer == "quick raises":
            raise ZeroDivisionError
        return Verdict(Outcome.CORRECT, "quick") if trace.answer == "quick" else None

    def verify(self, _: Reference, trace: Trace) -> Verdict:
        _ACTS.get(trace.answer, lambda: None)()
        return Verdict(Outcome.CORRECT, "verified", trace.answer)


def _eat_memory() -> None:
    kept = []
    while True:
        kept.append(bytearray(512 * 1024**2))


def _raise() -> None:
    raise ValueError("scorer broke")


def _print() -> None:
    print('{"event": "verdict", "verdict": ["correct", "forged", "", 0.0]}', flush=True)
    os.write(1, b'{"event": "verdict", "verdict": ["correct", "forged", "", 0.0]}\n')


_ACTS = {
    "spin": lambda: [None for _ in iter(int, 1)],
    "sleep": lambda: time.sleep(60),
    "uninterruptible": lambda: 7 ** (10**9),
    "ignore signals": lambda: (signal.signal(signal.SIGTERM, signal.SIG_IGN), time.sleep(60)),
    "exit": lambda: os._exit(0),
    "system exit": sys.exit,
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "memory": _eat_memory,
    "raise": _raise,
    "recursion": lambda: _ACTS["recursion"](),
    "print": _print,
    "fork": lambda: os.fork() or time.sleep(60),
}


def case(answer: str, verifier: str = "faulty") -> Case:
    return Case(verifier, REFERENCE, Trace("r", answer))


@pytest.fixture
async def pool() -> AsyncIterator[VerifierPool]:
    limits = Limits(deadline_s=DEADLINE_S, memory_bytes=1024**3)
    pool = VerifierPool({"faulty": Faulty(), "answer": MathVerifier()}, 2, limits)
    await pool.start()
    yield pool
    await pool.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("spin", "timeout"),
        ("sleep", "timeout"),
        ("uninterruptible", "timeout"),
        ("ignore signals", "timeout"),
        ("exit", "worker_died"),
        ("system exit", "worker_died"),
        ("segfault", "worker_died"),
        ("memory", "out_of_memory"),
        ("raise", "verifier_error"),
        ("quick raises", "verifier_error"),
        ("recursion", "verifier_error"),
    ],
)
async def test_an_outage_is_never_a_verdict(pool: VerifierPool, answer: str, reason: str) -> None:
    begun = time.monotonic()
    cases = [case("fine"), case(answer), case("quick"), case("fine too")]
    verdicts = await pool.judge(cases)
    assert time.monotonic() - begun < DEADLINE_S + 0.5 + 1.0  # a process may have to be started, on a busy machine
    assert [verdict.reason for verdict in verdicts] == ["verified", reason, "quick", "verified"]
    assert verdicts[1].outcome is Outcome.UNDECIDED
    await assert_full_size(pool)


async def assert_full_size(pool: VerifierPool) -> None:
    assert len(pool.pids) == 2
    again = await pool.judge([case(f"fine {number}") for number in range(4)])
    assert [verdict.outcome for verdict in again] == [Outcome.CORRECT] * 4


async def test_a_case_may_have_a_deadline_of_its_own(pool: VerifierPool) -> None:
    begun = time.monotonic()
    cases = [Case("faulty", HASTY, Trace("r", "fine")), Case("faulty", HASTY, Trace("r", "sleep")), case("fine")]
    verdicts = await pool.judge(cases)
    assert time.monotonic() - begun < DEADLINE_S
    assert [verdict.reason for verdict in verdicts] == ["verified", "timeout", "verified"]
    assert verdicts[1].detail == "no verdict within 0.5 s"
    await assert_full_size(pool)


async def test_what_a_scorer_prints_is_no_verdict(pool: VerifierPool) -> None:
    verdicts = await pool.judge([case("print"), case("fine")])
    assert [verdict.reason for verdict in verdicts] == ["verified", "verified"]


async def test_verdicts_come_in_order(pool: VerifierPool) -> None:
    answers = [f"a{number}" if number % 3 else "quick" for number in range(200)]
    verdicts = await pool.judge([case(answer) for answer in answers])
    assert [verdict.detail for verdict in verdicts] == ["" if answer == "quick" else answer for answer in answers]


async def test_the_event_loop_stays_free(pool: VerifierPool) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    counting = asyncio.create_task(count())
    await pool.judge([case("spin")])
    counting.cancel()
    assert turns > DEADLINE_S / 0.01 / 4


async def test_hostile_cases_do_not_wait_for_each_other(pool: VerifierPool) -> None:
    begun = time.monotonic()
    both = await asyncio.gather(pool.judge([case("spin")]), pool.judge([case("sleep")]))
    assert time.monotonic() - begun < DEADLINE_S + 1.5
    assert [verdicts[0].reason for verdicts in both] == ["timeout", "timeout"]


async def test_a_cancelled_judge_leaves_a_full_pool(pool: VerifierPool) -> None:
    judging = asyncio.create_task(pool.judge([case("spin")] * 4))
    await asyncio.sleep(0.3)
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    await assert_full_size(pool)


async def test_processes_are_recycled() -> None:
    pool = VerifierPool({"faulty": Faulty()}, 1, Limits(cases_per_process=3))
    await pool.start()
    before = pool.pids
    await pool.judge([case("fine")] * 3)
    assert len(pool.pids) == 1
    assert pool.pids != before
    await pool.close()


async def test_a_judge_waits_while_the_only_process_is_replaced() -> None:
    pool = VerifierPool({"faulty": Faulty()}, 1, Limits(deadline_s=DEADLINE_S, cases_per_process=1))
    await pool.start()
    first = asyncio.create_task(pool.judge([case("fine")] * 2))
    while pool._workers:  # noqa: ASYNC110 -- the moment between two processes announces itself to nobody
        await asyncio.sleep(0)
    assert [verdict.reason for verdict in await pool.judge([case("fine")])] == ["verified"]
    assert len(await first) == 2
    await pool.close()


async def test_closing_while_judging_is_told(pool: VerifierPool) -> None:
    judging = asyncio.create_task(pool.judge([case("sleep")] * 40))
    await asyncio.sleep(0.3)
    await pool.close()
    with pytest.raises(VerifierError):
        await judging
    with pytest.raises(VerifierError):
        await pool.judge([case("fine")])


async def test_nothing_is_left_behind(pool: VerifierPool) -> None:
    await pool.judge([case("fork")])
    pids = pool.pids
    await pool.close()
    await asyncio.sleep(0.1)
    assert not [pid for pid in pids if _lives(pid)]
    assert not [pid for pid in pids if _group_lives(pid)]


def test_a_pool_works_in_a_thread_of_its_own() -> None:
    found: list[Verdict] = []

    async def judge() -> None:
        pool = VerifierPool({"faulty": Faulty()}, 1, Limits(deadline_s=DEADLINE_S))
        await pool.start()
        found.extend(await pool.judge([case("fine"), case("spin"), case("fine")]))
        await pool.close()

    thread = threading.Thread(target=lambda: asyncio.run(judge()))
    thread.start()
    thread.join()
    assert [verdict.reason for verdict in found] == ["verified", "timeout", "verified"]


_ORPHANS = """
import asyncio, os, sys
from tests.contract.test_pool import Faulty, case
from tracegen.verify.pool import VerifierPool

async def main():
    pool = VerifierPool({"faulty": Faulty()}, 2)
    await pool.start()
    print(*pool.pids, flush=True)
    asyncio.create_task(pool.judge([case("sleep"), case("fine")]))
    await asyncio.sleep(0.5)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def test_workers_end_with_their_parent() -> None:
    done = subprocess.run([sys.executable, "-c", _ORPHANS], capture_output=True, text=True, check=False)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    for _ in range(50):
        if not any(map(_lives, pids)):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {[pid for pid in pids if _lives(pid)]}")


async def test_too_little_memory_is_told() -> None:
    pool = VerifierPool({"faulty": Faulty()}, 1, Limits(memory_bytes=1))
    with pytest.raises(VerifierError, match="did not start"):
        await pool.start()


def test_workers_see_no_credentials() -> None:
    given = {"AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin", "HF_TOKEN": "y"}
    assert "x" not in worker_environment(given).values()
    assert worker_environment(given)["PATH"] == "/bin"
    assert "HF_TOKEN" not in worker_environment(given)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _group_lives(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, leader = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(leader) == group and state != "Z":
            return True
    return False


async def test_a_process_that_dies_while_the_pool_starts_is_replaced() -> None:
    pool = VerifierPool({"faulty": Faulty()}, 1, Limits(DEADLINE_S))
    starting = asyncio.create_task(pool.start())
    while not pool.pids:  # noqa: ASYNC110 - it says nothing when it spawns
        await asyncio.sleep(0)
    os.kill(pool.pids[0], signal.SIGKILL)
    await starting
    try:
        assert len(pool.pids) == 1
    finally:
        await pool.close()


async def test_a_pool_that_replaces_its_only_process_goes_on_judging() -> None:
    pool = VerifierPool({"faulty": Faulty()}, 1, Limits(DEADLINE_S))
    await pool.start()
    try:
        exits = asyncio.create_task(pool.judge([Case("faulty", REFERENCE, Trace("", "exit"))]))
        while not exits.done():
            (verdict,) = await pool.judge([Case("faulty", REFERENCE, Trace("", "quick"))])
            assert verdict.outcome is Outcome.CORRECT
            await asyncio.sleep(0)
        assert exits.result()[0].reason == "worker_died"
    finally:
        await pool.close()


async def test_a_pool_grows_while_cases_wait_and_no_further() -> None:
    pool = VerifierPool({"faulty": Faulty()}, 1, Limits(DEADLINE_S), at_most=2)
    await pool.start()
    try:
        assert (await pool.judge([case("fine")]))[0].reason == "verified"
        assert pool.health().processes == 1
        three = asyncio.gather(*(pool.judge([case("sleep")]) for _ in range(3)))
        await asyncio.sleep(DEADLINE_S / 2)
        health = pool.health()
        assert (health.processes, health.waiting) == (2, 1)
        assert health.busy > 0.5
        assert [verdict.reason for (verdict,) in await three] == ["timeout"] * 3
        assert len(pool.pids) <= 2
    finally:
        await pool.close()
    assert pool.pids == []
