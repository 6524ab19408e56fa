"""Problems that a reasoning-gym dataset makes up from a seed. Judging them is ``verify/logic.py``."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from tracegen.errors import MissingDependency, PromptError, boundary
from tracegen.recipe import ReasoningGymSource
from tracegen.types import ProceduralReference, Prompt, prompt_id


def procedural_rows(source: ReasoningGymSource) -> Iterator[Prompt]:
    where = f"prompt source {source.name!r}: {source.dataset}"
    problems = _create(source, where)
    for number in range(source.size):
        with boundary(PromptError, f"{where}, item {number}"):
            item = json.loads(json.dumps(problems[number]))
        yield _prompt(source, item, str(number + 1))


def _prompt(source: ReasoningGymSource, item: Mapping[str, object], number: str) -> Prompt:
    text = str(item["question"])
    reference = ProceduralReference(dataset=source.dataset, item=item, options=source.options)
    return Prompt(prompt_id(source.domain, text), source.domain, text, reference, source.name, number, source.licence)


def _create(source: ReasoningGymSource, where: str) -> Any:
    try:
        from reasoning_gym.factory import DATASETS, create_dataset
    except ImportError:
        raise MissingDependency(
            f"prompt source {source.name!r} needs the reasoning-gym package", hint="pip install reasoning-gym==0.1.25"
        ) from None
    if source.dataset not in DATASETS:
        raise PromptError(
            f"prompt source {source.name!r}: reasoning-gym has no dataset {source.dataset!r}",
            hint=_nearest(source.dataset, list(DATASETS)),
        )
    _, configuration = DATASETS[source.dataset]
    options = [field.name for field in fields(configuration) if field.name not in ("seed", "size")]
    if unknown := sorted(source.options.keys() - set(options)):
        raise PromptError(f"{where} has no option {unknown[0]!r}", hint=_nearest(unknown[0], options))
    with boundary(PromptError, where):
        return create_dataset(source.dataset, **source.options, seed=source.seed, size=source.size)


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)[:20])}"
