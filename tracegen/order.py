"""What is asked for, and whether it can be had: everything that can be wrong is found here, and nothing is written.

``placed`` looks at what is found right or wrong in no time; ``with_prompts`` reads the prompts, which may take longer.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tracegen.engines.options import parse_options
from tracegen.errors import RecipeError, RunConflict, StoreUnavailable, UserError
from tracegen.filters.sieve import Sieve
from tracegen.prompts.prepare import Plan, Prepared, planned
from tracegen.protocols import Engine, Store, Verifier
from tracegen.recipe import EngineOptions, Recipe, Teacher
from tracegen.recipe_file import Loaded
from tracegen.registry import resolve
from tracegen.runs import RUN_KEY
from tracegen.store import SubStore, free_bytes, open_store, preflight
from tracegen.types import Lane, NoReference, Reference
from tracegen.verify.judge import JudgeSpec
from tracegen.verify.preflight import Preflights
from tracegen.verify.spec import build_verifiers
from tracegen.verify.verdict_set import verdict_set


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    loaded: Loaded
    store_uri: str
    run_id: str = ""
    """The recipe's own where empty."""
    build: bool = True

    @property
    def recipe(self) -> Recipe:
        return self.loaded.recipe


@dataclass(frozen=True, slots=True)
class Checked:
    """An order that can be carried out. Nothing has been written for it."""

    recipe: Recipe
    run_id: str
    store: Store
    """Rooted at the run."""
    make_engine: Callable[[], Engine]
    verdict_set: str
    plan: Plan | Prepared
    judge: JudgeSpec | None = None


def check(order: Order) -> Checked:
    """Find everything that is wrong with an order, and write nothing. Raises UserError."""
    return with_prompts(order, placed(order))


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the run lies and what works for it: found wrong or right in no time."""

    run_id: str
    root: Store
    make_engine: Callable[[], Engine]
    verifiers: Mapping[str, Verifier]
    judge: JudgeSpec | None
    sieve: Sieve | None


def placed(order: Order) -> Placed:
    recipe = order.recipe
    run_id = _usable(order.run_id or recipe.run_id)
    make_engine = _engine(recipe)
    verifiers, judge = judges_of(recipe)
    sieve = Sieve(recipe.filters) if recipe.filters else None
    root = open_store(order.store_uri)
    preflight(root)
    _same_recipe(SubStore(root, run_id), recipe, run_id)
    return Placed(run_id, root, make_engine, verifiers, judge, sieve)


def with_prompts(order: Order, place: Placed) -> Checked:
    """All prompts are read here."""
    recipe, store = order.recipe, SubStore(place.root, place.run_id)
    plan = planned(store, recipe, order.loaded.base, partial(_checked, place.verifiers, Preflights(place.verifiers)))
    _enough_space(place.root, recipe, plan)
    named = verdict_set(place.verifiers, recipe.judge, place.sieve)
    return Checked(recipe, place.run_id, store, place.make_engine, named, plan, place.judge)


def _usable(run_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", run_id):
        raise RecipeError(
            f"{run_id!r} cannot be a run id", hint="letters, digits, dots, dashes and underscores, 100 at most"
        )
    return run_id


def _engine(recipe: Recipe) -> Callable[[], Engine]:
    return _made(recipe.teacher, recipe.engine_options(), recipe.where.slots)


def _made(teacher: Teacher, raw: EngineOptions, slots: int) -> Callable[[], Engine]:
    engine_class = resolve("engine", teacher.engine)
    options = parse_options(teacher.engine, engine_class, raw)
    engine_class.preflight(teacher, options, slots)
    return partial(engine_class, teacher, options, slots)


def judges_of(recipe: Recipe) -> tuple[Mapping[str, Verifier], JudgeSpec | None]:
    """Who judges by this recipe: verifiers by kind of reference, and the judge. Raises UserError."""
    return build_verifiers(recipe.verifiers, recipe.judge, recipe.where.isolation), _judge(recipe)


def _judge(recipe: Recipe) -> JudgeSpec | None:
    """The recipe's judge and how to reach it, checked like the teacher. Raises UserError; no model is loaded."""
    judge, place = recipe.judge, recipe.where.judge
    if judge is None:
        return None
    # To an engine, whoever speaks is a teacher.
    speaker = Teacher(engine=judge.engine, model=judge.model, revision=judge.revision, sampling=judge.sampling)
    try:
        return JudgeSpec(judge, _made(speaker, recipe.judge_options(), place.slots), place)
    except UserError as error:
        raise type(error)(f"judge: {error.message}", hint=error.hint) from None


def _checked(verifiers: Mapping[str, Verifier], preflights: Preflights, reference: Reference) -> str:
    """As :func:`unreadable`. Raises UserError for what this machine lacks."""
    preflights.before(reference.kind)
    return unreadable(verifiers, reference)


def unreadable(verifiers: Mapping[str, Verifier], reference: Reference) -> str:
    """Why nobody can judge against this reference, or an empty string."""
    if isinstance(reference, NoReference):
        return ""  # asked for by name: `columns.answer: null`
    verifier = verifiers.get(reference.kind)
    if verifier is None and reference.kind == "rubric":
        return "a rubric takes a judge that settles it, and the recipe names none (docs/judge.md)"
    return verifier.check(reference) if verifier else f"the recipe names no verifier for kind {reference.kind!r}"


def _same_recipe(store: Store, recipe: Recipe, run_id: str) -> None:
    try:
        found = json.loads(store.get(RUN_KEY))
    except KeyError:
        return
    if found["recipe_digest"] != recipe.digest:
        raise RunConflict(
            f"run {run_id!r} in {store.uri} was made by another recipe (digest {found['recipe_digest'][:12]}, "
            f"this one is {recipe.digest[:12]})",
            hint="leave --run-id out, or choose another",
        )


BYTES_PER_TOKEN = 4.5
"""English and LaTeX text, about."""
STORED_SHARE = 0.4
"""zstd 3 kept a 2.6th of English, LaTeX and arithmetic of 18 kB a row; ledger and corpus each hold a copy."""
EXPECTED_TOKENS = 6_000
"""Longest mean of the published mix is code's, 7,436 tokens, the mean of all 5,355 (arXiv 2501.12948v2, table 5)."""


def _enough_space(store: Store, recipe: Recipe, plan: Plan | Prepared) -> None:
    free = free_bytes(store)
    if free is None:
        return
    # Of a run that goes on, part of the text is there already; it was looked at as a whole when it began.
    text = _text_bytes(recipe, plan) if isinstance(plan, Prepared) else 0
    if free < text + recipe.where.min_free_bytes:
        raise StoreUnavailable(
            f"{store.uri} has {free / 1e9:.1f} GB free; this run may write {text / 1e9:.1f} GB and leaves "
            f"{recipe.where.min_free_bytes / 1e9:.1f} GB alone (where.min_free_bytes)",
            hint="give another --store, or ask for less (prompts, keep, quotas, token_budget)",
        )


def _text_bytes(recipe: Recipe, prepared: Prepared) -> int:
    """What ledger and corpus come to, if every second attempt is accepted."""
    rules = recipe.rejection
    prompts: Counter[Lane] = Counter()
    for shard in prepared.manifest.shards:
        prompts[shard.lane] += shard.prompts
    per_prompt = min(rules.max_attempts, 2 * rules.enough)
    per_sample = 2 * rules.enough / rules.keep
    tokens = 0
    for lane, n in prompts.items():
        quota = recipe.source_quotas[lane.source] if lane.source else rules.quotas.get(lane.domain)
        attempts = n * per_prompt if quota is None else min(n * per_prompt, per_sample * quota)
        tokens += int(attempts * min(recipe.teacher.sampling_of(lane.domain).max_tokens, EXPECTED_TOKENS))
    return int(2 * min(tokens, rules.token_budget or tokens) * BYTES_PER_TOKEN * STORED_SHARE)
