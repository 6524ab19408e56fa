"""Cutting a set of prompts into shards: pure, and a function of the set alone, whatever the order it came in."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tracegen.types import Domain, Shard


def cut(domain: Domain, prompt_ids: Iterable[str], prompts_per_shard: int, source: str = "") -> list[Shard]:
    """Shards of one lane: runs of the sorted ids, so that a shard's ids all precede the next one's."""
    ids = sorted(set(prompt_ids))
    runs = (tuple(ids[start : start + prompts_per_shard]) for start in range(0, len(ids), prompts_per_shard))
    return [Shard(shard_id(domain, members), domain, members, source) for members in runs]


def shard_id(domain: Domain, prompt_ids: Sequence[str]) -> str:
    """Domain, and 64 bits of SHA-256 over the ids."""
    digest = hashlib.sha256("\n".join(prompt_ids).encode()).hexdigest()
    return f"{domain.value}-{digest[:16]}"


def opening_order(shards: Iterable[Shard], seed: int) -> list[Shard]:
    """Lanes interleaved in proportion to their shards, so that any early part of a run has the whole run's mix."""
    by_lane: dict[tuple[Domain, str], list[tuple[str, Shard]]] = defaultdict(list)
    for shard in shards:
        rank = hashlib.sha256(f"{seed}\0{shard.shard_id}".encode()).hexdigest()
        by_lane[shard.domain, shard.source].append((rank, shard))
    placed = [
        ((position + 0.5) / len(members), rank, shard)
        for members in by_lane.values()
        for position, (rank, shard) in enumerate(sorted(members))
    ]
    return [shard for _, _, shard in sorted(placed, key=lambda place: place[:2])]
