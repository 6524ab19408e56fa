"""A whole run with filters: no filtered trace is in the corpus, and every prompt still gets what it needs."""

from dataclasses import replace
from pathlib import Path

from tests.simulated_run import Left, order, recipe_file
from tracegen.catalog import query
from tracegen.order import check
from tracegen.run import run

LIMIT = 150
FILTERS = {"conclusion": None, "thin_reasoning": None, "long_paragraphs": {"max_bytes": LIMIT}}
"""The simulated teacher writes one paragraph, and does not mean its answer."""


def test_a_filtered_trace_is_not_accepted_and_its_prompt_gets_another(tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, filters=FILTERS, simulated={"instant": True, "pass_rate": {"constant": 1.0}}))
    run(given, lambda _: None)
    left = Left(given)
    left.must_be_whole()
    verdicts, lengths = {}, {}
    for attempt_id, reason, length in left.rows(
        f"SELECT attempt_id, reason, strlen(text) FROM read_parquet('{left.root}/ledger/verdicts/*/*.parquet') AS v "
        f"JOIN read_parquet('{left.root}/ledger/completions/*.parquet') AS c USING (attempt_id)"
    ):
        verdicts[attempt_id], lengths[attempt_id] = reason, length
    tail = len("\n</think>\n\nThe answer is \\boxed{12}.")
    assert set(verdicts.values()) == {"equal", "filtered:long_paragraphs"}
    assert all((lengths[one] - tail > LIMIT) == reason.startswith("filtered") for one, reason in verdicts.items())
    kept = left.column("corpus/*/train-*.parquet", "id")
    assert kept
    assert all(verdicts[one] == "equal" for one in kept)
    # Every prompt that has an accepted trace has it in the corpus, and asked again after each that was filtered.
    for attempt_id, reason in verdicts.items():
        prompt, _, index = attempt_id.partition(".")
        if reason.startswith("filtered") and int(index) < 3:
            assert f"{prompt}.{int(index) + 1:04d}" in verdicts


def test_what_filters_leave_out_is_counted_wherever_tokens_and_verdicts_are(tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, filters=FILTERS))
    summary = run(given, lambda _: None)
    left, store, run_id = Left(given), given.store_uri, given.recipe.run_id
    [(number, tokens)] = left.rows(
        f"SELECT count(*), sum(completion_tokens) FROM read_parquet('{left.root}/ledger/verdicts/*/*.parquet') "
        "WHERE reason = 'filtered:long_paragraphs' AND outcome = 'undecided' AND verifier = 'filters/1'"
    )
    assert number > 0
    [domain] = summary.snapshot.domains
    assert domain.tokens_by_cause.filtered == tokens
    assert domain.undecided == number
    waste = query(store, run_id, "SELECT attempts, tokens FROM waste WHERE cause = 'filtered'").rows
    assert waste == [(number, tokens)]
    corpus = check_corpus(left)
    assert f'"undecided:filtered:long_paragraphs": {number}' in corpus["manifest.json"]
    assert f'"filtered": {number}' in corpus["manifest.json"]
    assert "| undecided:filtered:long_paragraphs |" in corpus["README.md"]
    assert "- **left out before judging**: `mixed_languages`, `long_paragraphs`" in corpus["README.md"]
    assert '"max_bytes": 150' in corpus["README.md"]


def check_corpus(left: Left) -> dict[str, str]:
    [folder] = (left.root / "corpus").iterdir()
    return {name: (folder / name).read_text() for name in ("manifest.json", "README.md")}


def test_a_run_with_filters_goes_on_where_it_stopped(tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, filters=FILTERS, rejection={"token_budget": 1500}))
    first = run(given, lambda _: None)
    again = run(given, lambda _: None)
    assert again.resumed
    # The canary's questions are not in the ledger: a run that only looks at its end asks none.
    spent = replace(first.snapshot.domains[0].tokens_by_cause, canary=0)
    assert replace(again.snapshot.domains[0].tokens_by_cause, canary=0) == spent
    assert Left(given).root.joinpath("ledger", "verdicts", check(given).verdict_set).is_dir()
