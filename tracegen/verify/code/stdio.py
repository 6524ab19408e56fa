"""Programs judged by what they print: a run of its own for each test, and the comparison on our side."""

import json

from tracegen.types import Outcome, StdioReference, StdioTest, Verdict
from tracegen.verify.code import programs
from tracegen.verify.code.compare import difference, excerpt
from tracegen.verify.code.endings import MACHINES_DOING, WALL_TIME, verdict_on
from tracegen.verify.sandbox.contract import Allowance, DialogueEnded, Ending, Program, Ran, Sandbox

COMPILER = Allowance(cpu_s=30.0, wall_s=120.0, memory_bytes=2 * 1024**3)
CHECKER = Allowance(cpu_s=10.0, wall_s=60.0, memory_bytes=1024**3)
IDLE_S = 120.0
"""How long the runs of a case may do nothing, all together. A busy machine makes programs wait, so three quarters of
a run's time are not counted."""


def judge(sandbox: Sandbox, program: Program, reference: StdioReference) -> Verdict:
    """The first test that fails decides."""
    cpu_s = idle_s = 0.0
    allowance = allowance_of(reference)
    for number, test in enumerate(reference.tests, 1):
        where = f"test {number} of {len(reference.tests)}"
        ran, verdict = _run(sandbox, program, test, allowance, where)
        verdict = verdict or _compare(sandbox, reference.checker, test, ran.stdout, where)
        cpu_s += ran.cpu_s
        idle_s += max(0.0, ran.wall_s - 4 * ran.cpu_s)
        if verdict is None and idle_s > IDLE_S:
            verdict = Verdict(Outcome.UNDECIDED, WALL_TIME, f"{where}: stopped by the clock, not by its own work")
        if verdict is not None:
            return Verdict(verdict.outcome, verdict.reason, verdict.detail, cpu_s)
    return Verdict(Outcome.CORRECT, "passed", f"{len(reference.tests)} tests", cpu_s)


def compiled(sandbox: Sandbox, source: str) -> Program | Verdict:
    """An executable, or why there is none."""
    made = sandbox.compile(source, COMPILER)
    if not isinstance(made, Ran):
        return made
    if made.ending in (Ending.FAILED, Ending.WALL_LIMIT):
        return verdict_on(made, "when it was compiled")
    told = next((line for line in made.stderr.splitlines() if b"error" in line), b"").partition(b"error")
    return Verdict(Outcome.INCORRECT, "compile_error", excerpt(told[1] + told[2]), made.cpu_s)


def allowance_of(reference: StdioReference) -> Allowance:
    """Of one test."""
    wall_s = max(60.0, 6 * reference.time_limit_s)
    return Allowance(reference.time_limit_s, wall_s, reference.memory_limit_bytes)


def longest_s(reference: StdioReference) -> float:
    """What a case may take at most: all tests at their limits on a busy machine, and one of them twice."""
    working = 4 * reference.time_limit_s * len(reference.tests)
    checking = CHECKER.wall_s if reference.checker else 0.0
    return COMPILER.wall_s + 2 * allowance_of(reference).wall_s + IDLE_S + working + checking


def _run(
    sandbox: Sandbox, program: Program, test: StdioTest, allowance: Allowance, where: str
) -> tuple[Ran, Verdict | None]:
    """A run, once more where the machine may be at fault; a verdict if it did not end well."""
    given = test.input.encode(errors="surrogatepass")
    ran = sandbox.run(program, given, allowance)
    if ran.ending in MACHINES_DOING:
        ran = sandbox.run(program, given, allowance)
    well = ran.ending is Ending.EXITED and not ran.exit_code
    return ran, None if well else verdict_on(ran, where)


def _compare(sandbox: Sandbox, checker: str | None, test: StdioTest, output: bytes, where: str) -> Verdict | None:
    """None where the output is right."""
    if checker is None:
        found = difference(test.output.encode(errors="surrogatepass"), output)
        return Verdict(Outcome.INCORRECT, "wrong_answer", f"{where}: {found}") if found else None
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return Verdict(Outcome.INCORRECT, "wrong_answer", f"{where}: its output is not UTF-8, {excerpt(output)}")
    return _checked(sandbox, checker, [test.input, test.output, text], where)


def _checked(sandbox: Sandbox, checker: str, given: list[str], where: str) -> Verdict | None:
    try:
        with sandbox.open(programs.output_checker(checker), CHECKER) as dialogue:
            dialogue.send(json.dumps(given).encode())
            right = json.loads(dialogue.receive())
    except DialogueEnded as ended:
        if ended.ran.ending is Ending.FAILED:
            return verdict_on(ended.ran, where)
        return Verdict(Outcome.UNDECIDED, "checker_failed", f"{where}: the checker ended by {ended.ran.ending}")
    if right is True:
        return None
    return Verdict(Outcome.INCORRECT, "wrong_answer", f"{where}: the checker says no to {excerpt(given[2].encode())}")
