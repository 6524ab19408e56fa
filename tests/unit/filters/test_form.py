import pytest

from tests.unit.filters.asked import found
from tracegen.filter_options import LongParagraphs, ThinReasoning
from tracegen.types import FinishReason

SENTENCE = "So the sum of the first n odd numbers is n squared, as the picture shows. "
CHINESE = "因此前 n 个奇数的和等于 n 的平方，这一点从图中可以看出来。"
LATEX = r"\frac{a_{1}+a_{2}}{2} \cdot \sqrt{x^2 + y^2} + "

LONG_PARAGRAPHS = [
    ("a wall of text", SENTENCE * 60, True),
    ("a wall in Chinese", CHINESE * 60, True),
    ("a wall after a good start", "First, set x = 1.\n\nThen:\n" + SENTENCE * 60, True),
    ("a wall in the middle", f"Start.\n\n{SENTENCE * 60}\n\nDone.", True),
    ("one formula that fills pages", f"$${LATEX * 120}0$$", True),
    ("a list without line breaks", ", ".join(str(n) for n in range(1000)), True),
    ("an unbroken string of digits", "The period is " + "142857" * 700, True),
    ("a wall of emoji", "🤔" * 1001, True),
    ("Cyrillic counts two bytes a letter", "Итак, сумма равна. " * 130, True),
    ("just over the limit", "x" * 4001, True),
    ("just at the limit", "x" * 4000, False),
    ("a long proof in short paragraphs", "\n\n".join([SENTENCE * 3] * 80), False),
    ("a long list, a line an item", "\n".join(f"{n}. {SENTENCE}" for n in range(200)), False),
    ("a long table", "\n".join(f"| {n} | {n * n} | {n**3} |" for n in range(400)), False),
    ("a long calculation by lines", "\n".join(f"f({n}) = {n} * {n - 1} = {n * (n - 1)}" for n in range(500)), False),
    ("a page without a break is still read", SENTENCE * 40, False),
    ("a page of Chinese", CHINESE * 40, False),
    ("Windows line ends", "\r\n".join([SENTENCE * 3] * 80), False),
    ("a formula over lines", "\\begin{align}\n" + (LATEX + r"\\" + "\n") * 100 + "\\end{align}", False),
    ("one line", "2 + 2 = 4.", False),
    ("1,300 Chinese characters", "数" * 1300, False),
    ("nothing but breaks", "a" + "\n" * 5000 + "b", False),
]


@pytest.mark.parametrize(
    ("reasoning", "bad"), [case[1:] for case in LONG_PARAGRAPHS], ids=[c[0] for c in LONG_PARAGRAPHS]
)
def test_long_paragraphs(reasoning: str, bad: bool) -> None:
    assert bool(found("long_paragraphs", reasoning)) is bad


def test_the_length_of_a_paragraph_is_the_recipes() -> None:
    assert found("long_paragraphs", SENTENCE, options=LongParagraphs(max_bytes=50)) == (
        "a paragraph of 74 bytes: 'So the sum of the first n odd numbers is n squared, as the p…'"
    )


def test_only_the_reasoning_has_paragraphs_that_count() -> None:
    assert found("long_paragraphs", "Short.", SENTENCE * 60) == ""


CODE_BLOCKS = [
    ("Python", "Let me simulate.\n```python\nfor i in range(10):\n    print(i)\n```\nSo it is 9.", True),
    ("no language", "Try:\n\n```\nx = 1\n```\n", True),
    ("tildes", "~~~\nx = 1\n~~~", True),
    ("four backticks", "````md\ntext\n````", True),
    ("indented in a list", "1. First:\n   ```cpp\n   int n;\n   ```", True),
    ("as an item", "- ```js\n  x()\n  ```", True),
    ("quoted", "> ```\n> x\n> ```", True),
    ("never closed", "Code:\n```python\nprint(1)", True),
    ("a space before the language", "``` python\nx\n```", True),
    ("in Chinese", "我们写一段代码验证：\n```python\nprint(sum(range(10)))\n```", True),
    ("with an attribute", "```{.python .numberLines}\nx\n```", True),
    ("LaTeX in a fence", "```latex\n\\frac{1}{2}\n```", True),
    ("names in backticks", "Call `range(n)` and then `sum`; that is O(n).", False),
    ("double backticks", "The literal ``a`b`` is odd.", False),
    ("a fence within a line", "Markdown opens code with ``` and closes it with ``` again.", False),
    ("indented steps", "Step 1:\n    x = 3\n    y = 4\nso x + y = 7", False),
    ("pseudocode in prose", "for each i from 1 to n: add i to the sum. Then divide by n.", False),
    ("LaTeX", r"\[ \sum_{i=1}^n i = \frac{n(n+1)}{2} \]", False),
    ("a rule of tildes", "a ~~~ b means roughly the same", False),
    ("approximately", "x ~ y, and y ~~ z", False),
    ("a table", "| a | b |\n|---|---|\n| 1 | 2 |", False),
    ("program words without a fence", "def f(x): return x * x would do; then print(f(3)) gives 9.", False),
    ("primes", "f'''(x) = 0 and f''(x) = 2", False),
]


@pytest.mark.parametrize(("reasoning", "bad"), [case[1:] for case in CODE_BLOCKS], ids=[c[0] for c in CODE_BLOCKS])
def test_code_blocks(reasoning: str, bad: bool) -> None:
    assert bool(found("code_blocks", reasoning)) is bad


def test_an_answer_may_have_code() -> None:
    assert found("code_blocks", "I will write a loop.", "```python\nprint(1)\n```") == ""


MARKERS = [
    ("ChatML", "So 4.<|im_end|>\n<|im_start|>user", "4", True),
    ("end of text", "So 4.", "4<|endoftext|>", True),
    ("DeepSeek's user", "So 4.<｜User｜>And 3 + 3?", "4", True),
    ("DeepSeek's end", "So 4.", "4<｜end▁of▁sentence｜>", True),
    ("Llama 3", "So 4.", "4<|eot_id|><|start_header_id|>user", True),
    ("Llama 2", "[INST] What is 2 + 2? [/INST] So 4.", "4", True),
    ("Llama 2 system", "<<SYS>> You are helpful <</SYS>> So 4.", "4", True),
    ("Gemma", "So 4.<end_of_turn>", "4", True),
    ("OpenThoughts", "<|begin_of_thought|> So 4. <|end_of_thought|>", "4", True),
    ("tool call", "<｜tool▁calls▁begin｜>calc", "4", True),
    ("think tag in capitals", "So 4.</THINK>", "4", True),
    ("think tag with spaces", "So 4.< /think >", "4", True),
    ("thinking tag", "<thinking>So 4.</thinking>", "4", True),
    ("thought tag in the answer", "So 4.", "<thought>Is it?</thought> 4", True),
    ("self-closing", "<think/> So 4.", "4", True),
    ("inequalities", "If x<1 and y>2 then |x|<|y|, so 1<|y|>0.", "4", False),
    ("bra and ket", "<ψ|H|ψ> is real, and <a|b> = <b|a>*.", "4", False),
    ("HTML", "Use <b>bold</b> and <s>strike</s> tags.", "<div>4</div>", False),
    ("generics", "A vector<pair<int,int>> holds edges; list[INT] too.", "4", False),
    ("intervals", "x in [0,1] or [INST, 3]; f: [a,b] -> R", "4", False),
    ("the word alone", "I think the user and the assistant both say end of text.", "4", False),
    ("shifts", "1<<3 is 8 and a<<b>>c is odd", "4", False),
    ("absolute values", "|user - system| < |end|", "4", False),
]


@pytest.mark.parametrize(("reasoning", "answer", "bad"), [case[1:] for case in MARKERS], ids=[c[0] for c in MARKERS])
def test_chat_markers(reasoning: str, answer: str, bad: bool) -> None:
    assert bool(found("chat_markers", reasoning, answer)) is bad


THIN = [
    ("one word", "Okay.", True),
    ("a promise", "Let me think about this step by step.", True),
    ("a promise in Chinese", "让我想一想。", True),
    ("dots", "...", True),
    ("a formula alone", "2 + 2 = 4", True),
    ("only symbols", "∴ ∎ → ⇒", True),
    ("a marker", "[no reasoning]", True),
    ("the answer again", "The answer is 12.", True),
    ("nine words", "one two three four five six seven eight nine", True),
    ("Hangul", "생각해 보겠습니다.", True),
    ("Cyrillic", "Хорошо, подумаю.", True),
    ("a rule", "-" * 500, True),
    ("ten words", "one two three four five six seven eight nine ten", False),
    ("one sentence of reasoning", "Half of 24 is 12, so she has 12 apples left.", False),
    ("a calculation", "3*4 = 12, 12*5 = 60, 60+7 = 67, 67-2 = 65", False),
    ("a sentence of Chinese", "因为二十四的一半是十二，所以还剩十二个苹果。", False),
    ("Japanese", "24の半分は12なので、残りは12個です。", False),
    ("Russian", "Половина от 24 это 12, значит у неё осталось 12 яблок.", False),
    ("self-correction", "Hmm, 7 times 8 is 54. Wait, no: 7 times 8 is 56.", False),
    ("lines", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj", False),
    ("Chinese with letters", "设 x=3，则 y=3x=9，于是 x+y=12。", False),
    ("LaTeX alone", r"\frac{1}{2} + \frac{1}{3} = \frac{5}{6}", True),
]


@pytest.mark.parametrize(("reasoning", "bad"), [case[1:] for case in THIN], ids=[c[0] for c in THIN])
def test_thin_reasoning(reasoning: str, bad: bool) -> None:
    assert bool(found("thin_reasoning", reasoning)) is bad


def test_how_thin_is_the_recipes() -> None:
    assert found("thin_reasoning", "Okay.", options=ThinReasoning(min_words=1)) == ""


@pytest.mark.parametrize(("finish", "bad"), [(FinishReason.LENGTH, True), (FinishReason.STOP, False)])
@pytest.mark.parametrize(
    "answer",
    [
        r"The answer is \boxed{4}.",
        r"The answer is \boxed{4",
        "The answer is",
        "First, we see that",
        "答案是",
        "| a | b |\n|---|",
        "```python\nprint(",
        "4",
        r"\boxed{4} because",
        "1. One\n2. Two\n3.",
    ],
)
def test_an_answer_that_met_the_token_limit_is_cut(answer: str, finish: FinishReason, bad: bool) -> None:
    assert bool(found("truncation", "2 + 2 = 4.", answer, finish=finish)) is bad
