"""The rules for a prompt as the model reads it: think tag, BOS, parameters in effect. Pure, and certain."""

from collections.abc import Iterator

from tracegen.canary.findings import Finding, quoted
from tracegen.canary.signs import MISPRINT, differing
from tracegen.extract import OPEN
from tracegen.protocols import Look
from tracegen.recipe_where import CanaryCheck
from tracegen.types import Request


def shown(request: Request, look: Look | None) -> list[Finding]:
    """What is wrong with the prompt; where the engine shows none, with the prefill alone."""
    if look is None:
        return list(_misprinted(request.prefill))
    return [*_think(request, look), *_bos(look), *_in_effect(request, look)]


def _misprinted(begun: str) -> Iterator[Finding]:
    if found := MISPRINT.search(begun):
        yield Finding("think", "<think> and a line break", quoted(found[0]))


def _think(request: Request, look: Look) -> Iterator[Finding]:
    """The response's beginning is what follows the last thing that the user said."""
    _, found, begun = look.text.rpartition(request.messages[-1].content.strip())
    if not found or MISPRINT.search(begun):
        begun = begun if found else request.prefill
        yield from _misprinted(begun)
        return
    tags, least = begun.count(OPEN), int(OPEN in request.prefill)
    if not least <= tags <= 1:
        expected = "one opening think tag" if least else "at most one opening think tag"
        yield Finding("think", f"{expected} where the response begins", f"{tags}: {quoted(begun)}")


def _bos(look: Look) -> Iterator[Finding]:
    ids = look.token_ids
    bos = look.bos_id if look.bos_id is not None else ids[0] if ids else None
    leading = next((number for number, one in enumerate(ids) if one != bos), len(ids))
    if leading > 1 or (ids and look.wants_bos and not leading):
        yield Finding("bos", "BOS once at the beginning of the prompt", f"it {leading} times: token ids {ids[:4]}")


def _in_effect(request: Request, look: Look) -> Iterator[Finding]:
    if look.sampling and (name := differing(request.sampling, look.sampling, len(look.token_ids))):
        asked, in_effect = getattr(request.sampling, name), getattr(look.sampling, name)
        check: CanaryCheck = "max_tokens" if name == "max_tokens" else "sampling"
        yield Finding(check, f"{name} {asked}", f"{name} {in_effect} in effect")
