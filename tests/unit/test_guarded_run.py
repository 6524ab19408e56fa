"""Whole runs with the guard and with token limits by domain: what is recorded, counted, and found again."""

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rows import completion
from tests.simulated_run import Left, order, recipe_file
from tracegen.catalog import query
from tracegen.chat import request
from tracegen.errors import RecipeError
from tracegen.ledger.schema import COMPLETION, completions_to_table, read_parquet, table_to_completions, write_parquet
from tracegen.recipe import Recipe
from tracegen.recipe_file import load_recipe
from tracegen.run import run
from tracegen.types import Domain, FinishReason, Guard, NoReference, Prompt

LIMIT = 4_000
DIGEST = "a64f2420d08e613537fef6a98748c1782495a1d6c11cf3051dde227fe2c0336f"
TEACHER = {"engine": "simulated", "model": "sim", "prefill": "<think>\n", "sampling": {"max_tokens": LIMIT}}


def guarded(folder: Path, guard: object = None, **rejection: object) -> Path:
    simulated = {"instant": True, "loop_probability": 0.3, "lengths": {"median": 200}, "pass_rate": {"constant": 0.5}}
    teacher = {**TEACHER, "engines": {"simulated": simulated}}
    keys = {} if guard is None else {"guard": guard}
    return recipe_file(folder, teacher=teacher, rejection=rejection, **keys)


def test_loops_are_stopped_recorded_and_counted(tmp_path: Path) -> None:
    given = order(guarded(tmp_path, {}))
    summary = run(given, lambda _: None)
    left, store, run_id = Left(given), given.store_uri, given.recipe.run_id
    left.must_be_whole()
    joined = query(
        store,
        run_id,
        "SELECT finish_reason, outcome, reason, verifier, count(*), sum(completions.completion_tokens)::BIGINT, "
        "max(completions.completion_tokens) FROM completions JOIN verdicts USING (attempt_id) "
        "WHERE finish_reason <> 'stop' GROUP BY ALL",
    ).rows
    [(finish, outcome, reason, verifier, number, tokens, longest)] = joined
    assert (finish, outcome, reason, verifier) == ("looped", "incorrect", "looped", "extract/1")
    assert number > 5
    assert longest < LIMIT
    [domain] = summary.snapshot.domains
    assert domain.tokens_by_cause.looped == tokens
    assert domain.tokens_by_cause.truncated == 0
    assert domain.attempts == len(left.attempts())
    assert query(store, run_id, "SELECT attempts, tokens FROM waste WHERE cause = 'looped'").rows == [(number, tokens)]
    assert set(left.requests().values()) == {1}, "what was stopped is never asked for again"
    assert "looped" not in left.column("corpus/*/train-*.parquet", "finish_reason")


def test_without_the_guard_the_same_loops_are_truncated_and_cost_more(tmp_path: Path) -> None:
    spent = {}
    for name, guard in (("guarded", {}), ("free", None)):
        (tmp_path / name).mkdir()
        summary = run(order(guarded(tmp_path / name, guard, policy="fixed")), lambda _: None)
        [domain] = summary.snapshot.domains
        spent[name] = domain
    assert spent["free"].tokens_by_cause.looped == 0
    assert spent["free"].tokens_by_cause.truncated > 5 * spent["guarded"].tokens_by_cause.looped
    assert spent["free"].accepted == spent["guarded"].accepted
    assert spent["free"].attempts == spent["guarded"].attempts


def test_a_guarded_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    given = order(guarded(tmp_path, {}, token_budget=6_000))
    first = run(given, lambda _: None)
    again = run(given, lambda _: None)
    assert again.resumed
    assert first.snapshot.domains[0].tokens_by_cause.looped > 0
    # The canary's questions are not in the ledger: a run that only looks at its end asks none.
    spent = replace(first.snapshot.domains[0].tokens_by_cause, canary=0)
    assert replace(again.snapshot.domains[0].tokens_by_cause, canary=0) == spent


def test_ledgers_without_loops_are_what_they_were() -> None:
    """The reason why a completion ended is text: a new one changes no schema."""
    rows = [dataclasses.replace(completion(n), finish_reason=reason) for n, reason in enumerate(FinishReason)]
    assert table_to_completions(read_parquet(write_parquet(completions_to_table(rows)), COMPLETION, "it")) == rows
    assert COMPLETION.metadata == {b"tracegen.schema": b"tracegen/completion/1"}


def with_teacher(**changed: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "limits",
            "prompts": [{"kind": "synthetic", "name": "sums", "domain": "math", "size": 10}],
            "teacher": {**TEACHER, **changed},
        }
    )


def test_a_domain_has_its_own_token_limit() -> None:
    recipe = with_teacher(max_tokens_by_domain={"general": 50})

    def limit(domain: Domain) -> int:
        prompt = Prompt("0" * 32, domain, "Hello?", NoReference(), "sums", "1", "MIT")
        return request(prompt, 0, recipe).sampling.max_tokens

    assert (limit(Domain.GENERAL), limit(Domain.MATH)) == (50, LIMIT)


def test_the_limit_in_effect_is_recorded(tmp_path: Path) -> None:
    simulated = {"instant": True, "lengths": {"median": 200}}
    teacher = {**TEACHER, "max_tokens_by_domain": {"math": 150}, "engines": {"simulated": simulated}}
    given = order(recipe_file(tmp_path, teacher=teacher))
    summary = run(given, lambda _: None)
    left = Left(given)
    assert set(left.column("ledger/completions/*.parquet", "max_tokens")) == {150}
    assert max(left.column("ledger/completions/*.parquet", "completion_tokens")) == 150
    assert summary.snapshot.domains[0].tokens_by_cause.truncated > 0


def test_recipes_that_ask_for_neither_keep_their_digest() -> None:
    """Recorded before there was a guard."""
    assert with_teacher().digest == with_teacher(max_tokens_by_domain={}).digest == DIGEST
    asked = with_teacher().model_copy(update={"guard": Guard()})
    assert asked.digest != DIGEST != with_teacher(max_tokens_by_domain={"general": 50}).digest


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("guard.loops.min_chars=1", "must be at least 100"),
        ("guard.loop=null", "loop"),
        ("teacher.max_tokens_by_domain={maths: 3}", "math"),
        ("teacher.max_tokens_by_domain={math: 0}", "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(str(guarded(tmp_path)), [setting])
