"""How a response that is begun for the teacher (the prefill) meets a chat template and a server's answer. Pure."""

from tracegen.extract import OPEN


def begin_response(rendered: str, prefill: str) -> str:
    """The rendered chat, continued by the prefill; what a template has begun of it is not said twice.

    R1's template ends with ``<think>\\n``; asking for that prefill, or for one that closes the thinking at once, must not
    add a second one.
    """
    for begun in (prefill, f"{OPEN}\n", OPEN):
        if begun and prefill.startswith(begun) and rendered.endswith(begun):
            return rendered + prefill.removeprefix(begun)
    return rendered + prefill


def join_reasoning(reasoning: str, content: str) -> str:
    """The text that a server's reasoning parser took apart, in the form in which R1 writes it.

    Without content the closing tag is left out: the server did not say that the reasoning had ended.
    """
    if not reasoning:
        return content
    opened = f"<think>\n{reasoning.strip(chr(10))}"
    return f"{opened}\n</think>\n\n{content.lstrip(chr(10))}" if content else opened


def after_prefill(text: str, prefill: str) -> str:
    """A text without the prefill that it may repeat."""
    return text.removeprefix(prefill) if prefill else text
