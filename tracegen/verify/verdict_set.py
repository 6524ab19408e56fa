"""The name of a verdict set: whoever judges otherwise writes another one. Where sets lie is ``ledger/layout.py``."""

import hashlib
import json
import re
from collections.abc import Mapping

from tracegen.filters.sieve import Sieve
from tracegen.protocols import Verifier
from tracegen.recipe import Judge
from tracegen.verify.judge import VERSION as JUDGE


def verdict_set(verifiers: Mapping[str, Verifier], judge: Judge | None = None, sieve: Sieve | None = None) -> str:
    """Name of what verifiers, filters and the judge say, safe as a part of a path: ``math-1_logic-1-0a1b2c3d``.

    The digest is over kinds, versions and options, so another configuration is another set.
    """
    judges: list[tuple[str, Verifier | Sieve]] = [*sorted(verifiers.items()), *([("", sieve)] if sieve else [])]
    told: list[object] = [[kind, one.name, repr(one)] for kind, one in judges]
    if judge:
        told.append([JUDGE, judge.decides])
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    told_names = [*(one.name for _, one in judges), *([JUDGE] if judge else [])]
    names = dict.fromkeys(re.sub(r"[^a-z0-9_.]+", "-", name.lower()) for name in told_names)
    return f"{'_'.join(names) or 'none'}-{digest}"
