"""The usual open prompt sets, as data: a file a set in ``sets/``. A recipe that names one need not say the rest."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tracegen.recipe_reads import Reads
from tracegen.types import Domain, Value

SUFFIX = ".yaml"


class PromptSet(Value):
    """One published set: where it is, what its columns mean, and what of it is no prompt."""

    dataset: str
    """On the hub."""
    config: str | None = None
    split: str = "train"
    files: str = ""
    """Where the hub's repository is no dataset that loads by itself: the files in it."""
    licence: str
    domain: Domain
    columns: Mapping[str, str | None]
    """As in a recipe."""
    reads: Reads = Reads()
    cites: tuple[str, ...]
    """Where column names and shapes were read."""
    note: str = ""
    """What to know before it is used."""

    def defaults(self, kind: str) -> dict[str, Any]:
        """What a source of this kind need not say."""
        place = {"dataset": self.dataset, "config": self.config, "split": self.split, "files": self.files}
        told = {"domain": self.domain, "licence": self.licence, "reads": self.reads.model_dump(mode="json")}
        return {**told, **(place if kind == "hub" else {})}


@cache
def prompt_sets() -> Mapping[str, PromptSet]:
    """Every set by its name."""
    found = sorted(file.name for file in files("tracegen").joinpath("sets").iterdir() if file.name.endswith(SUFFIX))
    return {name.removesuffix(SUFFIX): _read(name) for name in found}


def filled(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A source as a recipe gives it, with what its set says for all that it leaves out. Raises ValueError."""
    name = given.get("set")
    if name is None:
        return given
    known = prompt_sets()
    if name not in known:
        near = get_close_matches(str(name), known, n=3, cutoff=0.4)
        msg = f"unknown set {name!r}; " + (f"did you mean {_quoted(near)}?" if near else f"known: {', '.join(known)}")
        raise ValueError(msg)
    columns = given.get("columns", {})
    if isinstance(columns, Mapping) and "reads" not in given:
        _refuse_conflict(name, known[name], columns)
    if isinstance(columns, Mapping):
        columns = {**known[name].columns, **columns}
    return {**known[name].defaults(str(given.get("kind"))), **given, "columns": columns}


def _read(name: str) -> PromptSet:
    text = files("tracegen").joinpath("sets", name).read_text(encoding="utf-8")
    return PromptSet.model_validate(yaml.safe_load(text))


def _refuse_conflict(name: str, of: PromptSet, columns: Mapping[str, object]) -> None:
    for key in ("answer", "reference"):
        if columns.get(key) is not None and not of.reads.needs_answer:
            how = of.reads.reference.how if of.reads.reference else ""
            msg = (
                f"set {name!r} makes its references from other columns ({how}), so columns.{key} does not go with it: "
                "leave that out, or the set, or give reads"
            )
            raise ValueError(msg)


def _quoted(names: list[str]) -> str:
    return " or ".join(repr(name) for name in names)
