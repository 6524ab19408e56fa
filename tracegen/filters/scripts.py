"""Which scripts a text is written in, and what stands there in another than its own. Characters only; no library.

Scripts tell most mixes: Chinese among English and the other way round. Names and terms are no mix, whole clauses and
grammar words are.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

GRAMMAR_WEIGHT = 3
LETTERS_PER_WORD = {"Han": 1.6, "Japanese": 2.2, "Thai": 4.0}
"""Of scripts that leave no space between words."""

_LETTERS = {
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "Japanese": "\u3041-\u309f\u30a1-\u30fa",
    "Korean": "\uac00-\ud7af",
    "Cyrillic": "\u0400-\u052f",
    "Arabic": "\u0620-\u064a\u066e-\u06d3",
    "Hebrew": "\u05d0-\u05ea",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e01-\u0e4e",
}
"""Greek is left out: it is mathematics."""
_ANY = "".join(_LETTERS.values())
_RUNS = re.compile(f"[{_ANY}]+(?:[ ,-]{{1,2}}[{_ANY}]+)*")
"""Of all scripts together: it leaps over Latin text."""
_RUN = re.compile(
    "|".join(
        f"(?P<{name}>[{letters}]+{'' if name in LETTERS_PER_WORD else f'(?:[ ,-]{{1,2}}[{letters}]+)*'})"
        for name, letters in _LETTERS.items()
    )
)
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ɏ]{2,}")
LATIN_WORD = re.compile(r"(?<![\w\\^{@/.-])[A-Za-zÀ-ÖØ-öø-ɏ]{2,}(?:['’-][A-Za-zÀ-ÖØ-öø-ɏ]+)*(?![\w(=^@/-])")
_LATIN_CLAUSE = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ'’-]+(?:[ ,;]{1,2}[A-Za-zÀ-ÖØ-öø-ɏ'’-]+)*")

ENGLISH = frozenset(
    (  # noqa: SIM905
        "the of and that this with we which to it from have then but not are if is be can our for you they as by there "
        "what let let's because would should could these those has each both when where its into or at my i'm "
        "since than about only does how it's that's however"
    ).split()
)
"""Words that English cannot do without, and that its neighbours do not have."""
OTHERS = frozenset(
    (  # noqa: SIM905
        "de la le les des du et est une un que pour dans der die das und ist nicht ein eine mit den el los las por una "
        "es con para il di che per della não uma os em um het een van niet och att det som jest nie się na bir ve bu "
        "için yang dan untuk dengan ini itu si este je se az egy és ja on ei và là của"
    ).split()
)
"""Words that other languages in Latin letters cannot do without: running text has one, or an accent, in any dozen."""
_ACCENT = re.compile("[À-ÖØ-öø-ɏẠ-ỹ]")
_CHINESE = re.compile(
    "[的了是们这那吗呢吧]|所以|因为|因此|但是|不过|然后|那么|如果|或者|而且|于是|就会|可以|需要|首先|其次|等于|也就|"
    "以及|假设|显然|得到|即可|其中|由于|虽然|不能|应该|可能|已经|还有|没有"
)


class Piece(NamedTuple):
    """Words in a script that is not the text's own."""

    script: str
    text: str


@dataclass(frozen=True, slots=True)
class Scripts:
    """What a text is written in."""

    words: Mapping[str, float]
    """By script. A word of a script without spaces is a share of its letters."""
    pieces: tuple[Piece, ...]
    """Every run of letters of one script but Latin, once; spaces between its words included."""

    @property
    def main(self) -> str:
        """The script with most words; empty where there are none."""
        return max(self.words, key=lambda name: (self.words[name], name)) if self.words else ""

    @property
    def total(self) -> float:
        return sum(self.words.values())

    def foreign(self) -> list[Piece]:
        """Pieces of another script than the main one. Latin is looked at by :func:`english_clause`."""
        own = {self.main, "Han"} if self.main in ("Japanese", "Korean") else {self.main}
        return [piece for piece in self.pieces if piece.script not in own]


def is_latin(text: str) -> bool:
    """No letter of a script that is counted here but Latin: true of most texts, and told at once."""
    return text.isascii() or _RUNS.search(text) is None


def scripts(prose: str) -> Scripts:
    """Han counts as Japanese where there are kana enough for Japanese grammar."""
    words: dict[str, float] = defaultdict(float)
    pieces: dict[Piece, None] = {}
    for runs, times in Counter(_RUNS.findall(prose)).items():
        for found in _RUN.finditer(runs):
            piece = Piece(found.lastgroup or "", found[0])
            pieces[piece] = None
            words[piece.script] += times * _words(piece)
    if words["Japanese"] > 0.2 * words["Han"]:
        words["Japanese"] += words.pop("Han")
    words["Latin"] = len(_LATIN.findall(prose))
    return Scripts({name: number for name, number in words.items() if number}, tuple(pieces))


def _words(piece: Piece) -> float:
    per_word = LETTERS_PER_WORD.get(piece.script)
    return len(piece.text) / per_word if per_word else piece.text.count(" ") + 1


def may_be_foreign(line: str, tokens: Collection[str]) -> bool:
    """Whether a paragraph in Latin letters may be in another language than English."""
    return not OTHERS.isdisjoint(tokens) or (not line.isascii() and _ACCENT.search(line) is not None)


def weight(piece: Piece) -> int:
    """Letters; three times as many in a clause, as no name or term is."""
    return len(piece.text) * (GRAMMAR_WEIGHT if is_clause(piece) else 1)


def is_clause(piece: Piece) -> bool:
    """Chinese with a grammar word; three words in a row of a script that has spaces; else some letters in a row."""
    if piece.script == "Han":
        return _CHINESE.search(piece.text) is not None
    return len(piece.text) >= 8 if piece.script in LETTERS_PER_WORD else piece.text.count(" ") >= 2


def english_clause(prose: str, clause_words: int) -> str:
    """The first run of so many words in Latin letters with a grammar word of English; empty for none."""
    for run in _LATIN_CLAUSE.finditer(prose):
        words = run[0].replace(",", " ").replace(";", " ").split()
        if len(words) >= clause_words and sum(word.lower() in ENGLISH for word in words) >= 2:
            return run[0]
    return ""
