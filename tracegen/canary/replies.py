"""The rules of the start: what a handful of replies to the canary's own questions proves. Pure.

Chance is ruled out by asking again: the asker believes a finding only when a second asking finds it too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracegen.canary.findings import Finding, quoted
from tracegen.canary.probes import Kind, Probe
from tracegen.canary.signs import (
    MOST_CHARS_PER_TOKEN,
    cut_short,
    differing,
    has_reasoning,
    leading_opens,
    thinks,
    vanished,
)
from tracegen.types import FinishReason, Generation, Sampling

WARM = 0.3
"""At a lower temperature the outputs to one prompt may well be equal."""
FEWEST_TOKENS = 32
"""Fewer tokens say nothing about how many characters they come to."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A question and its answer."""

    probe: Probe
    generation: Generation


def judged(replies: Sequence[Reply], sampling: Sampling) -> list[Finding]:
    """What is wrong, most telling first; at most one finding of each check. ``sampling``: the recipe's."""
    rules = (_finish, _sampling, _clip, _vanished, _think, _reasoning, _prompt)
    found = [*(finding for rule in rules for finding in rule(replies)), *_chance(replies, sampling)]
    return list({finding.check: finding for finding in reversed(found)}.values())[::-1]


def _finish(replies: Sequence[Reply]) -> Iterator[Finding]:
    if replies and all(reply.generation.finish_reason is FinishReason.ABORT for reply in replies):
        yield Finding("finish", "completions that end by themselves or at the token limit", f"{len(replies)} aborts")


def _sampling(replies: Sequence[Reply]) -> Iterator[Finding]:
    for reply in replies:
        asked, in_effect = reply.probe.request.sampling, reply.generation.sampling
        if name := differing(asked, in_effect, reply.generation.prompt_tokens):
            yield Finding("sampling", f"{name} {getattr(asked, name)}", f"{name} {getattr(in_effect, name)} in effect")
            return


def _clip(replies: Sequence[Reply]) -> Iterator[Finding]:
    cut = [reply.generation for reply in replies if cut_short(reply.generation)]
    if cut:
        least = min(cut, key=lambda generation: generation.completion_tokens)
        asked = f"up to {least.sampling.max_tokens} tokens before a completion is said to be cut off"
        yield Finding("max_tokens", asked, f"it cut off at {least.completion_tokens}")


def _vanished(replies: Sequence[Reply]) -> Iterator[Finding]:
    tokens = sum(reply.generation.completion_tokens for reply in replies)
    text = "".join(reply.generation.text for reply in replies)
    if tokens >= FEWEST_TOKENS and vanished(text, tokens):
        expected = "the text of all tokens that were generated, reasoning included"
        yield Finding("reasoning", expected, f"{len(text)} characters for {tokens} tokens: {quoted(text)}")


def _think(replies: Sequence[Reply]) -> Iterator[Finding]:
    begun = [reply for reply in replies if reply.generation.text]
    doubled = [reply for reply in begun if leading_opens(reply.probe.request.prefill + reply.generation.text) > 1]
    if len(doubled) >= 4 and 4 * len(doubled) >= 3 * len(begun):
        whole = doubled[0].probe.request.prefill + doubled[0].generation.text
        yield Finding("think", "one opening think tag", f"two in {len(doubled)} of {len(begun)}: {quoted(whole)}")


def _reasoning(replies: Sequence[Reply]) -> Iterator[Finding]:
    ended = [
        reply
        for reply in _of("solved", replies)
        if thinks(reply.probe.request)
        and reply.generation.finish_reason is FinishReason.STOP
        and not vanished(reply.generation.text, reply.generation.completion_tokens)
    ]
    if len(ended) >= 2 and not any(has_reasoning(reply.probe.request, reply.generation.text) for reply in ended):
        seen = f"none in {len(ended)} of {len(ended)} finished: {quoted(ended[0].generation.text)}"
        yield Finding("think", "reasoning that is closed by </think>, as the prefill begins one", seen)


def _prompt(replies: Sequence[Reply]) -> Iterator[Finding]:
    for reply in replies:
        chars = sum(len(message.content) for message in reply.probe.request.messages)
        tokens = reply.generation.prompt_tokens
        if 0 < tokens < chars / MOST_CHARS_PER_TOKEN:
            yield Finding("prompt", f"a prompt of {chars} characters", f"it counted as {tokens} tokens")
            return


def _chance(replies: Sequence[Reply], sampling: Sampling) -> Iterator[Finding]:
    """Seeds and temperature, as far as outputs show them."""
    sampled, greedy = _texts("sampled", replies), _texts("greedy", replies)
    if len(greedy) >= 4 and len(set(greedy)) == len(greedy):
        seen = f"{len(greedy)} different ones: {quoted(greedy[0])}, {quoted(greedy[1])}"
        yield Finding("temperature", "one text from several seeds at temperature 0", seen)
    if len(sampled) < 4 or len(set(sampled)) > 1 or sampling.temperature < WARM:
        return
    same = f"one text {len(sampled)} times: {quoted(sampled[0])}"
    expected = f"different texts from {len(sampled)} seeds at temperature {sampling.temperature}"
    if any(_agree(sampled[0], text) for text in greedy):
        yield Finding("temperature", expected, f"{same}, which is that of temperature 0")
    else:
        yield Finding("seed", expected, same)


def _of(kind: Kind, replies: Sequence[Reply]) -> list[Reply]:
    return [reply for reply in replies if reply.probe.kind == kind]


def _texts(kind: Kind, replies: Sequence[Reply]) -> list[str]:
    """Those that are long enough to differ."""
    return [reply.generation.text for reply in _of(kind, replies) if len(reply.generation.text) > 8]


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
