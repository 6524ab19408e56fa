"""Where things lie under a run's root: names of the ledger's objects, made and read back. It touches no store.

::

    ledger/journal/<shard>/<epoch>-<recorder>-<seq>.{completions,judgements}.parquet    while the shard is open
    ledger/journal/<shard>/settling.<part>.json                                         what a settled part is made of
    ledger/completions/<shard>[.<part>].parquet                                         settled
    ledger/verdicts/<set>/<shard>[.<part>].parquet                                      settled
    ledger/verdicts/<set>/set.json                                                      of a set that was judged later
    ledger/drift/<epoch>.json                                                           verifiers that went wrong

Part 0 has no number. Later parts exist only where rows came in after their shard was settled.
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["completions", "judgements"]

JOURNAL = "ledger/journal/"
COMPLETIONS = "ledger/completions/"
VERDICTS = "ledger/verdicts/"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ROWS = re.compile(r"(?P<epoch>\d{8})-(?P<recorder>.+)-(?P<seq>\d{8})\.(?P<kind>completions|judgements)\.parquet")
_PLAN = re.compile(r"settling\.(?P<part>\d{8})\.json")
_SETTLED = re.compile(r"(?P<shard>[A-Za-z0-9_-]+)(\.(?P<part>\d{8}))?\.parquet")


@dataclass(frozen=True, slots=True, order=True)
class JournalObject:
    """One object of the journal: rows of one kind and one shard, written at once."""

    shard_id: str
    epoch: int
    recorder: str
    """Name of a recorder and of its life: after a restart it is another one."""
    seq: int
    kind: Kind

    @property
    def key(self) -> str:
        folder = journal_folder(self.shard_id)
        return f"{folder}{self.epoch:08d}-{check_name(self.recorder)}-{self.seq:08d}.{self.kind}.parquet"


def journal_folder(shard_id: str) -> str:
    return f"{JOURNAL}{check_name(shard_id)}/"


def parse_journal_key(key: str) -> JournalObject | None:
    """The journal object of that key; None where it is something else."""
    shard_id, _, name = key.removeprefix(JOURNAL).partition("/")
    found = _ROWS.fullmatch(name)
    if found is None:
        return None
    kind: Kind = "completions" if found["kind"] == "completions" else "judgements"
    return JournalObject(shard_id, int(found["epoch"]), found["recorder"], int(found["seq"]), kind)


def plan_key(shard_id: str, part: int) -> str:
    return f"{journal_folder(shard_id)}settling.{part:08d}.json"


def parse_plan_key(key: str) -> int | None:
    """Which part that key plans; None where it is something else."""
    found = _PLAN.fullmatch(key.rpartition("/")[2])
    return int(found["part"]) if found else None


def completions_key(shard_id: str, part: int = 0) -> str:
    return f"{COMPLETIONS}{_settled_name(shard_id, part)}"


def verdicts_key(verdict_set: str, shard_id: str, part: int = 0) -> str:
    return f"{verdicts_folder(verdict_set)}{_settled_name(shard_id, part)}"


def verdicts_folder(verdict_set: str) -> str:
    return f"{VERDICTS}{check_name(verdict_set, _SET)}/"


def parse_settled_key(key: str) -> tuple[str, int] | None:
    """Shard and part of a settled object; None where it is something else."""
    found = _SETTLED.fullmatch(key.rpartition("/")[2])
    return (found["shard"], int(found["part"] or 0)) if found else None


def check_name(name: str, pattern: re.Pattern[str] = _NAME) -> str:
    """The name, if it can be part of a key and be read back from it."""
    if not pattern.fullmatch(name):
        msg = f"not a name for the ledger: {name!r} (letters, digits, dashes, underscores)"
        raise ValueError(msg)
    return name


def _settled_name(shard_id: str, part: int) -> str:
    return f"{check_name(shard_id)}.{part:08d}.parquet" if part else f"{check_name(shard_id)}.parquet"
