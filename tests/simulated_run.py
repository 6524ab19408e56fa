"""Runs with the simulated engine, and what they have left: for tests of whole runs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tracegen.order import Order, check
from tracegen.recipe import Recipe
from tracegen.recipe_file import Loaded, load_recipe
from tracegen.types import Attempt

SHARDS_GLOB = "ledger/completions/*.parquet"


def recipe_file(folder: Path, *, prompts: int = 24, where: dict[str, Any] | None = None, **keys: Any) -> Path:
    """A recipe of sums, half of them answered right, and its prompts. ``simulated`` are the engine's options."""
    rows = [{"prompt": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(prompts)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    simulated = {"pass_rate": {"constant": 0.5}, "lengths": {"median": 40}, **keys.pop("simulated", {"instant": True})}
    placed = {"request_log": str(folder / "requests.jsonl"), **keys.pop("placed", {})}
    content = {
        "name": "simulated",
        "prompts": [{"kind": "jsonl", "name": "sums", "domain": "math", "path": "sums.jsonl"}],
        "teacher": {"engine": "simulated", "model": "sim", "engines": {"simulated": simulated}},
        "rejection": {"keep": 1, "max_attempts": 4, **keys.pop("rejection", {})},
        "verifiers": {"answer": "math"},
        "prompts_per_shard": 8,
        "where": {
            "cluster": "local",
            "slots": 8,
            "journal_linger_s": 0.05,
            "cpus_per_replica": 0,
            "engines": {"simulated": placed},
            **(where or {}),
        },
        **keys,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def order(recipe: Path, *sets: str) -> Order:
    """As ``tracegen run`` makes it; the store is beside the recipe."""
    return Order(load_recipe(str(recipe), sets), str(recipe.parent / "store"))


def placed(given: Order, **options: Any) -> Order:
    """The order with other options of the engine that do not change its run."""
    recipe = given.recipe
    engines = {"simulated": {**recipe.where.engines["simulated"], **options}}
    where = recipe.where.model_copy(update={"engines": engines})
    changed = Recipe.model_validate(recipe.model_copy(update={"where": where}).model_dump())
    return Order(Loaded(changed, given.loaded.base), given.store_uri)


def first_attempts(given: Order) -> list[str]:
    """One of each prompt, as they will be planned; nothing is written."""
    plan = check(given).plan
    tables = plan.tables.values()  # type: ignore[union-attr]
    ids = sorted(prompt_id for table in tables for prompt_id in table["prompt_id"].to_pylist())
    return [Attempt(prompt_id, 0).attempt_id for prompt_id in ids]


class Left:
    """What a run has left in its store."""

    def __init__(self, given: Order) -> None:
        self.root = Path(given.store_uri) / given.recipe.run_id
        self.requests_path = given.loaded.base / "requests.jsonl"
        self.recipe = given.recipe

    def requests(self) -> Counter[str]:
        """How often each attempt was asked for."""
        if not self.requests_path.exists():
            return Counter()
        asked = [json.loads(line)["attempt_id"] for line in self.requests_path.read_text().splitlines()]
        return Counter(attempt_id for attempt_id in asked if not attempt_id.startswith("canary"))

    def column(self, glob: str, expression: str) -> list[Any]:
        return [value for (value,) in self.rows(f"SELECT {expression} FROM read_parquet('{self.root}/{glob}')")]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            return connection.sql(sql).fetchall()

    def attempts(self) -> list[str]:
        """Settled completions."""
        return sorted(self.column("ledger/completions/*.parquet", "attempt_id"))

    def judged(self) -> list[str]:
        return sorted(self.column("ledger/verdicts/*/*.parquet", "attempt_id"))

    def outcomes(self) -> Counter[str]:
        return Counter(self.column("ledger/verdicts/*/*.parquet", "outcome"))

    def durable(self) -> set[str]:
        """Completions that are in the ledger at this moment, settled or in the journal."""
        patterns = (SHARDS_GLOB, "ledger/journal/*/*.completions.parquet")
        found = [glob for glob in patterns if any(self.root.glob(glob))]
        return {attempt for glob in found for attempt in self.column(glob, "attempt_id")}

    def must_be_whole(self) -> None:
        """Every completion once, each with its verdict, and no journal left."""
        attempts = self.attempts()
        assert len(attempts) == len(set(attempts)), "a completion is there twice"
        assert attempts == self.judged()
        journal = self.root / "ledger" / "journal"
        assert [path for path in journal.rglob("*") if path.is_file()] == []
        prompts = {attempt.partition(".")[0] for attempt in attempts}
        kept = self.column("corpus/*/train-*.parquet", "prompt_id") if any(self.root.glob("corpus/*/train-*")) else []
        assert set(kept) <= prompts
        assert len(kept) <= len(prompts) * self.recipe.rejection.keep
