"""Reading recipes: what is accepted, and the one line that each mistake earns."""

from pathlib import Path

import pytest

from tracegen import recipe_file
from tracegen.errors import RecipeError
from tracegen.recipe_file import load_recipe, parse_recipe

GOOD = """
name: small
prompts:
  - {kind: jsonl, name: gsm8k, domain: math, path: questions.jsonl}
teacher:
  engine: llamacpp
  model: smollm2
  sampling: {temperature: 0.7}
rejection: {keep: 1, max_attempts: 4, quotas: {math: 10}}
"""


def message(text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "r.yaml", overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_recipe_is_read_and_its_paths_start_at_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(GOOD, encoding="utf-8")
    loaded = load_recipe(str(file))
    assert loaded.recipe.teacher.sampling.temperature == 0.7
    assert loaded.base == tmp_path.resolve()
    assert loaded.recipe.prompts[0].path == "questions.jsonl"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "temperature: 0.7",
            "temprature: 0.7",
            "teacher.sampling: unknown key 'temprature'; did you mean 'temperature'?",
        ),
        ("keep: 1", "keep: two", "rejection.keep: must be an integer, not 'two'"),
        ("keep: 1", "keep: 1.5", "rejection.keep: must be an integer, not 1.5"),
        ("keep: 1", "keep: 0", "rejection.keep: must be greater than 0, not 0"),
        ("temperature: 0.7", "temperature: -1", "teacher.sampling.temperature: must be at least 0, not -1"),
        ("temperature: 0.7", "temperature: hot", "teacher.sampling.temperature: must be a number, not 'hot'"),
        ("keep: 1", "keep: 9", "rejection: keep (9) is more than max_attempts (4)"),
        ("name: small", "name: 7", "name: must be text, not 7"),
        ("name: small", "name: Not Good", "name: must match pattern '^[a-z0-9][a-z0-9-]*$', not 'Not Good'"),
        ("name: small\n", "", "name: is required"),
        ("name: small", "nmae: small", "unknown key 'nmae'; did you mean 'name'? (and 1 more)"),
        (
            "domain: math",
            "domain: maths",
            "prompts.0.domain: must be 'math', 'code', 'stem', 'logic' or 'general', not 'maths'",
        ),
        ("kind: jsonl", "kind: json", "prompts.0: unknown kind 'json'; did you mean 'jsonl'?"),
        ("kind: jsonl, ", "", "prompts.0: 'kind' is required; known: hub, jsonl, parquet, reasoning_gym, synthetic"),
        ("path: questions", "pth: questions", "prompts.0: unknown key 'pth'; did you mean 'path'? (and 1 more)"),
        (
            "math: 10",
            "maths: 10",
            "rejection.quotas: unknown key 'maths'; must be 'math', 'code', 'stem', 'logic' or 'general'",
        ),
        ("teacher:\n", "teacher: 5\nwhere:\n", "where: unknown key 'engine'; did you mean 'engines'?"),
    ],
)
def test_each_mistake_earns_one_line(old: str, new: str, expected: str) -> None:
    found = message(GOOD.replace(old, new))
    assert found.startswith(f"r.yaml: {expected}")


def test_several_problems_are_counted() -> None:
    text = GOOD.replace("keep: 1", "keep: two").replace("temperature: 0.7", "temperature: hot")
    assert message(text).endswith("(and 1 more)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [1", "not YAML at line 1, column 9"),
        ("name: a\n\tb: 1", "not YAML at line 2, column 1"),
        ("name: a\nname: b", "not YAML at line 2, column 1: key 'name' stands twice"),
        ("teacher:\n  model: a\n  model: b", "not YAML at line 3, column 3: key 'model' stands twice"),
        ("", "the recipe is empty"),
        ("- a", "a recipe is a mapping of keys, not list"),
        ("a: 2024-13-45", "not YAML"),
        ("a: \x07", "not YAML at line 1"),
        ("? [a]\n: b", "not YAML at line 1"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML at line 1"),
        ("&a [*a]", "a recipe is a mapping"),
        ("name: a\n---\nname: b", "not YAML at line 2"),
        (f"1: 2\n{GOOD}", "1: keys must be strings"),
    ],
)
def test_what_is_not_a_recipe_at_all(text: str, expected: str) -> None:
    assert expected in message(text)


def test_overrides_reach_anywhere() -> None:
    recipe = parse_recipe(
        GOOD,
        "r",
        ["prompts.0.limit=5", "teacher.sampling.top_p=0.5", "where.cluster=local", "rejection.quotas={math: 3}"],
    )
    assert recipe.prompts[0].limit == 5
    assert (recipe.teacher.sampling.top_p, recipe.where.cluster) == (0.5, "local")
    assert list(recipe.rejection.quotas.values()) == [3]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("keep", "--set 'keep' is not KEY=VALUE"),
        ("a..b=1", "is not KEY=VALUE"),
        ("prompts.3.limit=1", "'3' is not a position in a list of 1; counted from 0"),
        ("prompts.x.limit=1", "'x' is not a position"),
        ("name.x=1", "nothing can be set inside 'small'"),
        ("teacher.modle=x", "teacher: unknown key 'modle'; did you mean 'model'?"),
        ("rejection.keep=[1", "--set rejection.keep: not YAML at line 1"),
    ],
)
def test_wrong_overrides(override: str, expected: str) -> None:
    assert expected in message(GOOD, override)


def test_a_missing_recipe_names_its_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "jobs" / "recipes"
    shipped.mkdir(parents=True)
    (shipped / "quickstart.yaml").touch()
    monkeypatch.setattr(recipe_file, "SHIPPED", shipped)
    (tmp_path / "small.yaml").touch()
    with pytest.raises(RecipeError, match=r"no recipe '.*smal.yaml'; did you mean .*small.yaml\?"):
        load_recipe(str(tmp_path / "smal.yaml"))
    with pytest.raises(RecipeError, match=r"there is a shipped one: .*quickstart.yaml"):
        load_recipe(str(tmp_path / "quickstart.yml"))
    with pytest.raises(RecipeError, match=r"recipes in that folder: small.yaml"):
        load_recipe(str(tmp_path / "zzz.yaml"))
    with pytest.raises(RecipeError, match=r"shipped recipes: .*quickstart.yaml"):
        load_recipe(str(tmp_path / "no" / "zzz.yaml"))


def test_a_recipe_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Is a directory"):
        load_recipe(str(tmp_path))
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(RecipeError, match="not UTF-8"):
        load_recipe(str(tmp_path / "latin.yaml"))
