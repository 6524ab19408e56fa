"""The plan of a run: each problem once, every reference readable, shards that depend on the set alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.filled import plan_prompts
from tracegen.errors import PromptError, RunConflict
from tracegen.prompts.manifest import shard_key
from tracegen.prompts.prepare import Plan, load_plan, load_shard, prepare
from tracegen.prompts.shards import cut, opening_order
from tracegen.recipe import Recipe
from tracegen.store import MemoryStore
from tracegen.store.faulty import Crashed, Fault, FaultyStore
from tracegen.types import Domain, Reference, prompt_id

Row = tuple[str, object]


def recipe(*sources: dict[str, Any], **keys: Any) -> Recipe:
    given = [{"kind": "jsonl", "domain": "math", "path": f"{one['name']}.jsonl", **one} for one in sources]
    return Recipe.model_validate({"name": "r", "prompts": given, "teacher": {"engine": "e", "model": "m"}, **keys})


def write(base: Path, name: str, *rows: Row) -> None:
    lines = [json.dumps({"prompt": text, "answer": answer}) for text, answer in rows]
    (base / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")


def readable(reference: Reference) -> str:
    return ""


def plan(base: Path, of: Recipe, check: Callable[[Reference], str] = readable) -> tuple[Plan, MemoryStore]:
    store = MemoryStore()
    return plan_prompts(store, of, base, check), store


def test_each_problem_once_and_the_first_source_wins(tmp_path: Path) -> None:
    write(tmp_path, "a", ("p", "1"), ("q", "2"), ("p", "1"))
    write(tmp_path, "b", ("q", "2"), ("p", "9"), ("r", "3"), (" ", "4"))
    found, store = plan(tmp_path, recipe({"name": "a"}, {"name": "b", "licence": "MIT"}))
    prompts = {prompt.text: prompt for shard in found.shards for prompt in load_shard(store, shard.shard_id)}
    assert {text: (prompt.source, prompt.source_row) for text, prompt in prompts.items()} == {
        "p": ("a", "1"),
        "q": ("a", "2"),
        "r": ("b", "3"),
    }
    first, second = found.manifest.sources
    assert (first.rows, first.prompts, first.duplicates, first.conflicts, first.unusable) == (3, 2, 1, 0, 0)
    assert (second.rows, second.prompts, second.duplicates, second.conflicts, second.unusable) == (4, 1, 1, 1, 1)
    [conflict] = found.manifest.conflicts
    assert (conflict.kept, conflict.dropped) == ("a:1", "b:2")
    assert json.loads(conflict.dropped_reference)["answer"] == "9"
    assert found.manifest.unusable[0].row == "b:4"


def test_the_same_text_in_two_domains_is_two_problems(tmp_path: Path) -> None:
    write(tmp_path, "a", ("p", "1"))
    found, _ = plan(tmp_path, recipe({"name": "a"}, {"name": "b", "domain": "stem", "path": "a.jsonl"}))
    assert sorted((shard.domain, shard.prompts) for shard in found.shards) == [(Domain.MATH, 1), (Domain.STEM, 1)]


def test_a_reference_that_its_verifier_cannot_read_is_refused_with_nothing_written(tmp_path: Path) -> None:
    write(tmp_path, "a", ("p", "1"), ("q", "?"), ("r", None), ("s", "?"))
    store = MemoryStore()
    with pytest.raises(PromptError) as caught:
        plan_prompts(store, recipe({"name": "a"}), tmp_path, lambda ref: "not a number" if "?" in str(ref) else "")
    assert str(caught.value) == (
        "prompt source 'a' has a reference that cannot be read, row 2: not a number (and 2 more rows); "
        "mend or remove it, map another column or answer_pattern, or raise preparation.unreadable_share"
    )
    assert list(store.list("")) == []


def test_an_answer_is_checked_once(tmp_path: Path) -> None:
    write(tmp_path, "a", *((f"p{n}", n % 2) for n in range(10)))
    asked: list[Reference] = []
    plan(tmp_path, recipe({"name": "a"}), lambda reference: asked.append(reference) or "")  # type: ignore[func-returns-value]
    assert len(asked) == 2


def test_a_source_of_blank_texts_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", ("", "1"), ("  ", "2"))
    with pytest.raises(PromptError, match=r"no row has a usable text; row 1: column 'prompt' is blank"):
        prepare(recipe({"name": "a"}), tmp_path, readable)


def test_shards_hold_what_was_read(tmp_path: Path) -> None:
    write(tmp_path, "a", *((f"p{n}", n) for n in range(25)))
    found, store = plan(tmp_path, recipe({"name": "a"}, prompts_per_shard=10))
    assert sorted(shard.prompts for shard in found.shards) == [5, 10, 10]
    ids = [prompt.prompt_id for s in found.shards for prompt in load_shard(store, s.shard_id)]
    assert sorted(ids) == sorted(prompt_id(Domain.MATH, f"p{n}") for n in range(25))
    assert {found.key for found in store.list("prompts/")} == {shard_key(s.shard_id) for s in found.shards} | {
        "prompts/manifest.json"
    }


def test_the_plan_does_not_depend_on_order(tmp_path: Path) -> None:
    rows: list[Row] = [(f"p{n}", n) for n in range(30)]
    write(tmp_path, "a", *rows)
    one, _ = plan(tmp_path, recipe({"name": "a"}, prompts_per_shard=7))
    write(tmp_path, "a", *reversed(rows))
    other, _ = plan(tmp_path, recipe({"name": "a"}, prompts_per_shard=7))
    assert one.shards == other.shards


def test_a_plan_is_made_once(tmp_path: Path) -> None:
    write(tmp_path, "a", ("p", "1"))
    of = recipe({"name": "a"})
    first, store = plan(tmp_path, of)
    before = {found.key: store.get(found.key) for found in store.list("")}
    assert plan_prompts(store, of, tmp_path, readable) == first == load_plan(store)
    assert {found.key: store.get(found.key) for found in store.list("")} == before


def test_a_changed_source_is_a_conflict_and_a_vanished_one_is_not(tmp_path: Path) -> None:
    write(tmp_path, "a", ("p", "1"))
    of = recipe({"name": "a"})
    first, store = plan(tmp_path, of)
    write(tmp_path, "a", ("p", "2"))
    with pytest.raises(RunConflict, match=r"prompt source 'a' \(a.jsonl\) has changed since this run was planned"):
        plan_prompts(store, of, tmp_path, readable)
    (tmp_path / "a.jsonl").unlink()
    assert plan_prompts(store, of, tmp_path, readable) == first


def test_shards_of_a_start_that_died_before_its_manifest_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, "a", ("p", "1"))
    of = recipe({"name": "a"})
    _, store = plan(tmp_path, of)
    store.delete("prompts/manifest.json")
    write(tmp_path, "a", ("p", "2"))
    found = plan_prompts(store, of, tmp_path, readable)
    [prompt] = load_shard(store, found.shards[0].shard_id)
    assert prompt.reference.answer == "2"  # type: ignore[union-attr]


def test_planning_that_dies_at_any_write_is_finished_by_the_next_start(tmp_path: Path) -> None:
    write(tmp_path, "a", *((f"p{n}", n) for n in range(25)))
    of = recipe({"name": "a"}, prompts_per_shard=10)
    expected, _ = plan(tmp_path, of)
    for nth in range(1, 5):
        store = MemoryStore()
        with pytest.raises(Crashed):
            plan_prompts(FaultyStore(store, [Fault("put", nth)]), of, tmp_path, readable)
        assert "prompts/manifest.json" not in {found.key for found in store.list("")}
        assert plan_prompts(store, of, tmp_path, readable) == expected


IDS = st.lists(st.integers(0, 2**64).map(lambda n: f"{n:032x}"), unique=True, max_size=60)


@given(IDS, st.randoms(), st.integers(1, 20))
def test_every_prompt_is_in_exactly_one_shard_whatever_the_order(ids: list[str], random: Any, size: int) -> None:
    shards = cut(Domain.MATH, ids, size)
    shuffled = list(ids)
    random.shuffle(shuffled)
    assert cut(Domain.MATH, shuffled, size) == shards
    assert [one for shard in shards for one in shard.prompt_ids] == sorted(ids)
    assert len({shard.shard_id for shard in shards}) == len(shards)
    assert opening_order(reversed(shards), 1) == opening_order(shards, 1)


def test_any_early_part_of_a_run_has_the_mix_of_the_whole() -> None:
    shards = [
        shard
        for domain, prompts in ((Domain.MATH, 80), (Domain.LOGIC, 20))
        for shard in cut(domain, [f"{n:032x}" for n in range(prompts)], 1)
    ]
    order = opening_order(shards, 3)
    for length in range(5, 101, 5):
        assert sum(shard.domain is Domain.LOGIC for shard in order[:length]) == pytest.approx(length / 5, abs=1)
    assert order != opening_order(shards, 4)
