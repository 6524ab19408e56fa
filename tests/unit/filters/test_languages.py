import pytest

from tests.unit.filters.asked import found
from tests.unit.filters.mathematics import CHINESE, ENGLISH
from tracegen.filter_options import MixedLanguages
from tracegen.types import Domain

MATH, CODE, STEM, GENERAL = Domain.MATH, Domain.CODE, Domain.STEM, Domain.GENERAL

FRENCH = "Donc l'aire du triangle est la moitié de la base multipliée par la hauteur, ce qui donne la valeur cherchée."
FRENCH_2 = "Attendez, il faut encore vérifier que le deuxième cas ne donne pas une autre solution pour cette équation."
SPANISH = (
    "Entonces el área del triángulo es la mitad de la base por la altura, lo que nos da el valor que buscamos aquí."
)
GERMAN = (
    "Also ist die Fläche des Dreiecks die Hälfte der Grundlinie mal der Höhe, was den gesuchten Wert sofort ergibt."
)
ITALIAN = (
    "Quindi l'area del triangolo è la metà della base per l'altezza, e in questo modo otteniamo il valore cercato."
)
PORTUGUESE = "Então a área do triângulo é a metade da base vezes a altura, o que nos dá o valor que estamos procurando."
JAPANESE = "したがって、三角形の面積は底辺と高さの積の半分であり、求める値は六になることが分かります。"
KOREAN = "따라서 삼각형의 넓이는 밑변과 높이의 곱의 절반이므로 구하는 값은 여섯입니다."
RUSSIAN = (
    "Значит, площадь треугольника равна половине произведения основания на высоту, то есть искомое число равно шести."
)
ARABIC = "إذن مساحة المثلث تساوي نصف حاصل ضرب القاعدة في الارتفاع وهي القيمة المطلوبة في هذه المسألة."
HINDI = "इसलिए त्रिभुज का क्षेत्रफल आधार और ऊँचाई के गुणनफल का आधा है और यही अभीष्ट मान है।"
E = "So the area of the triangle is one half of the base times the height, which gives us the value we need here."
E_2 = "Wait, let me check the second case again, because it was not covered by the argument that I gave above."
C = "所以三角形的面积等于底乘以高的一半，这样就得到了我们需要的数值。"
C_2 = "等一下，让我再检查一下第二种情况，因为上面的论证没有覆盖到它。"


def lines(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs)


MIXED = [
    ("Chinese among English", lines(E, C, E_2), MATH),
    ("one Chinese clause in an English sentence", lines(E, "But then 因此我们有 x = 3, so we are done.", E_2), MATH),
    ("Chinese grammar words in English", lines(E, "The base is 4, 所以 the area is 6, 但是 we need half.", E_2), MATH),
    ("English that turns Chinese", lines(E, E_2, E, C, C_2), MATH),
    ("Chinese that turns English", lines(C, C_2, C, E), MATH),
    (
        "one English clause in Chinese",
        lines(C, "设 x = 3，then we have to check that x is positive，所以 y = 9。", C_2),
        MATH,
    ),
    ("English thoughts between Chinese steps", lines(C, "Wait, let me think about this again.", C_2), MATH),
    ("Russian among English", lines(E, RUSSIAN, E_2), MATH),
    ("English among Russian", lines(RUSSIAN, E, RUSSIAN), MATH),
    ("Korean among English", lines(E, KOREAN, E_2), MATH),
    ("Korean among Chinese", lines(C, KOREAN, C_2), MATH),
    ("Japanese among English", lines(E, JAPANESE, E_2), MATH),
    ("Arabic among English", lines(E, ARABIC, E_2), STEM),
    ("Hindi among English", lines(E, HINDI, E_2), STEM),
    ("Russian among Chinese", lines(C, RUSSIAN, C_2), MATH),
    ("French among English", lines(E, FRENCH, E_2), MATH),
    ("Spanish among English", lines(E, E_2, SPANISH), MATH),
    ("German among English", lines(GERMAN, E, E_2), MATH),
    ("Italian among English", lines(E, ITALIAN, E_2), STEM),
    ("Portuguese among English", lines(E, PORTUGUESE, E_2), MATH),
    ("English among French", lines(FRENCH, E, FRENCH_2), MATH),
    ("German among French", lines(FRENCH, GERMAN, FRENCH_2), MATH),
    ("French with formulas among English", lines(E, r"Donc on a $x = 3$, et puis " + FRENCH, E_2), MATH),
    (
        "Chinese in a code trace",
        lines(E, "The loop runs n times 然后我们需要检查每个元素是否已经访问过, then it ends.", E_2),
        CODE,
    ),
    ("Russian among English, in general", lines(E, RUSSIAN, E_2), GENERAL),
    ("Chinese among English, in general", lines(E, C, E_2), GENERAL),
]

ALIKE = [
    ("English", lines(E, E_2), MATH),
    ("Chinese", lines(C, C_2), MATH),
    ("French", lines(FRENCH, FRENCH_2), MATH),
    ("German", lines(GERMAN, GERMAN), MATH),
    ("Japanese, with its Chinese characters", lines(JAPANESE, "面積は六。", JAPANESE), MATH),
    ("Korean", lines(KOREAN, KOREAN), MATH),
    (
        "Russian with names in Latin letters",
        lines(RUSSIAN, "По теореме Cauchy и Weierstrass предел равен e.", RUSSIAN),
        MATH,
    ),
    ("Chinese names in English", lines(E, "王小明 gives 李华 3 apples, then 李华 gives 张伟 2 apples.", E_2), MATH),
    ("Chinese names again and again", lines(E, *["王小明 now has one apple more than before."] * 30), MATH),
    (
        "a Chinese quotation in English",
        lines(E, "The problem says “求三角形的面积，其中底边为四，高为三” and nothing else.", E_2),
        MATH,
    ),
    ("English terms in Chinese", lines(C, "这就是 depth first search 和 breadth first search 的区别。", C_2), CODE),
    (
        "an English quotation in Chinese",
        lines(C, 'assert 的信息是 "the value of x should be greater than zero"，所以 x ≤ 0。', C_2),
        CODE,
    ),
    (
        "an English title in Chinese",
        lines(C, "参见《The Art of Computer Programming and other stories》第二卷。", C_2),
        CODE,
    ),
    (
        "English in code in Chinese",
        lines(C, "`raise ValueError(the value of x is not in the list)` 会中断。", C_2),
        CODE,
    ),
    ("English in LaTeX in Chinese", lines(C, r"$\text{area of the base is equal to the height of it}$", C_2), MATH),
    (
        "an address in Chinese",
        lines(C, "见 https://example.com/what-is-the-area-of-a-triangle-and-why 的说明。", C_2),
        MATH,
    ),
    ("Russian authors in English", lines(E, "Толстой and Достоевский and Пушкин are names to give.", E_2), GENERAL),
    (
        "Greek letters",
        lines(E, "α, β, γ, δ, ε, ζ, η, θ, λ, μ, ν, ξ, π, ρ, σ, τ, φ, χ, ψ, ω are angles, and Σ and Π are used.", E_2),
        MATH,
    ),
    ("a few Cyrillic letters", lines(E, "The groups Ш and Ж are isomorphic, as Ш is trivial.", E_2), MATH),
    (
        "Latin in English",
        lines(E, "Ceteris paribus, modus ponens, reductio ad absurdum, quod erat demonstrandum.", E_2),
        MATH,
    ),
    (
        "a French name in English",
        lines(E, "École Normale Supérieure and L'Hôpital's rule are both spelt with accents.", E_2),
        MATH,
    ),
    ("a translation", lines("I need to translate this sentence into French.", FRENCH, E), GENERAL),
    ("a translation into Chinese", lines("The user wants this in Chinese.", C, E), GENERAL),
    ("a Chinese translation task", lines("用户要我把这句话翻译成英文。", E, C), GENERAL),
    ("Spanish phrases for a traveller", lines("Some useful Spanish phrases would help here.", SPANISH, E), GENERAL),
    (
        "Chinese poets in English",
        lines(E, "李白, 杜甫, 白居易, 王维, 孟浩然, 苏轼 and 陆游 are names to give.", E_2),
        GENERAL,
    ),
    (
        "a list of names in many letters",
        lines(E, "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô", E_2),
        MATH,
    ),
    ("a list of variables", lines(E, "x y z u v w a b c d e f g h i j k l m n o p q", E_2), MATH),
    ("a terse table", lines(E, "item price count total\napple 3 4 12\npear 2 5 10\nplum 1 6 6", E_2), MATH),
    (
        "a line of code without a fence",
        lines(E, "for i in range(n): total += price[i] * count[i]; print(total, end='')", E_2),
        CODE,
    ),
    (
        "a puzzle's words",
        lines(E, "stone atone alone clone crone prone prune brune bruno along among amino", E_2),
        Domain.LOGIC,
    ),
    ("nothing but formulas", r"\[ x^2 + y^2 = z^2 \]" * 20, MATH),
    ("nothing", "", MATH),
]


@pytest.mark.parametrize(("text", "domain"), [case[1:] for case in MIXED], ids=[case[0] for case in MIXED])
def test_a_mix_is_found(text: str, domain: Domain) -> None:
    assert found("mixed_languages", text, "", domain)


@pytest.mark.parametrize(("text", "domain"), [case[1:] for case in ALIKE], ids=[case[0] for case in ALIKE])
def test_no_mix_is_found(text: str, domain: Domain) -> None:
    assert found("mixed_languages", text, "", domain) == ""


@pytest.mark.parametrize("text", [*ENGLISH, *CHINESE])
@pytest.mark.parametrize("times", [1, 5])
def test_a_paragraph_of_mathematics_is_no_mix(text: str, times: int) -> None:
    assert found("mixed_languages", lines(*[text] * times)) == ""


@pytest.mark.parametrize("text", ENGLISH)
def test_a_paragraph_of_english_mathematics_is_no_mix_among_others(text: str) -> None:
    assert found("mixed_languages", lines(E, text, E_2)) == ""


@pytest.mark.parametrize("text", CHINESE)
def test_a_paragraph_of_chinese_mathematics_is_no_mix_among_others(text: str) -> None:
    assert found("mixed_languages", lines(C, text, C_2)) == ""


def test_a_long_trace_of_mathematics_is_no_mix() -> None:
    """What is rare in each paragraph may not add up. The paragraphs with Chinese or Russian words in English stand out."""
    assert found("mixed_languages", lines(*ENGLISH[:21], *ENGLISH[25:])) == ""
    assert found("mixed_languages", lines(*CHINESE)) == ""


@pytest.mark.parametrize(
    ("reasoning", "answer", "bad"),
    [
        (lines(C, C_2), lines(E, E_2), True),
        (lines(E, E_2), lines(C, C_2), True),
        (lines(RUSSIAN, RUSSIAN), lines(E, E_2), True),
        (lines(C, C_2), r"\boxed{12}", False),
        (lines(C, C_2), "The answer is 12.", False),
        (
            lines(C, C_2),
            "```python\ndef area(base, height):\n    return base * height / 2  # half of the product\n```",
            False,
        ),
        (lines(C, C_2), lines(C, "def area base height return"), False),
        (lines(JAPANESE, JAPANESE), lines(JAPANESE, JAPANESE), False),
    ],
)
def test_reasoning_and_answer_are_in_one_language(reasoning: str, answer: str, bad: bool) -> None:
    assert bool(found("mixed_languages", reasoning, answer)) is bad


def test_it_says_what_it_found() -> None:
    assert found("mixed_languages", lines(E, "So 因此我们有 6.", E_2)) == "Han in Latin text: '因此我们有'"
    assert found("mixed_languages", lines(E, FRENCH, E_2)).startswith('20 words of fr in en text: "Donc')
    assert found("mixed_languages", lines(C, C_2), lines(E, E_2)) == (
        "the reasoning is in Han, the answer in Latin letters"
    )


def test_the_limits_are_the_recipes() -> None:
    names = lines(E, "王小明 gives 李华 3 apples.", E_2)
    assert found("mixed_languages", names, options=MixedLanguages(foreign_letters=4))
    assert not found("mixed_languages", lines(E, FRENCH, E_2), options=MixedLanguages(paragraph_words=40))
    assert found("mixed_languages", lines(C, "用 the area of it。", C_2), options=MixedLanguages(clause_words=4))
