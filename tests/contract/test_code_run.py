"""Whole runs with prompts whose answers are programs: from a file of references to a corpus, with nothing left behind."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.servers.openai_double import OpenAIDouble
from tests.simulated_run import Left, order
from tracegen.cli import main
from tracegen.cluster.local import LocalCluster
from tracegen.errors import RecipeError
from tracegen.protocols import VerifierPort
from tracegen.recipe import Where
from tracegen.run import run
from tracegen.verify.probes import PROBES
from tracegen.verify.spec import HostSpec

pytestmark = pytest.mark.sandbox
ROOT = Path(__file__).parents[2]

STDIO = {"kind": "stdio", "tests": [{"input": "2 3\n", "output": "5\n"}, {"input": "-7 4\n", "output": "-3\n"}]}
ASSERTS = {"kind": "asserts", "asserts": ["assert add(2, 3) == 5", "assert add(-7, 4) == -3"]}
CHECK = {
    "kind": "check",
    "entry_point": "add",
    "prompt": "def add(a, b):\n",
    "check": "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(-7, 4) == -3\n",
}
CHECKER = {**STDIO, "checker": "def check(given, expected, output):\n    return int(output) == int(expected)\n"}
SUM = {"kind": "procedural", "dataset": "chain_sum", "item": {"question": "2 + 3 =", "answer": "5", "metadata": {}}}
CHOICE = {"kind": "choice", "answer": "B", "options": ["four", "five"]}
UNIT = {"kind": "answer", "answer": "5", "unit": "km"}
PRINTS, ADDS = "a, b = map(int, input().split())\nprint(a + b)", "def add(a, b):\n    return a + b"
CPP = "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
EQUAL = "class Same(int):\n    def __eq__(self, other):\n        return True\n\ndef add(a, b):\n    return Same(0)"
KILLER = "import os\nos.kill(-1, 9)\nos.kill(os.getppid(), 9)"
FORKER = (
    "import os, time\nfor _ in range(4):\n    if not os.fork():\n        os.setsid()\n        time.sleep(60)\nprint(5)"
)
FILLER = "open('escaped', 'wb').write(b'x' * 1000)\nprint(5)"
FILTERED = "<|im_end|>"
"""What filters leave out, right or not."""
EXITS = "import os\nos._exit(0)"


def code(source: str, language: str = "python") -> str:
    return f"So:\n\n```{language}\n{source}\n```\n"


@dataclass(frozen=True)
class Task:
    """A prompt, a right answer that the teacher gives at its second attempt, if at all, and wrong ones."""

    domain: str
    reference: dict[str, Any]
    wrong: str
    right: str = ""


CODE = {
    "prints": Task("code", STDIO, code(PRINTS.replace("+", "-")), code(PRINTS)),
    "checked": Task("code", CHECKER, code("print(6)"), code(PRINTS)),
    "asserted": Task("code", ASSERTS, code(EQUAL), code(ADDS)),
    "tested": Task("code", CHECK, code(EXITS), "Go on:\n\n```python\n    return a + b\n```\n"),
    "equal": Task("code", CHECK, code(EQUAL)),
    "exits": Task("code", ASSERTS, code(EXITS)),
    "kills": Task("code", STDIO, code(KILLER)),
    "forks": Task("code", STDIO, code(FORKER)),
    "fills": Task("code", STDIO, code(FILLER)),
    "prose": Task("code", STDIO, "Add the two numbers and print the sum."),
}
if shutil.which("g++"):
    CODE["compiled"] = Task("code", STDIO, code(CPP.replace("+ b", "- b"), "cpp"), code(CPP, "cpp"))
MIX = {
    **{name: CODE[name] for name in ("prints", "asserted", "tested", "equal")},
    "math": Task("math", UNIT, r"It is \boxed{5\text{ m}}.", r"It is \boxed{5000\text{ m}}."),
    "never": Task("math", {"kind": "answer", "answer": "5"}, r"It is \boxed{50}."),
    "filtered": Task("math", {"kind": "answer", "answer": "5"}, rf"It is \boxed{{5}}{FILTERED}.", r"It is \boxed{5}."),
    "choice": Task("stem", CHOICE, r"It is \boxed{A}.", r"It is \boxed{B}."),
    "logic": Task("logic", SUM, r"It is \boxed{-5}.", r"It is \boxed{5}."),
}
REASONING = "We add the two numbers that are given, check the sum once more, and find that the answer is {}."


@dataclass
class Teacher:
    """Wrong at each prompt's first attempt; then right, where there is a right answer."""

    tasks: dict[str, Task]
    asked: Counter[str] = field(default_factory=Counter)

    def __call__(self, prompt: str) -> str:
        name = prompt.split()[0]
        self.asked[name] += 1
        task = self.tasks[name]
        answer = task.right if task.right and self.asked[name] > 1 else task.wrong
        boxed = answer.partition(r"\boxed{")[2].rpartition("}")[0]
        return f"<think>\n{REASONING.format(boxed or 'a short program')}\n</think>\n\n{answer}"


def recipe_of(folder: Path, tasks: dict[str, Task], url: str, **keys: Any) -> Path:
    sources = []
    for domain in sorted({task.domain for task in tasks.values()}):
        rows = [(name, task.reference) for name, task in tasks.items() if task.domain == domain]
        lines = [json.dumps({"prompt": f"{name} of two numbers", "reference": reference}) for name, reference in rows]
        (folder / f"{domain}.jsonl").write_text("\n".join(lines))
        columns = {"reference": "reference"}
        sources.append(
            {"kind": "jsonl", "name": domain, "domain": domain, "path": f"{domain}.jsonl", "columns": columns}
        )
    content = {
        "name": "programs",
        "prompts": sources,
        "teacher": {"engine": "openai", "model": "double"},
        "rejection": {"keep": 1, "max_attempts": 3, "policy": "until_kept"},
        "prompts_per_shard": 4,
        "where": {
            "cluster": "local", "slots": 4, "journal_linger_s": 0.05, "min_free_bytes": 0,
            "engines": {"openai": {"base_url": url}},
            "canary": {"enabled": False},  # this teacher knows its own prompts by heart, and no other question
        },
        **keys,
    }  # fmt: skip
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


class Witness:
    """Sees what a run starts, and whether it is gone afterwards."""

    def __init__(self) -> None:
        self.before = {process.pid for process in psutil.Process().children(recursive=True)}
        self.mounts, self.files = Path("/proc/self/mounts").read_text(), self._files()
        self.seen: set[psutil.Process] = set()
        self.probes = 0

    def look(self) -> None:
        found = psutil.Process().children(recursive=True)
        self.seen |= {process for process in found if process.pid not in self.before}

    def nothing_is_left(self) -> None:
        deadline = time.monotonic() + 1
        while (left := list(filter(_is_alive, self.seen))) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left
        assert len(self.seen) > 1
        assert Path("/proc/self/mounts").read_text() == self.mounts
        assert self._files() <= self.files
        assert not [group for group in Path("/sys/fs/cgroup").rglob("tracegen-*-*") if self._is_of_ours(group)]

    def _is_of_ours(self, group: Path) -> bool:
        return int(group.name.split("-")[1]) in {process.pid for process in self.seen}

    def _files(self) -> set[Path]:
        """Of the folders that a program could have written to, had it got out."""
        return {path for name in ("/", "/tmp", "/dev/shm", "/var/tmp") for path in Path(name).glob("escaped*")}


class Watched(LocalCluster):
    """The local cluster, with a look at its verifiers before they are closed."""

    def __init__(self, where: Where, witness: Witness) -> None:
        super().__init__(where)
        self._witness = witness

    async def start_verifiers(self, spec: HostSpec, number: int) -> VerifierPort:
        pool = await super().start_verifiers(spec, number)
        close = pool.close

        async def look_and_close() -> None:
            self._witness.look()
            self._witness.probes = (await pool.health()).probes
            await close()

        pool.close = look_and_close  # type: ignore[method-assign]
        return pool


def _is_alive(process: psutil.Process) -> bool:
    """Not if only its entry is left, for whatever adopted it to collect."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command prints as JSON."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    return json.loads(said.out)


@pytest.mark.parametrize(("tasks", "keys"), [(CODE, {}), (MIX, {"filters": {}})], ids=["code", "mix"])
def test_what_is_right_is_accepted_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tasks: dict[str, Task], keys: dict[str, Any]
) -> None:
    if keys:
        pytest.importorskip("py3langid")
        pytest.importorskip("reasoning_gym")
    witness, teacher = Witness(), Teacher(tasks)
    with OpenAIDouble(script=teacher).in_a_thread() as double:
        given = order(recipe_of(tmp_path, tasks, double.url, **keys))
        run(given, lambda _: witness.look(), Watched(given.recipe.where, witness))
    witness.nothing_is_left()
    kinds = {task.reference["kind"] for task in tasks.values()}
    assert witness.probes >= sum(len(PROBES[kind]) for kind in kinds & {"stdio", "asserts", "check"})
    right = {name for name, task in tasks.items() if task.right}
    assert teacher.asked == {name: 2 if name in right else 3 for name in tasks}
    left, run_id = Left(given), given.recipe.run_id
    left.must_be_whole()
    place = ("--store", given.store_uri)
    accepted = told(capsys, "query", "SELECT prompt, answer FROM corpus", "--run", run_id, *place)
    assert {row["prompt"].split()[0]: row["answer"].strip() for row in accepted} == {
        name: tasks[name].right.strip() for name in right
    }
    verdicts = told(capsys, "query", "FROM verdicts", "--run", run_id, *place)
    outcomes = Counter(row["outcome"] for row in verdicts)
    filtered = sum(FILTERED in task.wrong for task in tasks.values())
    wrong = len(verdicts) - len(right) - filtered
    assert outcomes == Counter(correct=len(right), incorrect=wrong, undecided=filtered)
    assert told(capsys, "status", run_id, *place)["shards_settled"] == len(list(left.root.glob("prompts/*.parquet")))
    again = told(capsys, "judge", "--run", run_id, "--set", "again", *place)
    assert again["outcomes"] == outcomes
    [own] = {path.name for path in (left.root / "ledger" / "verdicts").iterdir()} - {"again"}
    difference = told(capsys, "diff-verdicts", own, "again", "--run", run_id, *place)
    assert all(row["outcome_a"] == row["outcome_b"] for row in difference["outcomes"])
    assert difference["changes"] == difference["sample"] == []
    for name in ((), ("--set", "again")):
        assert told(capsys, "build", run_id, *name, *place)["rows"] == len(right)


BARE = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


def on_a_machine_without_isolation(recipe: Path) -> tuple[int, list[str]]:
    """How ``tracegen run`` ends there, and what it says."""
    command = ["unshare", "-Ur", "/bin/sh", "-c", BARE, "sh", sys.executable, "-m", "tracegen", "run", str(recipe)]
    done = subprocess.run(
        [*command, "--store", str(recipe.parent / "store")],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("error:")]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_machine_that_isolates_nothing_refuses_code_before_anything_is_spent(tmp_path: Path) -> None:
    teacher = Teacher(MIX)
    with OpenAIDouble(script=teacher).in_a_thread() as double:
        recipe = recipe_of(tmp_path, CODE, double.url)
        code, errors = on_a_machine_without_isolation(recipe)
        assert (code, len(errors)) == (2, 1)
        assert "no isolation for untrusted programs works here" in errors[0]
        assert "install bubblewrap" in errors[0]
        assert not list((tmp_path / "store").rglob("*.*"))
        assert not teacher.asked
        recipe = recipe_of(tmp_path, {name: MIX[name] for name in ("math", "never", "choice")}, double.url)
        assert on_a_machine_without_isolation(recipe) == (0, [])
        assert teacher.asked == {"math": 2, "never": 3, "choice": 2}


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_run_that_goes_on_where_nothing_isolates_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    teacher = Teacher({name: CODE[name] for name in ("prints", "asserted", "equal")})
    with OpenAIDouble(key="another").in_a_thread() as double, pytest.raises(RecipeError):
        run(order(recipe_of(tmp_path, teacher.tasks, double.url)), lambda _: None)
    with OpenAIDouble(script=teacher).in_a_thread() as double:
        recipe = recipe_of(tmp_path, teacher.tasks, double.url)
        code, errors = on_a_machine_without_isolation(recipe)
        assert (code, len(errors)) == (2, 1)
        assert "no isolation for untrusted programs works here" in errors[0]
        assert not teacher.asked
        summary = run(order(recipe), lambda _: None)
    assert summary.resumed
    assert summary.rows == 2
