import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.extract import Rejection, last_boxed, response, split, trim
from tracegen.types import FinishReason, Trace

STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH


@pytest.mark.parametrize(
    ("text", "prefill", "expected"),
    [
        ("<think>\na\n</think>\n\nb", "", Trace("a", "b")),
        ("a\n</think>\n\nb", "<think>\n", Trace("a", "b")),
        ("a</think>b", "", Trace("a", "b")),
        ("\n <think>a</think>b", "", Trace("a", "b")),
        ("<think>\n\n  indented\n\nmore \n\n</think>\n\n\n b\n", "", Trace("  indented\n\nmore", " b")),
        ("<think>\r\na\r\n</think>\r\n\r\nb", "", Trace("a", "b")),
    ],
)
def test_split(text: str, prefill: str, expected: Trace) -> None:
    assert split(text, prefill) == expected


@pytest.mark.parametrize(
    ("text", "prefill", "finish", "reason"),
    [
        ("<think>a", "", LENGTH, "truncated"),
        ("<think>a</think>\n", "", LENGTH, "truncated"),
        ("", "<think>\n", LENGTH, "truncated"),
        ("<think>a", "", STOP, "no_think_close"),
        ("just text", "", STOP, "no_think_close"),
        ("", "", STOP, "no_think_close"),
        ("<think>a</think>b</think>c", "", STOP, "doubled_think"),
        ("<think>a<think>b</think>c", "", STOP, "doubled_think"),
        ("<think>a</think>c", "<think>\n", STOP, "doubled_think"),
        ("a</think>b<think>c", "", STOP, "doubled_think"),
        ("Sure! <think>a</think>b", "", STOP, "text_before_think"),
        ("<think> \n </think>b", "", STOP, "empty_reasoning"),
        ("</think>b", "", STOP, "empty_reasoning"),
        ("<think>a</think> \n", "", STOP, "empty_answer"),
    ],
)
def test_rejections(text: str, prefill: str, finish: FinishReason, reason: str) -> None:
    found = split(text, prefill, finish)
    assert isinstance(found, Rejection)
    assert found.reason == reason


def test_response_is_stored_character_by_character() -> None:
    assert response(Trace("a", "b")) == "<think>\na\n</think>\n\nb"


plain = st.text().map(trim).filter(lambda text: text and "<think>" not in text and "</think>" not in text)


@given(plain, plain)
def test_what_is_stored_is_read_back(reasoning: str, answer: str) -> None:
    trace = Trace(reasoning, answer)
    assert split(response(trace)) == trace


@given(st.text(alphabet="<think>/ \n\ta"), st.sampled_from(["", "<think>\n"]), st.sampled_from([STOP, LENGTH]))
def test_a_trace_survives_the_corpus(text: str, prefill: str, finish: FinishReason) -> None:
    found = split(text, prefill, finish)
    if isinstance(found, Trace):
        assert split(response(found)) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"first \boxed{1}, no: \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"cut off \boxed{12", None),
        (r"\boxed{1} cut off \boxed{2", "1"),
        (r"\fbox{7}", "7"),
        (r"\boxed {7}", "7"),
        (r"\boxed{}", ""),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\left\{1\right.}", r"\left\{1\right."),
        (r"\boxed{a\\{b}}", r"a\\{b}"),
        (r"\boxed{a\}", None),
        (r"\boxed{\boxed{3}}", r"\boxed{3}"),
        (r"\boxed{1 \boxed{2} 3}", r"1 \boxed{2} 3"),
        (r"{ \boxed{1}", "1"),
        (r"} \boxed{1} }", "1"),
        (r"\boxed 5", None),
        ("no box", None),
        ("", None),
        ("\\", None),
    ],
)
def test_last_boxed(text: str, expected: str | None) -> None:
    assert last_boxed(text) == expected


@pytest.mark.parametrize(
    "text",
    ["\\boxed{" * 30_000, "$" * 200_000, "{" * 200_000, "\\boxed{" * 30_000 + "}" * 30_000, "\\boxed" + " " * 200_000],
    ids=["boxes", "dollars", "braces", "nested", "spaces"],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    begun = time.process_time()
    last_boxed(text)
    split(text)
    assert time.process_time() - begun < 1.0
