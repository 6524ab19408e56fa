"""Any OpenAI-compatible endpoint as an engine: ``vllm serve``, SGLang, llama-server, hosted APIs. Starts no server."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tracegen.engines.chat import after_prefill, join_reasoning
from tracegen.engines.closing import closing_is_death
from tracegen.engines.models import require
from tracegen.engines.openai_prompts import shown_by
from tracegen.engines.streamed import Streamed
from tracegen.errors import (
    EngineDead,
    EngineError,
    MissingDependency,
    RecipeError,
    RequestRefused,
    TracegenError,
    first_line,
)
from tracegen.filters.watch import watching
from tracegen.protocols import Look
from tracegen.recipe import Teacher
from tracegen.types import EngineIdentity, FinishReason, Generation, Request, Value

if TYPE_CHECKING:
    import aiohttp

logger = logging.getLogger(__name__)

INSTALL = "pip install aiohttp"
DEFAULT_KEY_ENV = "OPENAI_API_KEY"


class OpenAIOptions(Value):
    """Options of the engine ``openai``."""

    base_url: str = Field("", pattern=r"^(https?://.+)?$")
    """Up to and including the version, as ``http://localhost:8000/v1``."""
    api_key_env: str | None = None
    """Name of the environment variable with the key; ``OPENAI_API_KEY`` where not given, if that is set."""
    prefill_mode: Literal["continue", "none"] = "continue"
    """``continue`` sends the prefill as a last assistant message with ``continue_final_message`` (vLLM, SGLang);
    ``none`` leaves it out, for servers that know no such thing or whose template begins the response itself."""
    stream: bool = False
    """Server-sent events: tokens are seen as they come, at some cost per token on both sides."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra_body: dict[str, JsonValue] = Field(default={})
    """Further fields of each request, as ``top_k``; servers may have defaults of their own for what is not sent."""
    max_tries: int = Field(6, gt=0)
    """For 429, 5xx and broken connections."""
    first_wait_s: float = Field(0.5, ge=0)
    longest_wait_s: float = Field(60, ge=0)
    """Also the longest ``Retry-After`` that is waited for."""
    connect_timeout_s: float = Field(10, gt=0)
    idle_timeout_s: float | None = Field(3600, gt=0)
    """Give up when the server sends nothing for so long; without ``stream`` that is the whole completion."""


class _PassingError(EngineError):
    """A failure that may pass. Never leaves this module."""

    def __init__(self, message: str, *, hint: str = "", wait_s: float = 0.0, unreachable: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s
        self.unreachable = unreachable


class OpenAIEngine:
    """One pooled session to one endpoint, with ``slots`` connections."""

    Options = OpenAIOptions

    def __init__(self, teacher: Teacher, options: OpenAIOptions, slots: int) -> None:
        self._teacher = teacher
        self._options = options
        self._slots = slots
        self._session: aiohttp.ClientSession | None = None
        self._tokens = 0
        self._version = ""

    @classmethod
    def preflight(cls, teacher: Teacher, options: OpenAIOptions, slots: int) -> None:  # noqa: ARG003 -- the seam's
        """Raises MissingDependency or RecipeError."""
        require("aiohttp", "the engine 'openai'", INSTALL)
        if not options.base_url:
            raise RecipeError(
                "engine openai: option 'base_url' is missing",
                hint="set where.engines.openai.base_url, as http://localhost:8000/v1",
            )
        _api_key(options, os.environ)

    @property
    def identity(self) -> EngineIdentity:
        return EngineIdentity("openai", self._version or "unknown", self._teacher.model, self._teacher.revision)

    @property
    def produced_tokens(self) -> int:
        return self._tokens

    async def start(self) -> None:
        self.preflight(self._teacher, self._options, self._slots)
        import aiohttp

        key = _api_key(self._options, os.environ)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._slots, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._options.connect_timeout_s, sock_read=self._options.idle_timeout_s
            ),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
        try:
            await self._check_model(self._session)
        except BaseException:
            await self.close()
            raise

    async def _check_model(self, session: "aiohttp.ClientSession") -> None:
        """The endpoint answers, takes the key and has the model; a server that lists no models is believed."""
        import aiohttp

        url = f"{self._options.base_url.rstrip('/')}/models"
        try:
            async with asyncio.timeout(self._options.connect_timeout_s), session.get(url) as response:
                if response.status in (401, 403):
                    raise RecipeError(f"{url} refuses the key: HTTP {response.status}", hint=_key_hint(self._options))
                self._version = response.headers.get("Server", "")
                listed = await response.json(content_type=None) if response.status == 200 else {}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise EngineDead(f"no OpenAI-compatible endpoint at {url}: {first_line(error)}") from error
        names = [model["id"] for model in listed.get("data", ())] if isinstance(listed, dict) else []
        if names and self._teacher.model not in names:
            raise RecipeError(
                f"{url} does not serve {self._teacher.model!r}", hint=f"it serves: {', '.join(names[:10])}"
            )

    async def generate(self, request: Request) -> Generation:
        if self._session is None:
            raise EngineDead("the engine openai is not running")
        try:
            with closing_is_death("openai", lambda: self._session is None):
                return await self._with_retries(self._session, request)
        except _PassingError as error:
            kind = EngineDead if error.unreachable else EngineError
            raise kind(f"attempt {request.attempt_id}: {error.message}, {self._options.max_tries} times") from error

    async def _with_retries(self, session: "aiohttp.ClientSession", request: Request) -> Generation:
        # tenacity inspects what it is given at each call, a fifth of what a request costs: only failures meet it.
        try:
            return await self._once(session, request)
        except _PassingError as error:
            failed = [error]

        async def again() -> Generation:
            if failed:
                raise failed.pop()
            return await self._once(session, request)

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_PassingError),
            stop=stop_after_attempt(self._options.max_tries),
            wait=self._wait_s,
            reraise=True,
        )
        return await retrying(again)

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _PassingError) else 0.0
        backoff = wait_random_exponential(multiplier=self._options.first_wait_s, max=self._options.longest_wait_s)
        return min(self._options.longest_wait_s, max(asked, backoff(state)))

    async def _once(self, session: "aiohttp.ClientSession", request: Request) -> Generation:
        import aiohttp

        if session.closed:
            raise EngineDead("the engine openai was closed")
        url = f"{self._options.base_url.rstrip('/')}/chat/completions"
        try:
            async with session.post(url, json=self._body(request)) as response:
                if response.status != 200:
                    raise _refusal(response.status, await response.text(), response.headers, self._options)
                if self._streams(request):
                    return await self._read_stream(response, request)
                answer = json.loads(await response.read())
        except aiohttp.ClientConnectorError as error:
            raise _PassingError(f"cannot reach {url}: {first_line(error)}", unreachable=True) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _PassingError(f"the connection to {url} broke: {first_line(error)}") from error
        generation = self._generation(answer, request)
        self._tokens += generation.completion_tokens
        return generation

    def _streams(self, request: Request) -> bool:
        """What is guarded must be seen as it comes."""
        return self._options.stream or (request.guard is not None and request.guard.loops is not None)

    async def look(self, request: Request) -> Look | None:
        """See :class:`tracegen.protocols.ShowsPrompts`."""
        if self._session is None:
            raise EngineDead("the engine openai is not running")
        return await shown_by(self._session, self._options.base_url, self._body(request))

    def _body(self, request: Request) -> dict[str, object]:
        messages = [message._asdict() for message in request.messages]
        body: dict[str, object] = {
            "model": self._teacher.model,
            "messages": messages,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            self._options.max_tokens_field: request.sampling.max_tokens,
            "seed": request.seed,
        }
        if request.prefill and self._options.prefill_mode == "continue":
            messages.append({"role": "assistant", "content": request.prefill})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        if self._streams(request):
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body | self._options.extra_body

    async def _read_stream(self, response: "aiohttp.ClientResponse", request: Request) -> Generation:
        answer = Streamed(watching(request.guard))
        async with aclosing(_events(response)) as events:
            async for event in events:
                before = answer.seen
                answer.take(event)
                self._tokens += answer.seen - before
                if answer.looped:
                    response.close()  # which the server takes for a cancellation
                    break
        generation = self._generation(answer.whole, request)
        # An event is a token, or a few; the server's count is right.
        self._tokens += max(0, generation.completion_tokens - answer.seen)
        return generation

    def _generation(self, answer: Any, request: Request) -> Generation:
        try:
            choice, usage = answer["choices"][0], answer.get("usage") or {}
            message = choice["message"]
            reason = choice["finish_reason"]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise _PassingError(f"not a chat completion: {json.dumps(answer)[:200]}") from error
        if reason is None:
            raise _PassingError("the server ended the answer early")
        reasoning = message.get("reasoning") or message.get("reasoning_content") or ""
        return Generation(
            text=after_prefill(join_reasoning(reasoning, message.get("content") or ""), request.prefill),
            finish_reason=_FINISH_REASONS.get(reason, FinishReason.ABORT),
            prompt_tokens=usage.get("prompt_tokens") or 0,
            completion_tokens=usage.get("completion_tokens") or 0,
            sampling=request.sampling,
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


_FINISH_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH, FinishReason.LOOPED: FinishReason.LOOPED}


def _api_key(options: OpenAIOptions, environ: Mapping[str, str]) -> str:
    key = environ.get(options.api_key_env or DEFAULT_KEY_ENV, "")
    if options.api_key_env and not key:
        raise MissingDependency(
            f"engine openai: the environment variable {options.api_key_env} is not set",
            hint="set it to the endpoint's key",
        )
    return key


def _key_hint(options: OpenAIOptions) -> str:
    return f"set the key in the environment variable {options.api_key_env or DEFAULT_KEY_ENV}"


def _refusal(status: int, body: str, headers: Mapping[str, str], options: OpenAIOptions) -> TracegenError:
    """The name of an HTTP error: who is at fault, and whether it may pass."""
    said = f"HTTP {status}: {_message(body)}"
    if status in (408, 409, 429) or status >= 500:
        return _PassingError(said, wait_s=_retry_after_s(headers))
    if status in (401, 403):
        return RecipeError(f"{options.base_url} refuses the key: {said}", hint=_key_hint(options))
    return RequestRefused(f"the endpoint refuses the request: {said}")


def _message(body: str) -> str:
    """What the server says is wrong, however it packs it."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body.strip()[:300] or "no message"
    inner = answer.get("error", answer) if isinstance(answer, dict) else answer
    said = inner.get("message") or inner.get("detail") if isinstance(inner, dict) else inner
    return str(said or answer)[:300]


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds of a Retry-After; a date, which hardly any API sends, counts as none."""
    try:
        return max(0.0, float(headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


async def _events(response: "aiohttp.ClientResponse") -> AsyncGenerator[dict[str, Any]]:
    """The JSON of each server-sent event. Raises _PassingError for an error sent in place of a token."""
    async for line in response.content:
        if not line.startswith(b"data:"):
            continue
        payload = line[5:].strip()
        if payload == b"[DONE]":
            return
        event = json.loads(payload)
        if "error" in event:
            raise _PassingError(f"the server failed: {_message(payload.decode())}")
        yield event
