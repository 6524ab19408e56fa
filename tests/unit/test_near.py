"""Near-duplicates: the same problem in other spacing, mark-up or a few other words, and no other problem."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.prompts.near import NearDuplicates, banding, jaccard, shingles
from tracegen.types import AnswerReference, Domain, ProceduralReference, Prompt, Reference, prompt_id

LONG = (
    "A farmer has 24 cows and 36 sheep on his farm near the river. Each cow eats 12 kg of hay every day and each sheep "
    "eats 3 kg of hay every day. How many kilograms of hay does the farmer need in order to feed all of his animals "
    "for one whole week, if none of the animals is sold before the end of that week?"
)


def prompt(text: str, answer: str = "", domain: Domain = Domain.MATH) -> Prompt:
    reference: Reference = AnswerReference(answer=answer or "2772")
    return Prompt(prompt_id(domain, text), domain, text, reference, "s", "1", "MIT")


def found(first: Prompt, second: Prompt, similarity: float = 0.8) -> tuple[int, float] | None:
    pytest.importorskip("rensa")
    near = NearDuplicates(similarity)
    near.remember(first, 7)
    return near.find(second, {7: first}.__getitem__)


@pytest.mark.parametrize(
    "text",
    [
        LONG.upper(),
        LONG.replace(" ", "  ").replace(".", " ."),
        f"12. {LONG}",
        f"Problem 3: {LONG}",
        f"(b) {LONG} (10 points)",
        LONG.replace("24", "$24$").replace("36", r"\(36\)"),
        LONG.replace("near the river", "by the river"),
        LONG.replace("A farmer", "The farmer"),
        LONG.replace("2", "２"),  # full width
    ],
)
def test_the_same_problem_is_found(text: str) -> None:
    twin = found(prompt(LONG), prompt(text))
    assert twin is not None
    assert twin[0] == 7
    assert twin[1] >= 0.8


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (LONG.replace("24", "25"), ""),  # another number, though the answer is said to be the same
        (LONG.replace("one whole week", "one whole month"), "11880"),  # another word, and another answer
        ("How many prime numbers are there between 24 and 36?", ""),
    ],
)
def test_another_problem_is_kept(text: str, answer: str) -> None:
    assert found(prompt(LONG), prompt(text, answer)) is None


def test_operators_tell_problems_apart() -> None:
    text = "Let $x$ and $y$ be the two positive real roots of the equation that was given above. What is $x {} y$?"
    assert found(prompt(text.format("+")), prompt(text.format("-"))) is None
    assert found(prompt(text.format("+")), prompt(text.format("+ "))) is not None


def test_domains_do_not_meet() -> None:
    assert found(prompt(LONG), prompt(LONG, domain=Domain.STEM)) is None


def test_a_chinese_text_goes_by_its_characters() -> None:
    text = "小明有 12 个苹果,他给了小红 5 个,又从商店买了 8 个,请问小明现在一共有多少个苹果?"
    assert found(prompt(text), prompt(text.replace("请问", ""))) is not None
    assert found(prompt(text), prompt(text.replace("12", "15"))) is None


def test_templates_do_not_meet() -> None:
    """A thousand problems of one template cost no comparison with each other."""
    pytest.importorskip("rensa")
    near, asked = NearDuplicates(0.8), []
    kept = [prompt(LONG.replace("24", str(100 + n))) for n in range(1000)]

    def tell(place: int) -> Prompt:
        asked.append(place)
        return kept[place]

    for place, one in enumerate(kept):
        assert near.find(one, tell) is None
        near.remember(one, place)
    assert asked == []


def _word(draw: random.Random) -> str:
    return "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=8))


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_one_for_the_same(one: str, other: str) -> None:
    assert jaccard(shingles(one), shingles(other)) == jaccard(shingles(other), shingles(one))
    assert jaccard(shingles(one), shingles(one)) == 1


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9, 0.95])
def test_pairs_of_the_wanted_similarity_are_proposed(similarity: float) -> None:
    """As its bands promise: at most one in a hundred is missed (a seeded draw of 150 pairs)."""
    pytest.importorskip("rensa")
    draw, missed = random.Random(5), 0
    for number in range(150):
        vocabulary = [_word(draw) for _ in range(200)]
        other = list(vocabulary)
        while jaccard(shingles(" ".join(vocabulary)), shingles(" ".join(other))) > similarity + 0.02:
            other[draw.randrange(200)] = _word(draw)
        one, two = prompt(" ".join(vocabulary)), prompt(" ".join(other))
        near = NearDuplicates(similarity)
        near.remember(one, number)
        missed += (
            near.find(two, {number: one}.__getitem__) is None
            and jaccard(shingles(one.text), shingles(two.text)) >= similarity
        )
    assert missed <= 4


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_make_sure(similarity: float) -> None:
    bands, rows = banding(similarity)
    assert 1 - (1 - similarity**rows) ** bands >= 0.99
    assert similarity < 0.6 or bands <= 12


def test_problems_of_a_generator_are_never_near_duplicates() -> None:
    def grid(row: str, number: int) -> Prompt:
        text = f"Fill the grid so that each row holds every number once, as in all of these puzzles: {row}"
        item = {"question": text, "answer": "1 2", "metadata": {"number": number}}
        reference = ProceduralReference(dataset="mini_sudoku", item=item)
        return Prompt(prompt_id(Domain.LOGIC, text), Domain.LOGIC, text, reference, "s", str(number), "")

    pytest.importorskip("rensa")
    first, second = grid("1 _ 2 _", 1), grid("1 2 _ _", 2)
    near = NearDuplicates(0.8)
    near.remember(first, 0)
    assert near.find(second, lambda _: first) is None
