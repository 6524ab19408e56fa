"""One round of the fault suite: a small run whose processes are killed at random moments until it is done.

What it returns was checked already: every invariant that can be told from outside has its own function here.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.processes import Driver
from tests.faults.reading import Onlooker, copied, durable, run_store, settled
from tracegen.corpus.build import build
from tracegen.ledger.quarantine import quarantined
from tracegen.ledger.schema import JUDGEMENT, read_parquet, table_to_judgements
from tracegen.ledger.settle import open_shards, verdict_keys
from tracegen.protocols import Store
from tracegen.recipe import Recipe
from tracegen.recipe_file import load_recipe
from tracegen.types import Completion, Domain, Judgement, Outcome, prompt_id

PROMPTS, KEEP, MOST = 120, 1, 4
ANSWERS = [f"x^{{2}} + {n}" if n % 2 else str(n) for n in range(PROMPTS)]
"""Every second one is beyond the verifier's quick path, and judged in a process."""
OUTAGES = {"worker_died", "timeout", "out_of_memory", "verifier_error", "unjudged"}
START_S, END_S = 60.0, 90.0
UNFLUSHED_S = 4.0
"""At most so long after it was made a completion is durable here: lingering, a write, and a busy machine."""

LOCAL_VICTIMS = ("worker",)
RAY_VICTIMS = ("replica", "recorder", "verifiers", "worker")


@dataclass(frozen=True)
class Round:
    """What is to happen; all of it follows from the seed."""

    seed: int
    cluster: str
    store: str


@dataclass
class Played:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    deaths: list[tuple[float, float]] = field(default_factory=list)
    """From when until when something died, in Unix time: what a driver had started outlives it a little."""
    requests: int = 0
    attempts: int = 0
    """Different ones that were asked for."""
    made: int = 0
    """Completions that the teacher finished."""
    paid_twice: int = 0
    looks: int = 0

    def note(self, kind: str) -> None:
        self.kills[kind] += 1
        self.deaths.append((time.time(), time.time()))


def play(what: Round, folder: Path, uri: str, env: Mapping[str, str]) -> Played:
    """Play a round and check it. Raises AssertionError."""
    rng = Random(what.seed)
    loaded = _recipe(folder, what)
    arguments = ["run", str(folder / "recipe.yaml"), "--store", uri, "--json"]
    store = run_store(uri, loaded.run_id, env)
    played = Played()
    with Onlooker(uri, loaded.run_id, env) as onlooker:
        safe: dict[str, int] = {}
        asked = 0
        for _ in range(rng.randint(1, 2)):
            done = _life(what, rng, Driver.start(arguments, folder, env), folder, played)
            _nothing_is_repeated(folder, asked, safe)
            _nothing_is_lost(store, safe)
            safe, asked = durable(store), len(_ids(folder / "requests.jsonl"))
            if done:
                break
        if what.seed % 4 == 0:
            _second_driver_is_refused(arguments, folder, env)
        else:
            _see_it_through(arguments, folder, env)
        _nothing_is_repeated(folder, asked, safe)
        _nothing_is_lost(store, safe)
        time.sleep(0.3)  # a last look at the finished run
    _check(store, loaded, onlooker, folder, played)
    return played


def _life(what: Round, rng: Random, driver: Driver, folder: Path, played: Played) -> bool:
    """A driver's life, ended by force; True where the run was done first."""
    victims = RAY_VICTIMS if what.cluster == "ray" else LOCAL_VICTIMS
    try:
        if rng.random() < 0.2:
            _wait(lambda: not driver.alive, rng.uniform(0.1, 2.0))
        else:
            asked = len(_ids(folder / "requests.jsonl"))
            _wait(lambda: not driver.alive or len(_ids(folder / "requests.jsonl")) > asked, START_S)
            for _ in range(rng.randint(0, 2) + (what.cluster == "ray")):
                _wait(lambda: not driver.alive, rng.uniform(0.0, 1.0))
                kind = rng.choice(victims)
                if driver.alive and driver.kill_one(kind, rng):
                    played.note(kind)
            _wait(lambda: not driver.alive, rng.uniform(0.0, 1.2))
        if not driver.alive:
            assert driver.process.returncode == 0, driver.said()
            return True
        played.note("driver")
        return False
    finally:
        killed_at_s = time.time()
        driver.kill()
        played.deaths.append((killed_at_s, time.time()))


def _see_it_through(arguments: list[str], folder: Path, env: Mapping[str, str]) -> None:
    driver = Driver.start(arguments, folder, env)
    try:
        assert driver.ended(END_S) == 0, driver.said()
    finally:
        driver.kill()


def _second_driver_is_refused(arguments: list[str], folder: Path, env: Mapping[str, str]) -> None:
    asked = len(_ids(folder / "requests.jsonl"))
    first = Driver.start(arguments, folder, env)
    try:
        _wait(lambda: not first.alive or len(_ids(folder / "requests.jsonl")) > asked, START_S)
        second = Driver.start(arguments, folder, env)
        code = second.ended(START_S)
        if first.alive:  # else it was done before the second had looked
            assert code == 2, second.said()
            assert f"is being driven by process {first.process.pid} on" in "\n".join(second.said())
        assert first.ended(END_S) == 0, first.said()
    finally:
        first.kill()


# --- the run ---------------------------------------------------------------------------------------------------------


def _recipe(folder: Path, what: Round) -> Recipe:
    rows = [json.dumps({"prompt": f"problem {n}", "answer": answer}) for n, answer in enumerate(ANSWERS)]
    (folder / "problems.jsonl").write_text("\n".join(rows))
    simulated = {
        "seed": what.seed,
        "lengths": {"median": 300, "sigma": 0.7},
        "tokens_per_s": 1000,
        "pass_rate": {"alpha": 2, "beta": 2},
    }
    logs = {name: str(folder / f"{name.split('_')[0]}s.jsonl") for name in ("request_log", "completion_log")}
    where = {"cluster": what.cluster, "replicas": 2, "slots": 8, "cpus_per_replica": 0.5, "recorders": 2}
    recipe = {
        "name": "faults",
        "seed": what.seed,
        "prompts": [{"kind": "jsonl", "name": "p", "domain": "math", "path": "problems.jsonl"}],
        "teacher": {
            "engine": "simulated",
            "model": "sim",
            "prefill": "<think>\n",
            "engines": {"simulated": simulated},
        },
        "rejection": {"keep": KEEP, "max_attempts": MOST},
        "prompts_per_shard": 30,
        "where": {**where, "journal_linger_s": 0.02, "engines": {"simulated": logs}, "min_free_bytes": 0},
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return load_recipe(str(folder / "recipe.yaml"), []).recipe


def _ids(log: Path) -> list[str]:
    if not log.is_file():
        return []
    ids = [json.loads(line)["attempt_id"] for line in log.read_text().splitlines() if line.endswith("}")]
    return [attempt_id for attempt_id in ids if not attempt_id.startswith("canary")]


def _wait(until: Callable[[], bool], most_s: float) -> bool:
    ends = time.monotonic() + most_s
    while time.monotonic() < ends:
        if until():
            return True
        time.sleep(0.02)
    return False


# --- the invariants --------------------------------------------------------------------------------------------------


def _check(store: Store, recipe: Recipe, onlooker: Onlooker, folder: Path, played: Played) -> None:
    described = json.loads(store.get("run.json"))
    completions = settled(store)
    judgements = _judgements(store, described["verdict_set"])
    assert not open_shards(store), "a journal was left behind"
    assert not onlooker.problems, onlooker.problems[:3]
    assert onlooker.looks
    _each_once(completions, judgements, folder)
    _every_prompt_is_decided(completions, judgements, [item.prompt_id for item in quarantined(store)])
    _verdicts_are_true(completions, judgements)
    _corpus_is_a_function_of_the_ledger(store, recipe, described["verdict_set"])
    requests, made = _ids(folder / "requests.jsonl"), _ids(folder / "completions.jsonl")
    played.requests, played.attempts = len(requests), len(set(requests))
    played.made, played.paid_twice = len(made), len(made) - len(set(made))
    played.looks = onlooker.looks
    _paid_twice_only_around_kills(folder, played)
    print(what_happened(played))


def _paid_twice_only_around_kills(folder: Path, played: Played) -> None:
    """What was finished is durable within seconds: only completions that were younger when something died are lost."""
    lines = [json.loads(line) for line in (folder / "completions.jsonl").read_text().splitlines()]
    last = {line["attempt_id"]: n for n, line in enumerate(lines)}
    wasted = [line["at_s"] for n, line in enumerate(lines) if last[line["attempt_id"]] != n]
    far = [at_s for at_s in wasted if not any(start - UNFLUSHED_S < at_s <= end for start, end in played.deaths)]
    assert not far, f"{len(far)} completions were durable by rights, and paid for again"


def what_happened(played: Played) -> str:
    kills = ", ".join(f"{number} {kind}" for kind, number in sorted(played.kills.items()))
    return f"killed: {kills}; {played.made} completions, {played.paid_twice} paid twice, seen {played.looks} times"


def _nothing_is_repeated(folder: Path, asked: int, safe: Mapping[str, int]) -> None:
    again = safe.keys() & set(_ids(folder / "requests.jsonl")[asked:])
    assert not again, f"acknowledged, and asked for again: {sorted(again)[:5]}"


def _nothing_is_lost(store: Store, safe: Mapping[str, int]) -> None:
    now = durable(store)
    lost = {attempt for attempt, epoch in safe.items() if now.get(attempt) != epoch}
    assert not lost, f"acknowledged, and lost or replaced: {sorted(lost)[:5]}"


def _each_once(completions: list[Completion], judgements: list[Judgement], folder: Path) -> None:
    attempts = Counter(row.attempt_id for row in completions)
    assert attempts.total() == len(attempts)
    assert Counter((row.attempt_id, row.epoch) for row in judgements) == Counter(
        (row.attempt_id, row.epoch) for row in completions
    )
    assert attempts.keys() <= set(_ids(folder / "completions.jsonl"))


def _every_prompt_is_decided(
    completions: list[Completion], judgements: list[Judgement], quarantined_of: list[str]
) -> None:
    """An attempt in whose hands two replicas were killed is given up, as it must be: nobody can tell that chance did it."""
    tried: Counter[str] = Counter([*(row.prompt_id for row in completions), *quarantined_of])
    right: Counter[str] = Counter(row.prompt_id for row in judgements if row.outcome is Outcome.CORRECT)
    assert len(tried) == PROMPTS
    assert all(right[prompt] >= KEEP or tried[prompt] == MOST for prompt in tried)


def _verdicts_are_true(completions: list[Completion], judgements: list[Judgement]) -> None:
    """The simulated teacher writes the reference, or something far from it: each text tells what it deserves."""
    said = {row.attempt_id: row for row in judgements}
    references = {prompt_id(Domain.MATH, f"problem {n}"): answer for n, answer in enumerate(ANSWERS)}
    for row in completions:
        verdict = said[row.attempt_id]
        right = row.text.endswith(f"\\boxed{{{references[row.prompt_id]}}}.")
        deserved = Outcome.CORRECT if right else Outcome.INCORRECT
        outage = verdict.outcome is Outcome.UNDECIDED and verdict.reason in OUTAGES
        assert verdict.outcome is deserved or outage, (verdict, row.text[-80:])


def _corpus_is_a_function_of_the_ledger(store: Store, recipe: Recipe, verdict_set: str) -> None:
    copy = copied(store, ["run.json", "prompts/", "ledger/"])
    build(copy, recipe, verdict_set, recipe.run_id)
    ours = {found.key: copy.get(found.key) for found in copy.list("corpus/")}
    theirs = {found.key: store.get(found.key) for found in store.list("corpus/")}
    assert ours == theirs
    assert ours


def _judgements(store: Store, verdict_set: str) -> list[Judgement]:
    rows: list[Any] = []
    for shard_id in {key.key.rpartition("/")[2].partition(".")[0] for key in store.list("ledger/completions/")}:
        for key in verdict_keys(store, verdict_set, shard_id):
            rows += table_to_judgements(read_parquet(store.get(key), JUDGEMENT, key))
    return rows
