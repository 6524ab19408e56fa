"""An OpenAI-compatible server whose teacher is the simulated engine, and whose failures are data."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from tracegen.engines.simulated import SimulatedEngine, SimulatedOptions
from tracegen.errors import RequestRefused
from tracegen.recipe import Teacher
from tracegen.types import FinishReason, Generation, Message, Request, Sampling

DROP = 0
"""In place of a status: the connection is closed without an answer."""


@dataclass
class OpenAIDouble:
    """``failures`` are the statuses of the first answers, in order; after them every request succeeds."""

    options: SimulatedOptions = field(default_factory=lambda: SimulatedOptions(instant=True))
    slots: int = 8
    models: Sequence[str] = ("double",)
    failures: list[int] = field(default_factory=list)
    retry_after: str = ""
    error: object = field(default_factory=lambda: {"error": {"message": "injected"}})
    reasoning_field: str = ""
    """Answer as a server with a reasoning parser does, in this field."""
    key: str = ""
    fixed_seed: int | None = None
    """A lie: this seed in place of each request's own. So are the following four."""
    temperature: float | None = None
    clip: int | None = None
    drops_reasoning: bool = False
    """All up to the closing think tag, as a server whose reasoning parser throws it away."""
    unprimed: bool = False
    """The prefill is not put to the teacher, which answers without thinking."""
    lies_after: int = 0
    """So many requests are answered truly first."""
    template: str = ""
    """How ``/tokenize`` tells the prompt, with {user} and {prefill}; without one there is no such thing."""
    script: Callable[[str], str] | None = None
    """In place of the simulated teacher: from what the user says last to the answer."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    active: int = 0
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["OpenAIDouble"]:
        self._pieces: list[str] = []
        self._engine = SimulatedEngine(Teacher(engine="simulated", model="double"), self.options, self.slots)
        await self._engine.start()
        app = web.Application()
        if self.template:
            app.add_routes([web.post("/tokenize", self._tokenize), web.post("/detokenize", self._detokenize)])
        app.add_routes([web.get("/v1/models", self._list), web.post("/v1/chat/completions", self._complete)])
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()
            await self._engine.close()

    @contextmanager
    def in_a_thread(self) -> Iterator["OpenAIDouble"]:
        """For tests whose own thread is taken, by a run or by a command."""
        loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

        async def serve() -> None:
            async with self.serving():
                ready.set()
                await over.wait()

        thread = threading.Thread(target=lambda: (loop.run_until_complete(serve()), loop.close()))
        thread.start()
        ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join()

    async def _generation(self, request: Request) -> Generation:
        if self.script is None:
            return await self._engine.generate(self._misread(request) if self._lies else request)
        said = request.messages[-1].content
        text = self.script(said)
        return Generation(text, FinishReason.STOP, len(said.split()), len(text.split()), request.sampling)

    @property
    def _lies(self) -> bool:
        return len(self.requests) > self.lies_after

    def _misread(self, request: Request) -> Request:
        sampling = request.sampling
        changed = {
            "temperature": sampling.temperature if self.temperature is None else self.temperature,
            "max_tokens": sampling.max_tokens if self.clip is None else min(self.clip, sampling.max_tokens),
        }
        seed = request.seed if self.fixed_seed is None else self.fixed_seed
        return replace(request, sampling=sampling.model_copy(update=changed), seed=seed)

    def _heard(self, generation: Generation) -> Generation:
        """What is left of the teacher's text."""
        text, tokens = generation.text, generation.completion_tokens
        if not self._lies or not (self.drops_reasoning or self.unprimed):
            return generation
        thought, closed, said = text.partition("</think>")
        if self.unprimed:
            said = said if closed else thought.removeprefix("<think>")
            tokens = max(1, min(tokens, len(said) // 3))
        return replace(generation, text=said, completion_tokens=tokens)

    async def _tokenize(self, request: web.Request) -> web.Response:
        """One id for each piece of the template and of what is put into it."""
        body = await request.json()
        said = [message["content"] for message in body["messages"]]
        prefill = said.pop() if body.get("continue_final_message") else ""
        pieces = re.findall(r"<[^>]*>|[^<]+", self.template.format(user=said[-1], prefill=prefill))
        self._pieces = list(dict.fromkeys([*self._pieces, *pieces]))
        return web.json_response({"tokens": [self._pieces.index(piece) for piece in pieces]})

    async def _detokenize(self, request: web.Request) -> web.Response:
        ids = (await request.json())["tokens"]
        return web.json_response({"prompt": "".join(self._pieces[one] for one in ids)})

    def _refused(self, request: web.Request) -> bool:
        return bool(self.key) and request.headers.get("Authorization") != f"Bearer {self.key}"

    async def _list(self, request: web.Request) -> web.Response:
        if self._refused(request):
            return web.json_response({"error": {"message": "no such key"}}, status=401)
        return web.json_response({"object": "list", "data": [{"id": model} for model in self.models]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if self._refused(request):
            return web.json_response({"error": {"message": "no such key"}}, status=401)
        if self.failures:
            return self._fail(request, self.failures.pop(0))
        self.active += 1
        try:
            generation = self._heard(await self._generation(_request(body)))
        except RequestRefused as error:
            return web.json_response({"error": {"message": error.message}}, status=400)
        finally:
            self.active -= 1
        if body.get("stream"):
            return await self._stream(request, generation)
        choice = {"index": 0, "message": self._message(generation.text), "finish_reason": generation.finish_reason}
        return web.json_response({"object": "chat.completion", "choices": [choice], "usage": _usage(generation)})

    def _fail(self, request: web.Request, status: int) -> web.Response:
        if status == DROP:
            assert request.transport is not None
            request.transport.abort()
            raise asyncio.CancelledError
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return web.json_response(self.error, status=status, headers=headers)

    def _message(self, text: str) -> dict[str, object]:
        if not self.reasoning_field:
            return {"role": "assistant", "content": text}
        reasoning, closed, content = text.removeprefix("<think>\n").partition("\n</think>\n\n")
        return {"role": "assistant", self.reasoning_field: reasoning, "content": content if closed else None}

    async def _stream(self, request: web.Request, generation: Generation) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for name, value in self._message(generation.text).items():
            for start in range(0, len(str(value or "")), 40):
                delta = {name: str(value)[start : start + 40]}
                await _send(response, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        await _send(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": generation.finish_reason}]})
        await _send(response, {"choices": [], "usage": _usage(generation)})
        await response.write(b"data: [DONE]\n\n")
        return response


async def _send(response: web.StreamResponse, event: object) -> None:
    await response.write(f"data: {json.dumps(event)}\n\n".encode())


def _usage(generation: Generation) -> dict[str, int]:
    return {"prompt_tokens": generation.prompt_tokens, "completion_tokens": generation.completion_tokens}


def _request(body: dict[str, Any]) -> Request:
    messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
    prefill = ""
    if body.get("continue_final_message"):
        prefill, messages = messages[-1].content, messages[:-1]
    return Request(
        attempt_id="0" * 32 + ".0000",
        messages=messages,
        prefill=prefill,
        sampling=Sampling(temperature=body["temperature"], top_p=body["top_p"], max_tokens=body["max_tokens"]),
        seed=body["seed"],
    )
