"""llama.cpp in this process: the embedded engine, for small GGUF models on a CPU. Not for clusters of GPUs.

The server's own threads decode; one thread of ours per slot waits for a completion and is called for each token.
"""

import asyncio
import http.client
import json
import os
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from tracegen.engines.chat import begin_response
from tracegen.engines.closing import closing_is_death
from tracegen.engines.models import BUNDLED, local_gguf, require
from tracegen.errors import EngineDead, EngineError, RequestRefused, boundary
from tracegen.filters.watch import LoopWatch, watching
from tracegen.protocols import Look
from tracegen.recipe import Teacher
from tracegen.types import EngineIdentity, FinishReason, Generation, Message, Request, Value

INSTALL = "pip install xllamacpp"
_SILENT = -1
"""Below llama.cpp's lowest log level: it writes to stderr, over any display of ours."""


class LlamaCppOptions(Value):
    """Options of the engine ``llamacpp``."""

    context_tokens: int = Field(2048, gt=0)
    """Prompt and response of one attempt, together."""
    threads: int | None = Field(None, gt=0)
    """Threads that decode; where not given, all cores but one: decoding threads wait for each other at every step,
    so a single core that is shared with another program slows all of them down."""
    gpu_layers: int | None = Field(None, ge=0)
    """Layers placed on a GPU, for builds that have one; llama.cpp decides where not given."""
    top_k: int = Field(0, ge=0)
    """Sample among so many tokens only; 0 for all. Not llama.cpp's own default of 40."""
    min_p: float = Field(0.0, ge=0, le=1)
    """Leave out tokens less likely than so many times the likeliest. Not llama.cpp's own default of 0.05."""
    flash_attention: Literal["auto", "on", "off"] = "auto"


class LlamaCppEngine:
    """A llama.cpp server object with ``slots`` parallel sequences and continuous batching."""

    Options = LlamaCppOptions

    def __init__(self, teacher: Teacher, options: LlamaCppOptions, slots: int) -> None:
        self._teacher = teacher
        self._options = options
        self._slots = slots
        self._server: Any = None
        self._api_key = secrets.token_urlsafe()
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="llamacpp")
        self._streams: set[_Stream] = set()
        self._finished_tokens = 0

    @classmethod
    def preflight(cls, teacher: Teacher, options: LlamaCppOptions, slots: int) -> None:  # noqa: ARG003 -- the seam's
        """Raises MissingDependency or RecipeError."""
        require("xllamacpp", "the engine 'llamacpp'", INSTALL)
        local_gguf(teacher.model)

    @property
    def identity(self) -> EngineIdentity:
        bundled = BUNDLED.get(self._teacher.model)
        revision = self._teacher.revision or (bundled.revision if bundled else "")
        return EngineIdentity("llamacpp", f"xllamacpp {version('xllamacpp')}", self._teacher.model, revision)

    @property
    def produced_tokens(self) -> int:
        return self._finished_tokens + sum(stream.tokens for stream in tuple(self._streams))

    async def start(self) -> None:
        self.preflight(self._teacher, self._options, self._slots)
        with boundary(EngineDead, f"llama.cpp could not load {self._teacher.model}"):
            self._server = await asyncio.to_thread(self._load)

    def _load(self) -> Any:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.verbosity = _SILENT
        params.model.path = str(local_gguf(self._teacher.model))
        params.n_parallel = self._slots
        params.n_ctx = self._slots * self._options.context_tokens
        params.ui = False
        # The server listens on a loopback port whatever one asks for; nobody else shall use it.
        params.api_keys = [self._api_key]
        params.flash_attn_type = getattr(
            xllamacpp.llama_flash_attn_type,
            {"auto": "LLAMA_FLASH_ATTN_TYPE_AUTO", "on": "LLAMA_FLASH_ATTN_TYPE_ENABLED"}.get(
                self._options.flash_attention, "LLAMA_FLASH_ATTN_TYPE_DISABLED"
            ),
        )
        params.cpuparams.n_threads = self._options.threads or max(1, _cores() - 1)
        if self._options.gpu_layers is not None:
            params.n_gpu_layers = self._options.gpu_layers
        return xllamacpp.Server(params)

    async def generate(self, request: Request) -> Generation:
        if self._server is None:
            raise EngineDead("the engine llamacpp is not running")
        stream = _Stream(watching(request.guard))
        self._streams.add(stream)
        try:
            loop = asyncio.get_running_loop()
            with closing_is_death("llamacpp", lambda: self._server is None):
                with boundary(EngineError, f"attempt {request.attempt_id}"):
                    await loop.run_in_executor(self._threads, self._complete, self._server, request, stream)
                return stream.generation(request, self._options.context_tokens)
        finally:
            # A cancelled call leaves a thread behind, which ends with the next token.
            stream.cancelled = True
            self._streams.discard(stream)
            self._finished_tokens += stream.tokens

    def _complete(self, server: Any, request: Request, stream: "_Stream") -> None:
        if stream.cancelled:
            return
        rendered = self._render(server.listening_address, request.messages)
        server.handle_completions(self._body(request, begin_response(rendered, request.prefill)), stream.take)

    def _body(self, request: Request, prompt: str) -> dict[str, object]:
        return {
            "prompt": prompt,
            "n_predict": request.sampling.max_tokens,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "top_k": self._options.top_k,
            "min_p": self._options.min_p,
            # The order of other engines: llama.cpp's own cuts before it applies the temperature.
            "samplers": ["temperature", "top_k", "top_p", "min_p"],
            "seed": request.seed,
            "stream": True,
            # A stream that is stopped has no last event, which counts tokens.
            "timings_per_token": request.guard is not None,
        }

    def _render(self, address: str, messages: tuple[Message, ...]) -> str:
        """The chat in the model's own template, which only the server's HTTP side gives."""
        body = {"messages": [message._asdict() for message in messages]}
        return str(self._ask(address, "/apply-template", body)["prompt"])

    def _ask(self, address: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        where = urlsplit(address)
        connection = http.client.HTTPConnection(where.hostname or "127.0.0.1", where.port, timeout=60)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._api_key}"}
            connection.request("POST", path, json.dumps(body), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise _named(answer["error"])
        return answer

    async def look(self, request: Request) -> Look:
        """See :class:`tracegen.protocols.ShowsPrompts`."""
        if self._server is None:
            raise EngineDead("the engine llamacpp is not running")
        with boundary(EngineError, "looking at a prompt"):
            return await asyncio.to_thread(self._look, self._server.listening_address, request)

    def _look(self, address: str, request: Request) -> Look:
        text = begin_response(self._render(address, request.messages), request.prefill)
        # As the server reads a prompt that is text: whether it adds BOS is the model file's word.
        body: dict[str, object] = {"content": text, "add_special": True, "parse_special": True}
        ids = tuple(self._ask(address, "/tokenize", body)["tokens"])
        room = max(0, self._options.context_tokens - len(ids))
        in_effect = request.sampling.model_copy(update={"max_tokens": min(room, request.sampling.max_tokens)})
        return Look(text, ids, sampling=in_effect)

    async def close(self) -> None:
        held, self._server = [self._server], None
        for stream in tuple(self._streams):
            stream.cancelled = True
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        # Dropping the last reference frees the model and joins its threads, which takes a while.
        await asyncio.to_thread(held.clear)


def _cores() -> int:
    """Cores that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Stream:
    """One completion as it arrives, a call for each token, on the server's thread."""

    def __init__(self, watch: LoopWatch | None) -> None:
        self.tokens = 0
        self._watch = watch
        self._looped = False
        self.cancelled = False
        self._pieces: list[str] = []
        self._last: Mapping[str, Any] = {}
        self._lock = threading.Lock()

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take one event; True tells the server to stop."""
        if self._looped:
            return True
        with self._lock:
            self._last = event
            if (choices := event.get("choices")) and choices[0]["finish_reason"] is None:
                self._pieces.append(choices[0]["text"])
                self.tokens += 1
                self._looped = self._watch is not None and self._watch.feed(choices[0]["text"])
            elif choices:
                self._pieces.append(choices[0]["text"])
                self.tokens = event["usage"]["completion_tokens"]
        return self.cancelled or self._looped

    def generation(self, request: Request, context_tokens: int) -> Generation:
        if "error" in self._last:
            raise _named(self._last["error"])
        usage = self._counted() if self._looped else self._last.get("usage")
        if usage is None:
            raise EngineError("llama.cpp ended a completion early")
        cut = self._last["choices"][0]["finish_reason"] == "length"
        reason = FinishReason.LENGTH if cut else FinishReason.STOP
        room = max(context_tokens - usage["prompt_tokens"], usage["completion_tokens"])
        return Generation(
            text="".join(self._pieces),
            finish_reason=FinishReason.LOOPED if self._looped else reason,
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
            sampling=request.sampling.model_copy(update={"max_tokens": min(room, request.sampling.max_tokens)}),
        )

    def _counted(self) -> Mapping[str, int]:
        """Tokens up to the last event; of the prompt, some may have been computed for an earlier request."""
        timings = self._last["timings"]
        return {
            "prompt_tokens": timings["cache_n"] + timings["prompt_n"],
            "completion_tokens": timings["predicted_n"],
        }


def _named(error: Mapping[str, Any]) -> EngineError:
    """llama.cpp's error, by its code: 4xx is about the request."""
    kind = RequestRefused if 400 <= int(error.get("code", 500)) < 500 else EngineError
    return kind(f"llama.cpp: {error.get('message', 'unknown error')}")
