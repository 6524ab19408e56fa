"""``student.json``: which corpus, base and settings made a student. Written before training and again at its end."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tracegen import __version__
from tracegen.distill.corpus import Corpus
from tracegen.distill.plan import Plan
from tracegen.distill.settings import Settings
from tracegen.errors import StoreError, UserError, boundary
from tracegen.types import Value

RECORD = "student.json"
RECORD_SCHEMA = "tracegen/student/1"


class CorpusRecord(Value):
    """The corpus that a student was trained on."""

    uri: str
    version: str
    manifest_sha256: str
    run_id: str
    recipe_digest: str
    verdict_set: str
    rows: int


class Result(Value):
    """How training went."""

    steps: int
    rows: int
    """Rows that were learnt from, each once an epoch."""
    rows_too_long: int
    """Rows that were left out, as they are above ``max_length``."""
    tokens: int
    """Tokens of the rows, once."""
    first_loss: float
    last_loss: float


class StudentRecord(Value):
    """What made a student."""

    format: str = RECORD_SCHEMA
    settings: Settings
    corpus: CorpusRecord
    base_revision: str
    """Commit of the base on its hub; empty for a folder."""
    versions: Mapping[str, str]
    """Of the software that trained it."""
    result: Result | None = None
    """None while training is not done."""

    @property
    def makes(self) -> tuple[object, ...]:
        """What must be the same for a training to go on."""
        return self.settings, self.corpus.manifest_sha256, self.base_revision


def new_record(settings: Settings, corpus: Corpus, config: Any) -> StudentRecord:
    """``config``: the base's, which knows its commit where it comes from a hub."""
    manifest = corpus.manifest
    return StudentRecord(
        settings=settings,
        corpus=CorpusRecord(
            uri=corpus.uri,
            version=manifest.version,
            manifest_sha256=corpus.digest,
            run_id=manifest.run_id,
            recipe_digest=manifest.recipe_digest,
            verdict_set=manifest.verdict_set,
            rows=manifest.rows,
        ),
        base_revision=getattr(config, "_commit_hash", None) or "",
        versions={"tracegen": __version__, **{name: version(name) for name in ("torch", "transformers", "trl")}},
    )


def read_record(folder: Path) -> StudentRecord | None:
    """What a folder says of its student; None where nobody has begun one."""
    try:
        return StudentRecord.model_validate_json((folder / RECORD).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}", hint="give another --output") from None
    except ValidationError:
        raise UserError(f"{folder / RECORD} is not a record of ours", hint="give another --output") from None


def write_record(folder: Path, record: StudentRecord) -> None:
    """Whole or not at all."""
    with boundary(StoreError, f"cannot write {folder / RECORD}"):
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{RECORD}.tmp"
        unfinished.write_text(record.model_dump_json(indent=2) + "\n")
        unfinished.replace(folder / RECORD)


def finished(record: StudentRecord, plan: Plan, losses: Sequence[float]) -> StudentRecord:
    """The record of a student that is done."""
    result = Result(
        steps=plan.steps,
        rows=plan.rows,
        rows_too_long=plan.too_long,
        tokens=plan.tokens,
        first_loss=losses[0],
        last_loss=losses[-1],
    )
    return record.model_copy(update={"result": result})


def must_continue(before: StudentRecord | None, now: StudentRecord, folder: Path) -> None:
    """Raises UserError where the folder holds another training than this one."""
    if before is None or before.makes == now.makes:
        return
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    changed = [*_changed(old["settings"], new["settings"]), *_changed(old["corpus"], new["corpus"])]
    raise UserError(
        f"{folder} holds a student made otherwise: {', '.join(changed) or 'another revision of the base'}",
        hint="give another --output",
    )


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    names = [name for name in new if old.get(name) != new[name] and name not in ("uri", "rows")]
    return [f"{name} was {json.dumps(old.get(name))}, is {json.dumps(new[name])}" for name in names]
