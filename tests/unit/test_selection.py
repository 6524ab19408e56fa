"""Strategies choose among one prompt's traces; quotas go by precedence."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.selection import (
    EVERYTHING,
    STRATEGIES,
    Candidate,
    admitted,
    grams,
    precedence,
    similarity,
    threshold,
)
from tracegen.types import Attempt

PROMPT = "a" * 32
TEXTS = ("one way to add these numbers", "one way to add those numbers", "multiply first and then divide", "")


def candidates(*tokens: int, texts: tuple[str, ...] = ()) -> list[Candidate]:
    texts = texts or ("",) * len(tokens)
    return [Candidate(Attempt(PROMPT, n), *pair) for n, pair in enumerate(zip(tokens, texts, strict=True))]


def chosen(name: str, of: list[Candidate], number: int, seed: int = 0) -> list[int]:
    return [one.attempt.index for one in STRATEGIES[name](of, number, seed)]


@pytest.mark.parametrize("name", STRATEGIES)
@given(
    tokens=st.lists(st.integers(1, 5), max_size=6), words=st.data(), number=st.integers(0, 7), seed=st.integers(0, 3)
)
def test_a_strategy_takes_as_many_as_there_are_whatever_their_order(
    name: str, tokens: list[int], words: st.DataObject, number: int, seed: int
) -> None:
    texts = tuple(words.draw(st.lists(st.text("ab 中文é\n", max_size=12), min_size=len(tokens), max_size=len(tokens))))
    of = candidates(*tokens, texts=texts)
    found = chosen(name, of, number, seed)
    assert len(found) == len(set(found)) == min(number, len(of))
    shuffled = random.Random(seed).sample(of, len(of))
    assert chosen(name, shuffled, number, seed) == found
    assert chosen(name, of, number + 1, seed)[:number] == found, "one more place leaves those before it alone"


def test_first_goes_by_index() -> None:
    assert chosen("first", candidates(9, 5, 7)[::-1], 2) == [0, 1]


def test_shortest_goes_by_tokens_and_then_by_index() -> None:
    assert chosen("shortest", candidates(9, 5, 7, 5), 3) == [1, 3, 2]


def test_random_is_seeded_and_even() -> None:
    of = candidates(*range(1, 5))
    assert chosen("random", of, 4, seed=1) == chosen("random", of, 4, seed=1)
    firsts = Counter(chosen("random", of, 1, seed)[0] for seed in range(400))
    assert min(firsts[index] for index in range(4)) > 60


def test_diverse_takes_what_is_least_like_those_taken() -> None:
    assert chosen("diverse", candidates(1, 1, 1, texts=TEXTS[:3]), 2) == [0, 2]
    assert chosen("diverse", candidates(1, 1, 1, texts=TEXTS[:3]), 3) == [0, 2, 1]
    alike = candidates(1, 1, 1, texts=("the same words again",) * 3)
    assert chosen("diverse", alike, 2) == [0, 1], "of identical ones the lower index"


def test_diverse_minds_the_one_that_a_trace_resembles_most() -> None:
    texts = ("a b c d e f", "u v w x y z", "a b c d u v w x", "a b c d e g")
    # The third is half like each of the first two, the fourth nearly the first.
    assert chosen("diverse", candidates(1, 1, 1, 1, texts=texts), 3) == [0, 1, 2]


def test_grams_are_words_of_any_script() -> None:
    assert grams("One, two three") == {("one", "two", "three")}
    assert grams("因此我们") == {("因", "此", "我"), ("此", "我", "们")}
    assert grams("É short") == {("é", "short")}
    assert grams(" … ") == {()}
    assert similarity(grams(""), grams("")) == 1.0
    assert similarity(grams("a b c d"), grams("b c d e")) == pytest.approx(1 / 3)


def test_a_threshold_admits_exactly_its_quota() -> None:
    ranks = [precedence(f"{n:032x}", n % 3, 7) for n in range(300)]
    last = threshold(ranks, 120)
    assert sum(rank <= last for rank in ranks) == 120
    assert all(rank >> 56 <= 1 for rank in ranks if rank <= last)
    assert all(rank <= threshold(ranks, 301) for rank in ranks)
    assert not any(rank <= threshold(ranks, 0) for rank in ranks)


def test_a_quota_takes_a_prompts_first_places() -> None:
    ranks = [precedence(PROMPT, place, 1) for place in range(4)]
    assert ranks == sorted(ranks)
    assert [admitted(PROMPT, 4, rank, 1) for rank in ranks] == [1, 2, 3, 4]
    assert admitted(PROMPT, 4, -1, 1) == 0
    assert admitted(PROMPT, 4, EVERYTHING, 1) == 4
