"""A pilot: a few of a recipe's prompts through the normal run path, in a run of its own, and what it measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracegen.catalog import query
from tracegen.order import Order
from tracegen.planning.measured import Measured
from tracegen.recipe import Recipe
from tracegen.recipe_file import Loaded
from tracegen.run import run
from tracegen.runtime.progress import Snapshot
from tracegen.types import Domain, Outcome

ATTEMPTS = 4
"""At each prompt, at most: enough to tell hopeless prompts from unlucky ones."""

MEASURED = """
SELECT c.prompt_id, c.domain, c.completion_tokens, c.started_at_s, c.wall_s, v.outcome
FROM completions c JOIN verdicts v USING (attempt_id, epoch)
WHERE c.completion_tokens > 0
ORDER BY c.started_at_s, c.attempt_id
"""


@dataclass(frozen=True, slots=True)
class Pilot:
    """What came of one."""

    run_id: str
    rows: tuple[Measured, ...]
    around_s: float | None
    """Of its wall time: all that was not spent on completions. None for one that was run before."""


def pilot_recipe(recipe: Recipe, prompts: int, by_source: Mapping[str, int]) -> Recipe:
    """So many prompts, from each source in proportion, on one replica; the same attempts for all of them."""
    share = prompts / sum(by_source.values())
    sources = tuple(
        source.model_copy(update={"limit": max(1, round(share * by_source[source.name])), "quota": None})
        for source in recipe.prompts
    )
    attempts = min(ATTEMPTS, recipe.rejection.max_attempts)
    rejection = recipe.rejection.model_copy(
        update={
            "policy": "fixed",
            "keep": 1,
            "gather": None,
            "select": "first",
            "max_attempts": attempts,
            "quotas": {},
            "token_budget": None,
        }
    )
    return recipe.model_copy(
        update={
            "name": f"pilot-{recipe.name}"[:40],
            "prompts": sources,
            "rejection": rejection,
            "where": recipe.where.model_copy(update={"replicas": 1}),
        }
    )


def fly(loaded: Loaded, recipe: Recipe, store_uri: str, on_progress: Callable[[Snapshot], None]) -> Pilot:
    """Run a pilot's recipe, or find the one that was run before, and read what it measured."""
    summary = run(Order(Loaded(recipe, loaded.base), store_uri, build=False), on_progress)
    answer = query(store_uri, summary.run_id, MEASURED)
    rows = tuple(_measured(*row) for row in answer.rows)
    busy_s = max(row.started_at_s + row.wall_s for row in rows) - min(row.started_at_s for row in rows) if rows else 0.0
    # A pilot that was run before starts nothing now, so it cannot tell.
    return Pilot(summary.run_id, rows, None if summary.resumed else max(0.0, summary.wall_s - busy_s))


def _measured(*row: object) -> Measured:
    prompt_id, domain, tokens, started_at_s, wall_s, outcome = row
    return Measured(
        str(prompt_id),
        Domain(str(domain)),
        int(str(tokens)),
        float(str(started_at_s)),
        float(str(wall_s)),
        Outcome(str(outcome)),
    )
