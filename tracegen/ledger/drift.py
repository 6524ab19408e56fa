"""The mark that a run leaves when its verifiers drift: which epoch's verdicts are not to be trusted, and why.

``ledger/drift/<epoch>.json``. Shards that were settled had their verdicts proven; those that were open then are judged
again by the next driver, whose judgements come later and so count.
"""

import json
import re

from tracegen.protocols import Store

_FOLDER = "ledger/drift/"
_MARK = re.compile(r"ledger/drift/(\d{8})\.json")


def mark(store: Store, *, epoch: int, why: str, at_s: float) -> None:
    """Distrust what the verifiers of this epoch have said in shards that are still open."""
    store.put(f"{_FOLDER}{epoch:08d}.json", json.dumps({"epoch": epoch, "why": why, "at_s": at_s}).encode())


def distrusted(store: Store) -> int:
    """The newest epoch that is marked; 0 for none."""
    found = (_MARK.fullmatch(item.key) for item in store.list(_FOLDER))
    return max((int(match[1]) for match in found if match), default=0)
