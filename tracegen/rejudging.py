"""A new verdict set from a run's ledger: other verifiers, the same completions, no teacher. It builds no corpus.

Shard by shard, in bounded memory. ``set.json`` says what judges; a settled part's verdicts are written once, whole,
after the verifiers have passed their probes, so whoever repeats the call goes on where the last one stopped. The same
completions give the same bytes: ``cpu_s``, the only thing in a verdict that is measured, is 0 in such a set.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.parquet as pq

from tracegen.errors import StoreError, UserError, boundary
from tracegen.extract import split
from tracegen.filters.sieve import Sieve
from tracegen.ledger.layout import COMPLETIONS, parse_settled_key, verdicts_folder, verdicts_key
from tracegen.ledger.schema import COMPLETION, judgements_to_table, table_to_completions, write_parquet
from tracegen.order import judges_of
from tracegen.prompts.prepare import load_shard
from tracegen.protocols import Payload, Store
from tracegen.recipe import Recipe
from tracegen.runs import described_run
from tracegen.store import SubStore, open_store
from tracegen.types import Completion, Judgement, NoReference, Reference, Trace, Verdict
from tracegen.verify.completions import NO_VERIFIER
from tracegen.verify.host import VerifierHost
from tracegen.verify.majority import MAJORITY, final_answer, vote
from tracegen.verify.spec import HostSpec
from tracegen.verify.verdict_set import verdict_set

ROWS_PER_BATCH = 256
SHOWN_OF_A_SHARD = 8
SET_SCHEMA = "tracegen/verdict-set/1"


@dataclass(frozen=True, slots=True)
class Rejudging:
    """What is asked for."""

    store_uri: str
    run_id: str
    name: str = ""
    """Of the set; the verifiers' own name where empty."""
    recipe: Recipe | None = None
    """Whose verifiers judge; the run's own where None."""
    processes: int | None = None
    """Verifier processes; None: as many as there are cores, as they are needed."""
    majority: int | None = None
    """Prompts without a reference are put to the vote, and so many attempts must agree; None: they stay undecided."""


@dataclass(slots=True)
class Rejudged:
    """What became of it."""

    name: str
    shards: int = 0
    """Judged by this call."""
    skipped: int = 0
    """Judged before."""
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Counted over ``outcome/reason``."""

    def count(self, judgements: Sequence[Judgement]) -> None:
        self.rows += len(judgements)
        self.outcomes.update(judgement.outcome.value for judgement in judgements)
        self.reasons.update(f"{judgement.outcome.value}/{judgement.reason}" for judgement in judgements)

    def to_json(self) -> dict[str, object]:
        """As JSON types; keys are the field names."""
        # Not `asdict`, which takes a counter's pairs for what it counts.
        counts = {"outcomes": dict(self.outcomes), "reasons": dict(self.reasons)}
        return {"name": self.name, "shards": self.shards, "skipped": self.skipped, "rows": self.rows, **counts}


async def rejudge(asked: Rejudging) -> Rejudged:
    """Judge every settled completion of a run that the set lacks. Raises UserError, VerifierDrift."""
    store = SubStore(open_store(asked.store_uri), asked.run_id)
    own, own_set = await asyncio.to_thread(described_run, store)
    recipe = _with_votes(asked.recipe or own) if asked.majority else asked.recipe or own
    name = await asyncio.to_thread(_claimed, store, asked, recipe, own_set)
    result = Rejudged(name)
    spec = HostSpec(recipe.verifiers, judges_of(recipe)[1], recipe.filters, own.where.isolation)
    host = VerifierHost(spec, asked.processes, memory_bytes=own.where.verifier_memory_bytes)
    await host.start()
    try:
        for shard_id, parts in (await asyncio.to_thread(_parts, store)).items():
            await _Shard(store, name, shard_id, host, asked.majority).judge(parts, result)
    finally:
        await host.close()
    return result


def _with_votes(recipe: Recipe) -> Recipe:
    """The recipe with a verifier that says which votes are for the same answer."""
    return recipe.model_copy(update={"verifiers": {"answer": "math", **recipe.verifiers}})


def _claimed(store: Store, asked: Rejudging, recipe: Recipe, own_set: str) -> str:
    """The set's name, once the store says what judges for it. Raises UserError where something else does."""
    verifiers, _ = judges_of(recipe)
    sieve = Sieve(recipe.filters) if recipe.filters else None
    usual = verdict_set(verifiers, recipe.judge, sieve) + (
        "" if asked.majority is None else f"-majority-{asked.majority}"
    )
    name = _usable(asked.name or usual)
    if name == own_set:
        raise UserError(f"{name!r} is the set that the run itself wrote", hint="give another name with --set")
    told = {
        "schema": SET_SCHEMA,
        "set": name,
        "verifiers": {kind: [verifier.name, repr(verifier)] for kind, verifier in sorted(verifiers.items())},
        "judge": recipe.judge.decides if recipe.judge else None,
        "filters": repr(sieve) if sieve else None,
        "majority": asked.majority,
    }
    key = f"{verdicts_folder(name)}set.json"
    if not store.put_if_absent(key, (json.dumps(told, indent=2) + "\n").encode()):
        with boundary(StoreError, f"cannot read {store.uri}/{key}"):
            found = json.loads(store.get(key))
        if found != told:
            raise UserError(
                f"verdict set {name!r} was made by other verifiers", hint=f"give another --set; {key} says which"
            )
    return name


def _usable(name: str) -> str:
    try:
        verdicts_folder(name)
    except ValueError:
        hint = "letters, digits, dots, dashes and underscores; a letter or digit first"
        raise UserError(f"{name!r} cannot name a verdict set", hint=hint) from None
    return name


def _parts(store: Store) -> dict[str, list[tuple[int, str]]]:
    """Number and key of each settled part, by shard."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for item in store.list(COMPLETIONS):
        if shard_and_part := parse_settled_key(item.key):
            found[shard_and_part[0]].append((shard_and_part[1], item.key))
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Shard:
    """One shard's way into the set."""

    store: Store
    name: str
    shard_id: str
    host: VerifierHost
    majority: int | None

    async def judge(self, parts: Sequence[tuple[int, str]], result: Rejudged) -> None:
        if await asyncio.to_thread(self._is_there, [part for part, _ in parts]):
            result.skipped += 1
            return
        prompts = await asyncio.to_thread(load_shard, self.store, self.shard_id)
        references: dict[str, Reference] = {prompt.prompt_id: prompt.reference for prompt in prompts}
        await self.host.expect(list(references.values())[:SHOWN_OF_A_SHARD])
        questions = {prompt.prompt_id: prompt.text for prompt in prompts}
        ballots: dict[str, dict[str, str]] = defaultdict(dict)
        judged: dict[int, list[Judgement]] = {}
        for part, key in parts:
            judged[part] = judgements = []
            async for batch in _batches(self.store, key):
                said = await self.host.judge(Payload(batch), references, questions)
                judgements.extend(said)
                self._collect(batch, said, references, ballots)
        votes = await self._votes(ballots)
        await self.host.prove()
        for part, judgements in judged.items():
            final = [_final(judgement, votes.get(judgement.attempt_id)) for judgement in judgements]
            final.sort(key=lambda judgement: judgement.attempt_id)
            key, data = verdicts_key(self.name, self.shard_id, part), write_parquet(judgements_to_table(final))
            await asyncio.to_thread(self.store.put_if_absent, key, data)
            result.count(final)
        result.shards += 1

    def _is_there(self, parts: Sequence[int]) -> bool:
        prefix = verdicts_key(self.name, self.shard_id).removesuffix("parquet")
        found = {parse_settled_key(item.key) for item in self.store.list(prefix)}
        return all((self.shard_id, part) in found for part in parts)

    def _collect(
        self,
        batch: Sequence[Completion],
        judged: Sequence[Judgement],
        references: Mapping[str, Reference],
        ballots: dict[str, dict[str, str]],
    ) -> None:
        """The answers that are to be put to the vote."""
        for completion, judgement in zip(batch, judged, strict=True):
            if self.majority is not None and _is_open(judgement, references):
                ballots[completion.prompt_id][completion.attempt_id] = _answer(completion)

    async def _votes(self, ballots: Mapping[str, Mapping[str, str]]) -> dict[str, Verdict]:
        votes: dict[str, Verdict] = {}
        for answers in ballots.values():
            votes |= await vote(answers, self.host.verdicts, self.majority or 0)
        return votes


async def _batches(store: Store, key: str) -> AsyncIterator[list[Completion]]:
    rows = _rows(store, key)
    while batch := await asyncio.to_thread(next, rows, None):
        yield batch


def _rows(store: Store, key: str) -> Iterator[list[Completion]]:
    with boundary(StoreError, f"{store.uri}/{key} is damaged"):
        file = pq.ParquetFile(pa.BufferReader(store.get(key)))
        for batch in file.iter_batches(ROWS_PER_BATCH):
            yield table_to_completions(pa.Table.from_batches([batch]).select(COMPLETION.names))


def _is_open(judgement: Judgement, references: Mapping[str, Reference]) -> bool:
    """There is a trace, and nothing to judge it against."""
    reference = references.get(judgement.prompt_id)
    return judgement.verifier == NO_VERIFIER and isinstance(reference, NoReference)


def _answer(completion: Completion) -> str:
    trace = split(completion.text, completion.prefill, completion.finish_reason)
    return final_answer(trace) if isinstance(trace, Trace) else ""


def _final(judgement: Judgement, voted: Verdict | None) -> Judgement:
    if voted is None:
        return replace(judgement, cpu_s=0.0)
    outcome, reason, detail = voted.outcome, voted.reason, voted.detail
    return replace(judgement, cpu_s=0.0, verifier=MAJORITY, outcome=outcome, reason=reason, detail=detail)
