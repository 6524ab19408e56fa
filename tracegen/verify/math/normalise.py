r"""One spelling for each way to write the same mathematics. Works on text only; it computes nothing.

``normalise`` keeps meaning: it may never make two different answers the same text. What it drops is layout
(``\left``, thin spaces, ``$``), synonyms (``\dfrac``, ``\leqslant``, ``×``), and punctuation at the end.
"""

import re
import unicodedata

_GREEK = {
    unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}"): rf"\{name} "
    for name in (  # noqa: SIM905
        "alpha beta gamma delta epsilon zeta eta theta kappa mu nu xi pi rho sigma tau phi chi psi omega"
    ).split()
}
_CHARACTERS = {
    **_GREEK,
    "λ": r"\lambda ", "Δ": r"\Delta ", "Ω": r"\Omega ",
    "−": "-", "–": "-", "—": "-", "‐": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "⋅": r"\cdot ",
    "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ",
    "≠": r"\ne ", "≈": r"\approx ", "∈": r"\in ", "√": r"\sqrt ", "°": r"^\circ ", "±": r"\pm ", "∅": r"\emptyset ",
    "²": "^2", "³": "^3", "′": "'", "’": "'", "，": ",", "；": ";", "：": ":", "…": r"\ldots ",
    "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
    "£": "", "€": "", "¥": "",
}  # fmt: skip
_TRANSLATION = str.maketrans(_CHARACTERS)

_SYNONYMS = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leqslant": "le", "leq": "le", "geqslant": "ge", "geq": "ge",
    "neq": "ne", "gt": ">", "lt": "<", "lbrace": r"\{", "rbrace": r"\}", "dots": "ldots", "cdots": "ldots",
    "mid": "|", "vert": "|", "lvert": "|", "rvert": "|", "ast": "*", "colon": ":", "simeq": "approx", "land": ",",
    "lor": ",", "varnothing": "emptyset", "arctg": "arctan", "tg": "tan", "ctg": "cot", "arcctg": "arccot",
    "degree": r"^\circ", "textdegree": r"^\circ", "varphi": "phi", "dbinom": "binom", "tbinom": "binom",
    "left": "", "right": "", "big": "", "Big": "", "bigg": "", "Bigg": "", "bigl": "", "bigr": "", "Bigl": "",
    "Bigr": "", "biggl": "", "biggr": "", "displaystyle": "", "limits": "", "quad": " ", "qquad": " ", "space": " ",
    "checkmark": "", "smallsetminus": "setminus", "backslash": "setminus",
}  # fmt: skip
FUNCTIONS = frozenset(
    (  # noqa: SIM905
        "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh ln log lg exp"
    ).split()
)
_PLAIN_NAMES = re.compile(
    r"(?<![\\A-Za-z])(" + "|".join(sorted({*FUNCTIONS, "sqrt", "pi"}, key=len, reverse=True)) + r")(?![A-Za-z])"
)
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_TEXT = re.compile(
    r"\\(?:text|mathrm|textbf|textit|textrm|mbox|mathbf|mathit|operatorname|rm|bf|textnormal|boldsymbol|mathsf|textsf)"
    r"\*?\s*\{([^{}]*)\}"
)
_AND = re.compile(r"\s*,?\s*(?:\\text\{\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))\s*")
_THIN_SPACE = re.compile(r"(?<!\\)\\[,;:! \n]|~|\\\\(?=\s*$)")
_SPACED_THOUSANDS = re.compile(r"(?<=\d),\\!(?=\d{3}(?!\d))")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:\{,\}\d{3})+)(?!\d)")
_WHOLE_THOUSANDS = re.compile(r"([-+]?)(\d{1,3}(?:(,|\s)\d{3})(?:\3\d{3})*)(\.\d+)?(?=$|\s*(?:\\text|%|\^\\circ))")
_MIXED = re.compile(r"^([-+]?\s*\d+)\s+(\d+)\s*/\s*(\d+)$")
_KEPT_SPACE = re.compile(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])|(?<=\d)\s+(?=[\d.])|(?<=[A-Za-z])\s+(?=[A-Za-z])")
_BROKEN = (  # what escapes do to LaTeX on its way through JSON, and what is seen in published references
    (re.compile(r"(?<![A-Za-z\\])[\x0c]?rac(?=\{)"), r"\\frac"),
    (re.compile(r"\t(?=ext|(?:imes|an|heta|o)\b)"), r"\\t"),
    (re.compile(r"\^\s*\\textcirc"), r"^\\circ "),
    (re.compile(r"\\\\(?=(?:frac|pi|sqrt|sin|cos|tan|text|left|right|cdot|times|infty|bigg?)(?![A-Za-z]))"), r"\\"),
    (re.compile(r"(?<=[})])\.(?=\s*[\])])"), ""),
)
_SCRIPT = re.compile(r"([\^_])\{([A-Za-z0-9]|\\circ)\}")
_ORDINAL = re.compile(
    r"(?<=\d)\s*\^?\s*(?:\{\s*)?(?:\\text\{\s*(?:st|nd|rd|th)\s*\}|(?:st|nd|rd|th)(?![A-Za-z]))(?:\s*\})?"
)
_INFIX = re.compile(r"\{([^{}]*)\\(choose|over)(?![A-Za-z])([^{}]*)\}")
_INFIX_NAMES = {"choose": "binom", "over": "frac"}
_LAYOUT = (  # what surrounds mathematics in running text, and what dresses it
    (re.compile(r"^(?:\\\((.*)\\\)|\\\[(.*)\\\]|\*\*(.*)\*\*)$", re.DOTALL), r"\1\2\3"),
    (re.compile(r"\\(?:textcolor|color)\s*\{[A-Za-z]+\}"), ""),
    (re.compile(r"\\(?:underline|mathstrut)(?![A-Za-z])"), ""),
    (re.compile(r"\\begin\{array\}\{[clr|\s]+\}(.*)\\end\{array\}", re.DOTALL), r"\\begin{matrix}\1\\end{matrix}"),
)
_COMBINATIONS = re.compile(r"(?<![A-Za-z\\])C_\{?(\d+|n)\}?\s*\^\s*(?:\{(\w+)\}|(\w))")
_MONEY = re.compile(r"(-?) ?\\\$ ?(-?[\d.,]+(?:\{,\}\d{3})*)")
_DEGREES = re.compile(r"\\text\{ ?degrees? ?\}|(?:(?<=[\d)}])|(?<=[\d)}] ))degrees?(?![A-Za-z])")
_BASE_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "sixteen": 16,
}  # fmt: skip
_BASE = re.compile(r"_\{?\\text\{\s*([a-z]+)\s*\}\}?")
_NUMBER_AND_WORDS = re.compile(r"(-?[\d.,/]*\d)\s+([A-Za-z][A-Za-z ]*)")
_WORDS = {"only": "", "infinitely many": r"\infty ", "infinity": r"\infty "}
_UNIT_LETTERS = frozenset("mgshlLNJWVK")
_CHOICES = frozenset(f"({letter})" for letter in "ABCDEFGH")
_CIRCLED = re.compile("[①-⑳]+")


def normalise(text: str) -> str:
    """One spelling; the empty string for what is layout only."""
    for pattern, replacement in _BROKEN:
        text = pattern.sub(replacement, text)
    text = " ".join(_characters(text).split())
    for pattern, replacement in _LAYOUT:
        text = pattern.sub(replacement, text)
    if money := _MONEY.fullmatch(text):
        return rf"{money[1]}{_numbers(money[2])}\text{{dollars}}"
    text = _SPACED_THOUSANDS.sub("", text)
    text = _THIN_SPACE.sub(" ", text.replace(r"\$", "").replace("$", "").replace(r"\%", "%"))
    text = " ".join(_COMMAND.sub(_synonym, text).split())  # the patterns below take time by the square of a gap
    text = _TEXT.sub(_words, text)
    text = _INFIX.sub(lambda found: rf"\{_INFIX_NAMES[found[2]]}{{{found[1]}}}{{{found[3]}}}", text)
    text = _ORDINAL.sub("", text)
    text = _DEGREES.sub(r"^\\circ ", text)
    text = _COMBINATIONS.sub(_combinations, text)
    text = _BASE.sub(lambda base: f"_{_BASE_WORDS[base[1]]}" if base[1] in _BASE_WORDS else base[0], text)
    text = _PLAIN_NAMES.sub(r"\\\1 ", text)
    text = _AND.sub(" , ", text)
    text = _SCRIPT.sub(_short_script, text)
    return _tidy(_numbers(_trim(text)))


def _characters(text: str) -> str:
    if text.isascii():
        return text
    text = _CIRCLED.sub(lambda run: ",".join(str(ord(sign) - ord("①") + 1) for sign in run[0]), text)
    return unicodedata.normalize("NFKC", text.translate(_TRANSLATION)).translate(_TRANSLATION)


def _synonym(command: re.Match[str]) -> str:
    name = _SYNONYMS.get(command[1])
    if name is None:
        return command[0]
    return rf"\{name}" if name.isalpha() else name


def _words(match: re.Match[str]) -> str:
    r"""What a text wrapper holds: one letter or a function's name is mathematics, the rest stays ``\text``."""
    words = match[1].strip()
    if words in FUNCTIONS:
        return rf"\{words} "
    if amount := _NUMBER_AND_WORDS.fullmatch(words):
        return rf"{amount[1]}\text{{{amount[2]}}}"
    if words.lower() in _WORDS:
        return _WORDS[words.lower()]
    if words in _UNIT_LETTERS and match.string[: match.start()].rstrip()[-1:].isdigit():
        return rf"\text{{{words}}}"
    if len(words) < 2 or "\\" in words or words in _CHOICES or not any(sign.isalpha() for sign in words):
        return words
    return rf"\text{{{words}}}"


def _combinations(found: re.Match[str]) -> str:
    """``C_{10}^{3}``; a constant that is squared has no more than it is numbered."""
    of, among = found[2] or found[3], found[1]
    if among.isdigit() and not (of.isdigit() and 1 < int(among[:9]) >= int(of[:9])):
        return found[0]
    return rf"\binom{{{among}}}{{{of}}}"


def _short_script(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]} "


def _trim(text: str) -> str:
    text = text.strip()
    while text and (text[-1] in ".,;:。" or text[0] in ",;"):
        text = text.rstrip(".,;:。 \n\t").lstrip(",; ")
    return text


def _numbers(text: str) -> str:
    text = _THOUSANDS.sub(lambda number: number[1] + number[2].replace("{,}", ""), text)
    whole = _WHOLE_THOUSANDS.match(text)
    if whole:
        text = re.sub(r"[,\s]", "", whole[0]) + text[whole.end() :]
    return _MIXED.sub(r"\1\\frac{\2}{\3}", text)


def _tidy(text: str) -> str:
    text = _KEPT_SPACE.sub(lambda gap: (gap[1] or "") + "\0", text)
    return "".join(text.split()).replace("\0", " ")
