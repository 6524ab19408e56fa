import pytest

from tracegen.engines.chat import after_prefill, begin_response, join_reasoning


@pytest.mark.parametrize(
    ("rendered", "prefill", "expected"),
    [
        ("<|User|>q<|Assistant|>", "<think>\n", "<|User|>q<|Assistant|><think>\n"),
        ("<|User|>q<|Assistant|><think>\n", "<think>\n", "<|User|>q<|Assistant|><think>\n"),
        ("<|User|>q<|Assistant|>", "", "<|User|>q<|Assistant|>"),
        ("<|Assistant|>", "<think>\n\n</think>\n\n", "<|Assistant|><think>\n\n</think>\n\n"),
        ("<|Assistant|><think>\n", "<think>\n\n</think>\n\n", "<|Assistant|><think>\n\n</think>\n\n"),
        ("<|Assistant|><think>", "<think>\n", "<|Assistant|><think>\n"),
    ],
)
def test_begin_response(rendered: str, prefill: str, expected: str) -> None:
    assert begin_response(rendered, prefill) == expected


@pytest.mark.parametrize(
    ("reasoning", "content", "expected"),
    [
        ("", "just this", "just this"),
        ("so", "2", "<think>\nso\n</think>\n\n2"),
        ("\nso\n", "\n\n2\n", "<think>\nso\n</think>\n\n2\n"),
        ("so then", "", "<think>\nso then"),
    ],
)
def test_join_reasoning(reasoning: str, content: str, expected: str) -> None:
    assert join_reasoning(reasoning, content) == expected


def test_after_prefill() -> None:
    assert after_prefill("<think>\nso", "<think>\n") == "so"
    assert after_prefill("so", "<think>\n") == "so"
    assert after_prefill("so", "") == "so"
