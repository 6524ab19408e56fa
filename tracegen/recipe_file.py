"""Recipes from YAML files, with ``--set`` overrides, and one helpful line for whatever is wrong with one.

What a recipe may say is ``recipe.py`` and its parts; how a person is told about it is ``recipe_problems.py``.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tracegen.errors import RecipeError
from tracegen.recipe import Recipe
from tracegen.recipe_problems import describe

SHIPPED = Path(__file__).parent.parent / "jobs" / "recipes"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recipe, and the folder that relative paths in it start from."""

    recipe: Recipe
    base: Path


def load_recipe(path: str, overrides: Sequence[str] = ()) -> Loaded:
    """The recipe in a file. ``overrides`` are ``a.b.0.c=value``, each value read as YAML."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(f"no recipe {path!r}", hint=_nearby(file)) from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise RecipeError(f"cannot read recipe {path!r}: {error.strerror}") from None
    return Loaded(parse_recipe(text, path, overrides), file.resolve().parent)


def parse_recipe(text: str, name: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a text; ``name`` is what messages call it."""
    content = _parse_yaml(text, name)
    if content is None:
        raise RecipeError(f"{name}: the recipe is empty")
    if not isinstance(content, dict):
        raise RecipeError(f"{name}: a recipe is a mapping of keys, not {type(content).__name__}")
    for override in overrides:
        _override(content, override)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{name}: {describe(error)}") from None


class _Yaml(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, where plain YAML would drop the first without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        scalars = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in scalars:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parse_yaml(text: str, name: str) -> object:
    try:
        return yaml.load(text, Loader=_Yaml)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(f"{name}: not YAML{where}: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise RecipeError(f"{name}: not YAML at line {line}: {error.reason}") from None
    except (ValueError, RecursionError) as error:
        # PyYAML lets these out for a date such as 2024-13-45 and for very deep nesting.
        raise RecipeError(f"{name}: not YAML: {error}") from None


def _override(content: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not all(path.split(".")):
        raise RecipeError(f"--set {override!r} is not KEY=VALUE", hint="as teacher.sampling.temperature=0.7")
    *parents, last = path.split(".")
    node: Any = content
    for part in parents:
        node = node.setdefault(part, {}) if isinstance(node, dict) else node[_position(node, part, path)]
    if isinstance(node, dict):
        node[last] = _parse_yaml(text, f"--set {path}")
    else:
        node[_position(node, last, path)] = _parse_yaml(text, f"--set {path}")


def _position(node: object, part: str, path: str) -> int:
    if not isinstance(node, list):
        raise RecipeError(f"--set {path}: nothing can be set inside {node!r}, at {part!r}")
    if not part.isdecimal() or int(part) >= len(node):
        raise RecipeError(f"--set {path}: {part!r} is not a position in a list of {len(node)}", hint="counted from 0")
    return int(part)


def _nearby(file: Path) -> str:
    shipped = _recipes(SHIPPED)
    if twin := next((known for known in shipped if known.stem == file.stem), None):
        return f"there is a shipped one: {_shown(twin)}"
    here = _recipes(file.parent)
    known = {path.stem: path for path in (*shipped, *here)}
    if near := get_close_matches(file.stem, known, n=1):
        return f"did you mean {_shown(known[near[0]])}?"
    if here:
        return f"recipes in that folder: {', '.join(path.name for path in here[:5])}"
    return f"shipped recipes: {', '.join(map(_shown, shipped[:5]))}" if shipped else "no recipe is in that folder"


def _recipes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES) if folder.is_dir() else []


def _shown(path: Path) -> str:
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)
