"""Attempts that are begun before it is known whether they are needed, so that retries are not the end of a run.

A domain without anything more to hand out ends with what it has in flight, and with the attempts that take the place of
wrong ones: one after another, while all other slots are idle. So the prompts that are longest in flight get their next
attempt right away. Few at a time on each replica, which bounds what it costs; never in the middle of a run, nor where
another prompt can fill a quota instead. Nothing is aborted, and a corpus takes a prompt's right traces in the order of
their index, so it holds the same traces as without hedges: long ones do not lose against short ones.
"""

from collections.abc import Iterable

from tracegen.scheduling.state import DomainState, OpenPrompt

HEDGED_SHARE = 0.02
"""Of all attempts that a run has made, at most."""
HEDGE_BUSY = 16
"""One in so many slots of a replica may have a hedge while there is other work,"""
HEDGE_IDLE = 4
"""and one in so many once there is none."""


def runs_dry(domain: DomainState) -> bool:
    """Whether all is opened and handed out, and no other prompt can stand in for one that is in flight."""
    return not domain.waiting and not domain.ready and domain.quota is None


def hedged_next(domains: Iterable[DomainState], enough: int) -> OpenPrompt | None:
    """The prompt to hedge: of the domain with the longest traces first, in turns, the longest in flight first."""
    for domain in sorted((d for d in domains if d.last), key=lambda d: -d.mean_tokens):
        while domain.last:
            prompt = next(iter(domain.last))
            del domain.last[prompt]
            if prompt.open and prompt.accepted < enough:
                return prompt
    return None
