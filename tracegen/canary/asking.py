"""Puts the canary's questions to an engine and lets the rules judge. Raises what stops a run; holds no rule."""

import asyncio
import logging
import time
from collections.abc import Sequence

from tracegen.canary.findings import Finding, unfaithful
from tracegen.canary.probes import Probe, in_full, probes
from tracegen.canary.prompts import shown
from tracegen.canary.replies import Reply, judged
from tracegen.errors import EngineDead, EngineError, RecipeError, RequestRefused, boundary
from tracegen.protocols import Engine, ShowsPrompts
from tracegen.recipe import Recipe
from tracegen.types import Generation

logger = logging.getLogger(__name__)

TRIES = 4


async def ask(engine: Engine, recipe: Recipe, who: str) -> int:
    """The completion tokens that it took. Raises UnfaithfulTeacher, and EngineDead where nothing is answered in
    ``where.stall_s``.
    """
    try:
        async with asyncio.timeout(recipe.where.stall_s):
            return await _asked(engine, recipe, who)
    except TimeoutError:
        raise EngineDead(f"{who}: no answers to the canary in {recipe.where.stall_s:.0f} s") from None


async def _asked(engine: Engine, recipe: Recipe, who: str) -> int:
    started_s = time.monotonic()
    tokens, findings = 0, list[Finding]()
    for asking in range(2):
        found, spent = await _one_asking(engine, recipe, probes(recipe, who, asking))
        tokens += spent
        # What chance may have made is not found twice.
        findings = [one for one in found if not asking or one.check in {earlier.check for earlier in findings}]
        if not findings:
            logger.info("%s: canary content, %d tokens, %.1f s", who, tokens, time.monotonic() - started_s)
            return tokens
    raise unfaithful(who, findings, f"{tokens} tokens spent on asking, none on a prompt")


async def _one_asking(engine: Engine, recipe: Recipe, asked: Sequence[Probe]) -> tuple[list[Finding], int]:
    full = in_full(asked[0], recipe)
    look = await engine.look(full) if isinstance(engine, ShowsPrompts) else None
    replies = _replies(asked, await asyncio.gather(*(_answer(engine, probe) for probe in asked)))
    found = [*shown(full, look), *judged(replies, recipe.teacher.sampling)]
    off = recipe.where.canary.off
    spent = sum(reply.generation.completion_tokens for reply in replies)
    return [finding for finding in found if finding.check not in off], spent


async def _answer(engine: Engine, probe: Probe) -> Generation | EngineError:
    """The error where the engine fails again and again; what becomes of attempts then is the scheduler's affair."""
    tries = 0
    while True:
        tries += 1
        try:
            with boundary(EngineError, "the engine failed at the canary"):
                return await engine.generate(probe.request)
        except EngineDead:
            raise
        except EngineError as error:
            if tries == TRIES or not error.retryable:
                return error


def _replies(asked: Sequence[Probe], answers: Sequence[Generation | EngineError]) -> list[Reply]:
    """Raises RecipeError where every question is refused, and EngineDead where none is answered."""
    pairs = list(zip(asked, answers, strict=True))
    failed = [answer for _, answer in pairs if isinstance(answer, EngineError)]
    if all(isinstance(answer, RequestRefused) for _, answer in pairs):
        raise RecipeError(
            f"the canary's questions were all refused: {failed[0].message}", hint="mend the teacher in the recipe"
        )
    if len(failed) == len(pairs):
        raise EngineDead(f"none of the canary's questions was answered: {failed[0].message}")
    return [Reply(probe, answer) for probe, answer in pairs if isinstance(answer, Generation)]
