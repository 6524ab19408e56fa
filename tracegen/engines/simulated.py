"""A teacher made of data: lengths, rates, correctness and faults are options. For rehearsals, experiments and tests.

It writes R1-like traces of pseudo-text. Everything is drawn from a hash of the option ``seed``, the request's seed
and the attempt id; nothing depends on time or order.
"""

import asyncio
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase
from typing import Literal

from pydantic import Field

from tracegen.engines.decoding import Decoder
from tracegen.engines.pseudotext import BLOCK_CHARS, pseudotext, slice_of
from tracegen.errors import EngineDead, EngineError, RecipeError, RequestRefused
from tracegen.extract import CLOSE, OPEN
from tracegen.filters.watch import watching
from tracegen.recipe import Teacher
from tracegen.scheduling.population import Luck, Population, Probability
from tracegen.types import EngineIdentity, FinishReason, Generation, Request

LOOP_CHARS = 160
"""What a looping completion says again and again."""

Fault = Literal["error", "refused", "dead", "hang"]


class SimulatedOptions(Population):
    """Options of the engine ``simulated``."""

    chars_per_token: float = Field(3.4, gt=0)
    block_chars: int = Field(BLOCK_CHARS, ge=1_000)
    """Texts are cut from a block of so many characters: with 2**23 they compress about as real ones do."""
    instant: bool = False
    """No waiting at all."""
    tokens_per_s: float = Field(600, gt=0)
    """What one sequence decodes when it is alone."""
    half_rate_at: float = Field(64, gt=0)
    """With so many at once each decodes half as fast: rate(n) = tokens_per_s / (1 + n / half_rate_at)."""
    time_scale: float = Field(1.0, gt=0)
    """Seconds waited per simulated second."""
    loop_probability: Probability = 0.0
    """Of a completion that comes to say the same sentences again and again, up to its token limit."""
    context_tokens: int | None = Field(None, gt=0)
    """Refuse prompts longer than this."""
    faults: dict[str, tuple[Fault, ...]] = Field(default={})
    """By attempt id: what happens at its first try, its second, and so on; then it succeeds."""
    always: dict[str, Fault] = Field(default={})
    """By attempt id: what happens at every try."""
    fault_probability: dict[Fault, Probability] = Field(default={})
    """For attempts not named above, drawn anew at each try."""
    request_log: str | None = None
    """A JSON Lines file to which every request is appended: attempt id, Unix time, process."""
    completion_log: str | None = None
    """The same for every completion that was made, and so paid for."""


class SimulatedEngine:
    """Answers as its options say."""

    Options = SimulatedOptions

    def __init__(
        self, teacher: Teacher, options: SimulatedOptions, slots: int, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._teacher = teacher
        self._clock = clock
        self._options = options
        self._decoder = Decoder(slots, options.tokens_per_s, options.half_rate_at, options.time_scale)
        self._tries: Counter[str] = Counter()
        self._instant_tokens = 0
        self._gone = asyncio.Event()
        self._log: int | None = None
        self._completion_log: int | None = None

    @classmethod
    def preflight(cls, teacher: Teacher, options: SimulatedOptions, slots: int) -> None:  # noqa: ARG003 -- the seam's
        """Raises RecipeError."""
        for name in ("request_log", "completion_log"):
            log: str | None = getattr(options, name)
            if log and not Path(log).parent.is_dir():
                raise RecipeError(f"engine simulated: no folder for {name} {log!r}", hint="create the folder first")

    @property
    def identity(self) -> EngineIdentity:
        return EngineIdentity("simulated", "1", self._teacher.model, self._teacher.revision)

    @property
    def produced_tokens(self) -> int:
        return self._instant_tokens + self._decoder.tokens

    @cached_property
    def _pool(self) -> str:
        return pseudotext(self._options.seed, self._options.block_chars)

    async def start(self) -> None:
        self.preflight(self._teacher, self._options, 0)
        self._gone.clear()
        if self._options.request_log:
            if self._options.faults:
                self._tries = _tries_so_far(Path(self._options.request_log))
            self._log = _appending(self._options.request_log)
        if self._options.completion_log:
            self._completion_log = _appending(self._options.completion_log)

    async def generate(self, request: Request) -> Generation:
        if self._gone.is_set():
            raise EngineDead("the simulated engine is gone")
        self._note(self._log, request.attempt_id)
        generation = self._answer(request)
        if fault := self._fault(request):
            await self._suffer(fault, request.attempt_id)
        if self._options.instant:
            self._instant_tokens += generation.completion_tokens
        else:
            await self._decoder.decode(generation.completion_tokens)
        self._note(self._completion_log, request.attempt_id)
        return generation

    def _note(self, log: int | None, attempt_id: str) -> None:
        if log is not None:
            line = json.dumps({"attempt_id": attempt_id, "at_s": self._clock(), "pid": os.getpid()}) + "\n"
            os.write(log, line.encode())

    def _fault(self, request: Request) -> Fault | None:
        attempt_id, options = request.attempt_id, self._options
        if attempt_id in options.always:
            return options.always[attempt_id]
        if not options.faults and not options.fault_probability:
            return None
        tries, self._tries[attempt_id] = self._tries[attempt_id], self._tries[attempt_id] + 1
        if attempt_id in options.faults:
            planned = options.faults[attempt_id]
            return planned[tries] if tries < len(planned) else None
        drawn = options.luck(request.attempt_id, request.seed, f"fault {tries}").length
        for fault, probability in options.fault_probability.items():
            if drawn < probability:
                return fault
            drawn -= probability
        return None

    async def _suffer(self, fault: Fault, attempt_id: str) -> None:
        if fault == "error":
            raise EngineError(f"simulated error of {attempt_id}")
        if fault == "refused":
            raise RequestRefused(f"simulated refusal of {attempt_id}")
        if fault == "hang":
            await self._gone.wait()
        self._die()
        raise EngineDead(f"simulated death by {attempt_id}")

    def _die(self) -> None:
        self._gone.set()
        self._decoder.stop(EngineDead("the simulated engine is gone"))

    def _answer(self, request: Request) -> Generation:
        options = self._options
        prompt_tokens = int(sum(len(message.content) for message in request.messages) / options.chars_per_token) + 4
        if options.context_tokens is not None and prompt_tokens > options.context_tokens:
            raise RequestRefused(f"the prompt has {prompt_tokens} tokens, the context {options.context_tokens}")
        luck = self._luck(request)
        wanted = options.tokens(request.domain, luck.length)
        limit = request.sampling.max_tokens
        loops = self._loops(request)
        cut = loops or wanted >= limit
        text = self._text(request, luck, min(wanted, limit), cut=cut)
        if loops:
            text = self._looping(text, limit)
        whole = Generation(
            text,
            FinishReason.LENGTH if cut else FinishReason.STOP,
            prompt_tokens,
            limit if cut else wanted,
            request.sampling,
        )
        return self._guarded(request, whole)

    def _loops(self, request: Request) -> bool:
        drawn = self._options.luck(request.attempt_id, request.seed, "loop").length
        return drawn < self._options.loop_probability

    def _looping(self, text: str, limit: int) -> str:
        """The text with its end over and over, as long as the limit allows."""
        chars = max(len(text), int(limit * self._options.chars_per_token))
        return text + slice_of(text[-LOOP_CHARS:], 0.0, chars - len(text))

    def _guarded(self, request: Request, whole: Generation) -> Generation:
        """As much of it as came before the guard stopped it."""
        watch = watching(request.guard)
        if watch is None or not watch.feed(whole.text):
            return whole
        tokens = min(whole.completion_tokens, math.ceil((watch.at or 0) / self._options.chars_per_token))
        return replace(whole, text=whole.text[: watch.at], finish_reason=FinishReason.LOOPED, completion_tokens=tokens)

    def _luck(self, request: Request) -> Luck:
        """Greedy decoding knows no seed: the same chat, the same text."""
        if request.sampling.temperature > 0:
            return self._options.luck(request.attempt_id, request.seed)
        return self._options.luck(json.dumps(request.messages), 0)

    def _text(self, request: Request, luck: Luck, tokens: int, *, cut: bool) -> str:
        opening = "" if OPEN in request.prefill else f"{OPEN}\n"
        closing = "" if CLOSE in request.prefill else f"\n{CLOSE}"
        reasoning = slice_of(self._pool, luck.text, max(1, int(tokens * self._options.chars_per_token)))
        if cut:
            return f"{opening}{reasoning}"
        prompt_id = request.attempt_id.rpartition(".")[0] or request.attempt_id
        right = luck.right < self._options.pass_rate_of(prompt_id, request.domain)
        answer = request.hint if right and request.hint else wrong_answer(request.hint, luck.wrong)
        return f"{opening}{reasoning}{closing}\n\nThe answer is \\boxed{{{answer}}}."

    async def close(self) -> None:
        self._die()
        for log in (self._log, self._completion_log):
            if log is not None:
                os.close(log)
        self._log = self._completion_log = None


def _appending(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def wrong_answer(right: str, drawn: float) -> str:
    """An answer that differs from the right one: a number near it, the opposite, another option, or any number."""
    opposite = {"yes": "No", "no": "Yes", "true": "False", "false": "True"}.get(right.strip().lower())
    if opposite:
        return opposite
    if right in ascii_uppercase[:10] and len(right) == 1:
        return "B" if right == "A" else "A"
    step = 1 + int(drawn * 97)
    try:
        return str(int(right) + step)
    except ValueError:
        return str(1_000_000 + step)


def _tries_so_far(log: Path) -> Counter[str]:
    """How often each attempt was asked for, by this replica's forerunners too: a planned death happens once."""
    if not log.is_file():
        return Counter()
    with log.open(encoding="utf-8") as lines:
        return Counter(json.loads(line)["attempt_id"] for line in lines)
