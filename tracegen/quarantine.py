"""What is in quarantine, and the way out of it, for a person who looks at a run. It starts no run."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from tracegen.errors import UserError
from tracegen.ledger import quarantine
from tracegen.ledger.quarantine import Quarantined
from tracegen.ledger.settle import settled_shards
from tracegen.store import SubStore, open_store


@dataclass(frozen=True, slots=True)
class Kept:
    """An attempt in quarantine, or just taken out of it."""

    item: Quarantined
    settled: bool
    """Its shard is settled, and stays so: requeueing has no effect."""
    requeued: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            **asdict(self.item),
            "troubles": [trouble._asdict() for trouble in self.item.troubles],
            "settled": self.settled,
            "requeued": self.requeued,
        }


def listed(store_uri: str, run_id: str) -> list[Kept]:
    """Every attempt in quarantine."""
    store = SubStore(open_store(store_uri), run_id)
    items = list(quarantine.quarantined(store))
    settled = settled_shards(store) if items else set()
    return [Kept(item, item.shard_id in settled) for item in items]


def requeued(store_uri: str, run_id: str, attempt_ids: Collection[str] | None) -> list[Kept]:
    """Take these attempts, or all, out of quarantine. Those of settled shards stay in it: they cannot come back."""
    kept = {one.item.attempt_id: one for one in listed(store_uri, run_id)}
    unknown = sorted(set(attempt_ids or ()) - kept.keys())
    if unknown:
        raise UserError(f"not in quarantine: {unknown[0]}", hint="tracegen quarantine lists what is")
    store = SubStore(open_store(store_uri), run_id)
    out = []
    for attempt_id in kept if attempt_ids is None else attempt_ids:
        one = kept[attempt_id]
        if not one.settled:
            quarantine.requeue(store, attempt_id)
        out.append(Kept(one.item, one.settled, requeued=not one.settled))
    return out
