"""Pass two of a build: completions, verdicts and prompts of one shard become samples, sorted by id."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracegen import __version__
from tracegen.chat import user_turn
from tracegen.corpus.choice import Choice
from tracegen.corpus.layout import Span
from tracegen.corpus.settled import SettledShard, Verdict, attempt
from tracegen.extract import response, split
from tracegen.prompts.prepare import load_shard
from tracegen.prompts.schema import reference_to_json
from tracegen.protocols import Store
from tracegen.recipe import Recipe
from tracegen.selection import READS_TEXT, STRATEGIES, Candidate
from tracegen.types import (
    FILTERED,
    AnswerReference,
    ChoiceReference,
    FinishReason,
    Outcome,
    ProceduralReference,
    Prompt,
    Reference,
    RubricReference,
    Trace,
)

Row = dict[str, Any]

AS_RECORDED = (
    *("finish_reason", "prompt_tokens", "completion_tokens", "engine", "engine_version"),
    *("temperature", "top_p", "max_tokens", "seed"),
)
"""Columns that a sample takes over from its completion unchanged."""
COMPLETION_COLUMNS = (*AS_RECORDED, "attempt_id", "prompt_id", "index", "text", "prefill", "model", "revision")


@dataclass(slots=True)
class Census:
    """Counts over everything that was read, kept while samples stream by."""

    by: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By domain, as ``domain:math``, and by source, as ``source:gsm8k``."""
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, prompt: Prompt, what: str, number: int = 1) -> None:
        for group in (f"domain:{prompt.domain.value}", f"source:{prompt.source}"):
            self.by[group][what] += number


@dataclass(frozen=True, slots=True)
class Origin:
    """What every sample of a corpus has in common."""

    recipe: Recipe
    recipe_digest: str
    """Kept, as making it anew for each row is slow."""
    verdict_set: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file's samples are read by."""

    store: Store
    choice: Choice
    origin: Origin
    span: Span
    """The ids that the file holds."""


def samples(reading: Reading, shard: SettledShard, census: Census) -> list[Row]:
    """The samples of one shard that go into a file, in the order of their ids. What it sees of them is counted."""
    store, choice, origin, span = reading.store, reading.choice, reading.origin, reading.span
    verdicts = {verdict.attempt.attempt_id: verdict for verdict in shard.read_verdicts(store, span)}
    chosen = _Chosen(choice, shard, verdicts)
    prompts = {prompt.prompt_id: prompt for prompt in load_shard(store, shard.entry.shard_id)}
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    completions: list[Row] = []
    for attempt_ids, found in shard.read_completions(store, chosen.readable, COMPLETION_COLUMNS):
        completions.extend(found)
        for attempt_id in filter(span.__contains__, attempt_ids):
            verdict = verdicts.get(attempt_id)
            outcomes[attempt_id.partition(".")[0]][_fate(verdict)] += 1
            census.reasons[f"{verdict.outcome}:{verdict.reason}" if verdict else "unjudged"] += 1
    for prompt_id, counts in outcomes.items():
        _count(census, prompts[prompt_id], counts)
    completions = chosen.kept(completions)
    completions.sort(key=lambda row: str(row["attempt_id"]))
    return [
        {
            **_of_prompt(prompt, outcomes[prompt.prompt_id]),
            **_of_completion(row, verdict),
            **_of_trace(prompt, trace, origin),
        }
        for row in completions
        for prompt, verdict in [(prompts[row["prompt_id"]], verdicts[row["attempt_id"]])]
        for trace in _trace(row, prompt, census)
    ]


class _Chosen:
    """Which attempts of one shard become samples: at once where no text decides, else once their texts are read."""

    def __init__(self, choice: Choice, shard: SettledShard, verdicts: Mapping[str, Verdict]) -> None:
        rules = choice.recipe.rejection
        self._strategy, self._seed = STRATEGIES[rules.select], choice.recipe.seed
        self._by_text = rules.select in READS_TEXT
        accepted: dict[str, list[Candidate]] = defaultdict(list)
        for verdict in verdicts.values():
            if verdict.outcome is Outcome.CORRECT:
                accepted[verdict.attempt.prompt_id].append(Candidate(verdict.attempt, verdict.completion_tokens))
        self._wanted = choice.of(shard, (one.attempt for found in accepted.values() for one in found))
        wanted = accepted if self._by_text else {one: self._best(found) for one, found in accepted.items()}
        self.readable = {
            one.attempt.attempt_id for prompt_id, found in wanted.items() if self._wanted[prompt_id] for one in found
        }
        """Attempts whose text is needed."""

    def _best(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return self._strategy(candidates, self._wanted[candidates[0].attempt.prompt_id], self._seed)

    def kept(self, completions: list[Row]) -> list[Row]:
        """Of the readable completions, those that become samples."""
        if not self._by_text:
            return completions
        by_prompt: dict[str, list[Candidate]] = defaultdict(list)
        for row in completions:
            by_prompt[row["prompt_id"]].append(
                Candidate(attempt(row["attempt_id"]), row["completion_tokens"], _told(row))
            )
        best = {one.attempt.attempt_id for found in by_prompt.values() for one in self._best(found)}
        return [row for row in completions if row["attempt_id"] in best]


def _told(completion: Row) -> str:
    """What a trace is told from others by: its reasoning, or the answer of one without."""
    trace = split(completion["text"], completion["prefill"], FinishReason(completion["finish_reason"]))
    return (trace.reasoning or trace.answer) if isinstance(trace, Trace) else ""


def _fate(verdict: Verdict | None) -> str:
    """Under which of a yield's counts an attempt falls."""
    if verdict is None:
        return "unjudged"
    return "filtered" if verdict.reason.startswith(FILTERED) else verdict.outcome


def _trace(completion: Row, prompt: Prompt, census: Census) -> Iterator[Trace]:
    """The trace; none where an older extraction let through what this one refuses."""
    trace = split(completion["text"], completion["prefill"], FinishReason(completion["finish_reason"]))
    if isinstance(trace, Trace):
        census.add(prompt, "samples")
        census.add(prompt, "completion_tokens", completion["completion_tokens"])
        yield trace
    else:
        census.reasons[f"refused:{trace.reason}"] += 1


def _of_prompt(prompt: Prompt, outcomes: Counter[str]) -> Row:
    decided = outcomes[Outcome.CORRECT] + outcomes[Outcome.INCORRECT]
    return {
        "prompt_id": prompt.prompt_id,
        "domain": prompt.domain.value,
        "source": prompt.source,
        "source_row": prompt.source_row,
        "licence": prompt.licence,
        "reference": reference_to_json(prompt.reference),
        "reference_answer": reference_answer(prompt.reference),
        "attempts": outcomes.total(),
        "pass_rate": outcomes[Outcome.CORRECT] / decided,
    }


def _of_completion(completion: Row, verdict: Verdict) -> Row:
    return {name: completion[name] for name in AS_RECORDED} | {
        "id": completion["attempt_id"],
        "attempt_index": completion["index"],
        "teacher": completion["model"],
        "teacher_revision": completion["revision"],
        "verifier": verdict.verifier,
        "verdict_reason": verdict.reason,
    }


def _of_trace(prompt: Prompt, trace: Trace, origin: Origin) -> Row:
    asked, answered = user_turn(origin.recipe.teacher, prompt.domain, prompt.text), response(trace)
    return {
        "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}],
        "user_turn": asked,
        "answer": trace.answer,
        "thinking": bool(trace.reasoning),
        "verdict_set": origin.verdict_set,
        "run_id": origin.run_id,
        "recipe_digest": origin.recipe_digest,
        "tracegen_version": __version__,
    }


def reference_answer(reference: Reference) -> str:
    """The reference as a person would write it."""
    match reference:
        case AnswerReference():
            return f"{reference.answer} {reference.unit}".rstrip()
        case ChoiceReference():
            return reference.answer
        case RubricReference():
            return reference.example
        case ProceduralReference():
            answer = reference.item.get("answer")
            return answer if isinstance(answer, str) else "" if answer is None else json.dumps(answer)
        case _:
            return ""


def _count(census: Census, prompt: Prompt, outcomes: Counter[str]) -> None:
    census.add(prompt, "prompts")
    census.add(prompt, "solved", int(outcomes[Outcome.CORRECT] > 0))
    census.add(prompt, "attempts", outcomes.total())
    for outcome, number in outcomes.items():
        census.add(prompt, str(outcome), number)
