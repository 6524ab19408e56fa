"""What an OpenAI-compatible server's model reads, from the servers that tell: vLLM and llama.cpp, outside of /v1."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tracegen.protocols import Look

if TYPE_CHECKING:
    import aiohttp

TEMPLATE_FIELDS = ("model", "messages", "add_generation_prompt", "continue_final_message", "chat_template_kwargs")
"""What of a request's body decides the prompt."""


async def shown_by(session: "aiohttp.ClientSession", base_url: str, body: dict[str, object]) -> Look | None:
    """The prompt of a chat completion with this body; None where the server does not tell."""
    import aiohttp

    root = urlsplit(base_url)._replace(path=urlsplit(base_url).path.rstrip("/").removesuffix("/v1")).geturl()
    chat = {name: body[name] for name in TEMPLATE_FIELDS if name in body}
    try:
        return await _vllm(session, root, chat) or await _llama_cpp(session, root, chat)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


async def _vllm(session: "aiohttp.ClientSession", root: str, chat: dict[str, object]) -> Look | None:
    """``/tokenize`` reads a chat as ``/v1/chat/completions`` does (docs.vllm.ai, "Tokenizer API")."""
    ids = _ids(await _post(session, f"{root}/tokenize", chat))
    if not ids:
        return None
    text = (await _post(session, f"{root}/detokenize", {"model": chat["model"], "tokens": ids})).get("prompt")
    return Look(text, ids) if isinstance(text, str) else None


async def _llama_cpp(session: "aiohttp.ClientSession", root: str, chat: dict[str, object]) -> Look | None:
    """``/apply-template``, and ``/tokenize`` of its text as a completion would read it (llama.cpp, server README)."""
    text = (await _post(session, f"{root}/apply-template", chat)).get("prompt")
    if not isinstance(text, str):
        return None
    asked: dict[str, object] = {"content": text, "add_special": True, "parse_special": True}
    return Look(text, _ids(await _post(session, f"{root}/tokenize", asked)))


def _ids(answer: dict[str, Any]) -> tuple[int, ...]:
    ids = answer.get("tokens")
    return tuple(ids) if isinstance(ids, list) and all(isinstance(one, int) for one in ids) else ()


async def _post(session: "aiohttp.ClientSession", url: str, body: dict[str, object]) -> dict[str, Any]:
    """The answer's object; an empty one where the server has no such thing."""
    async with session.post(url, json=body) as response:
        answer = await response.json(content_type=None) if response.status == 200 else {}
    return answer if isinstance(answer, dict) else {}
