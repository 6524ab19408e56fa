import pytest

from tests.unit.filters.asked import found

LEADS = [
    ("the same box", r"So we get \boxed{12}.", r"\boxed{12}"),
    ("no box in the reasoning", "So 3 times 4 is 12.", r"\boxed{12}"),
    ("said as the answer", "Therefore the answer is 12.", r"\boxed{12}"),
    ("another spelling of a fraction", r"So x = \boxed{\frac{1}{2}}", r"\boxed{\dfrac12}"),
    ("a fraction as a decimal", "So the probability is 1/2.", r"\boxed{0.5}"),
    ("a decimal as a fraction", "So the answer is 0.75.", r"\boxed{\frac{3}{4}}"),
    ("a percentage", r"So the answer is 50\%.", r"\boxed{0.5}"),
    ("a share as a percentage", "the answer is 0.35", r"\boxed{35\%}"),
    ("thousands", "So the total is 1,234,567 dollars.", r"\boxed{1234567}"),
    ("thousands in LaTeX", r"So the total is 1{,}234{,}567.", r"\boxed{1,\!234,\!567}"),
    ("a unit in the box", "So the answer is 12.", r"\boxed{12\text{ cm}}"),
    ("a variable in the box", r"Hence \boxed{5}.", r"\boxed{x = 5}"),
    ("a number in words", "There are twelve months in a year, so the answer is twelve.", r"\boxed{12}"),
    ("a number in Chinese words", "所以一共有三种可能。", r"\boxed{3}"),
    ("corrected after the box", r"So \boxed{10}. Wait, I forgot the two at the end. That makes 12.", r"\boxed{12}"),
    ("corrected after the conclusion", "The answer is 10. Wait, I forgot two. That makes 12.", r"\boxed{12}"),
    ("boxed twice, the last counts", r"\boxed{10}? No, \boxed{12}.", r"\boxed{12}"),
    ("a conclusion that is a calculation", "The answer is 3 times 4, which is 12.", r"\boxed{12}"),
    ("a conclusion without a value", "The answer is obtained by adding 5 and 7, which gives 12.", r"\boxed{12}"),
    ("what the answer is not", "The answer is not 10, since 10 is even. It must be 15.", r"\boxed{15}"),
    ("a pair in another order", r"So y = 2 and x = 1.", r"\boxed{(1, 2)}"),
    ("a set", "The roots are 1, 2 and 3.", r"\boxed{\{1, 2, 3\}}"),
    ("an expression", r"So the area is $\pi r^2 + 2$.", r"\boxed{2+\pi r^2}"),
    ("a root", r"which is $2\sqrt{3}$", r"\boxed{2\sqrt{3}}"),
    ("a root as a word", "which is 2 times the square root of 3, so 2√3", r"\boxed{2\sqrt{3}}"),
    ("an option", "So the answer is (B).", r"\boxed{B}"),
    ("an option, its value in the box before", r"That is option A, so \boxed{-2/3}.", r"\boxed{A}"),
    ("a value, its option in the box before", r"That is -2/3, so \boxed{\text{A}}.", r"\boxed{-\frac{2}{3}}"),
    ("an option with its text", "So option B, 42, it is.", r"\boxed{\text{(B) } 42}"),
    ("a day", "Seven days later it is Tuesday again.", r"\boxed{\text{Tuesday}}"),
    ("a negative number", "So x = −5.", r"\boxed{-5}"),
    ("a leading point", "So p = .25", r"\boxed{.25}"),
    ("a degree", "So the angle is 60 degrees.", r"\boxed{60^\circ}"),
    ("money", "She makes $18 a day.", r"\boxed{\$18}"),
    ("a mixed number", "That is 7/2, or 3 and 1/2.", r"\boxed{3\frac{1}{2}}"),
    ("no box in the answer", "So 12.", "The answer is 14."),
    ("an empty box", "So 12.", r"\boxed{}"),
    ("a proof", "Hence n is even.", "Therefore, n is even. ∎"),
    ("a long number", "So it is " + "123456789" * 6 + ".", r"\boxed{" + "123456789" * 6 + "}"),
    ("an interval", r"so x lies between -1 and 3, the endpoint 3 included", r"\boxed{(-1, 3]}"),
    ("yes", "So yes, it is.", r"\boxed{\text{Yes}}"),
    ("infinity", r"So it diverges to $\infty$.", r"\boxed{\infty}"),
    (
        "far from the end",
        "First, 3 times 4 is 12.\n" + "Let me verify this by other means, with care.\n" * 80,
        r"\boxed{12}",
    ),
    ("chosen by letter after a talk of others", "A is wrong. The answer is C because A has no root.", r"\boxed{C}"),
]

ASTRAY = [
    ("another box", r"So we get \boxed{12}.", r"\boxed{14}"),
    ("another box, with words", r"Thus \boxed{12}. I am confident in this.", r"\boxed{14}"),
    ("the value only before the last box", r"First 14 pairs, then two are taken away: \boxed{12}.", r"\boxed{14}"),
    ("another conclusion", "Therefore the answer is 12.", r"\boxed{14}"),
    ("the value only before the conclusion", "There are 14 pairs. Two fall out, so the answer is 12.", r"\boxed{14}"),
    ("a conclusion in Chinese", "共有14对，去掉两对。所以答案是12。", r"\boxed{14}"),
    ("never said", "Let me add 3 and 4, which is 7.", r"\boxed{15}"),
    ("never said, with many numbers", "1 + 2 = 3, 3 + 4 = 7, 7 + 8 = 15, 15 + 16 = 31.", r"\boxed{63}"),
    ("another fraction", r"So x = \boxed{\frac{1}{2}}", r"\boxed{\frac{1}{7}}"),
    ("a fraction turned over", r"So the answer is \frac{3}{8}.", r"\boxed{\frac{11}{8}}"),
    ("another decimal", "So the answer is 0.25.", r"\boxed{0.35}"),
    ("another option", "So the answer is (B).", r"\boxed{C}"),
    ("another option, both discussed", "C is tempting, but has the wrong sign. The answer is B.", r"\boxed{C}"),
    ("another option in boxes", r"so \boxed{A}", r"\boxed{B}"),
    ("another day", "So it is Tuesday.", r"\boxed{\text{Friday}}"),
    ("another pair", r"so (x, y) = \boxed{(1, 2)}", r"\boxed{(1, 5)}"),
    ("one root too many", "The roots are 1 and 2.", r"\boxed{1, 2, 9}"),
    ("another power", "so 2^10 = 1024", r"\boxed{2048}"),
    ("off by a digit", "so the total is 1,234,567", r"\boxed{1234568}"),
    ("gave up, then guessed", "I cannot find a way to do this. I will guess.", r"\boxed{17}"),
    ("final answer with a colon", "Final answer: 8", r"\boxed{9}"),
    ("must be", "so the answer must be 30", r"\boxed{36}"),
    ("a yes that was a no", "So the answer has to be no.", r"\boxed{\text{Yes}}"),
    ("a symbol that was not said", "so it converges to 2", r"\boxed{\infty}"),
]


@pytest.mark.parametrize(("reasoning", "answer"), [case[1:] for case in LEADS], ids=[case[0] for case in LEADS])
def test_reasoning_that_leads_to_the_box(reasoning: str, answer: str) -> None:
    assert found("conclusion", reasoning, answer) == ""


@pytest.mark.parametrize(("reasoning", "answer"), [case[1:] for case in ASTRAY], ids=[case[0] for case in ASTRAY])
def test_reasoning_that_does_not_lead_to_the_box(reasoning: str, answer: str) -> None:
    assert found("conclusion", reasoning, answer)


def test_it_says_what_differs() -> None:
    assert found("conclusion", r"So \boxed{12}.", r"\boxed{14}") == (
        "the answer's box has '14', the reasoning ended with '12'"
    )
    assert found("conclusion", "So.", r"\boxed{14}") == "the answer's box has '14', which the reasoning never says"
