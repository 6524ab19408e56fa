"""The filter for mixed languages. Scripts first (``scripts.py``); py3langid only where scripts do not decide.

Mathematics, code, addresses and quotations are taken out before. Texts about language, as translations, are spared:
their domain is general, and they say what they are about.
"""

import re
from collections import Counter
from functools import cache
from importlib.util import find_spec
from typing import Any

from tracegen.errors import MissingDependency
from tracegen.filter_options import MixedLanguages
from tracegen.filters.finding import Subject, shown
from tracegen.filters.prose import prose
from tracegen.filters.scripts import (
    ENGLISH,
    LATIN_WORD,
    Scripts,
    english_clause,
    is_clause,
    is_latin,
    may_be_foreign,
    scripts,
    weight,
)
from tracegen.types import Domain, Trace

ENGLISH_SHARE = 0.15
"""A paragraph is English from so many grammar words of English per word; running English has twice as many."""
ANSWER_WORDS = 20
"""An answer has a language of its own from so many words."""
PARAGRAPHS = 24
"""The library looks at the longest so many paragraphs: enough to find a mix, and a bound on time."""
LIBRARY = "py3langid"
LATIN_LANGUAGES = (  # noqa: SIM905
    "en fr de es it pt nl pl sv da no nb fi tr vi id ms cs sk sl hr ro hu ca et lv lt"
).split()

_ABOUT_LANGUAGE = re.compile(
    r"translat|translit|pronounc|bilingual|vocabulary|grammar|idiom|proverb|loanword|etymolog|calligraph|pinyin"
    r"|traduc|traduz|traduis|übersetz|перев[её]д|переведи"
    r"|\b(?:english|chinese|mandarin|cantonese|japanese|korean|french|german|spanish|italian|portuguese|russian|arabic"
    r"|hindi|latin|greek|hebrew|thai|vietnamese|turkish|dutch|polish)\b"
    r"|翻译|译文|译成|英译|汉译|英文|英语|中文|汉语|法语|法文|德语|德文|日语|日文|韩语|韩文|俄语|西班牙语|拉丁语|单词|语法|词汇|成语|谚语|诗",
    re.IGNORECASE,
)


def mixed_languages(subject: Subject, options: MixedLanguages) -> str:
    """The reasoning's paragraphs against each other, then the reasoning against the answer."""
    found = _mixed(subject, options)
    if found and subject.domain is Domain.GENERAL and _is_about_language(subject.trace):
        return ""
    return found


def _mixed(subject: Subject, options: MixedLanguages) -> str:
    trace = subject.trace
    if is_latin(trace.reasoning) and is_latin(trace.answer):
        return _mixed_latin(trace.reasoning, options)
    text = prose(trace.reasoning)
    found = scripts(text)
    return (
        _mixed_scripts(text, found, options, lenient=subject.domain is Domain.GENERAL)
        or _other_answer(found, scripts(prose(trace.answer)))
        or (_mixed_latin(trace.reasoning, options) if found.main == "Latin" else "")
    )


def load() -> None:
    """Read the library's tables now, rather than at the first paragraph that needs them. Raises MissingDependency."""
    if find_spec(LIBRARY) is None:
        raise MissingDependency(
            "the filter mixed_languages needs py3langid, which is not installed",
            hint="pip install 'py3langid==0.4.*', or filters.mixed_languages: null",
        )
    _identifier()


def _is_about_language(trace: Trace) -> bool:
    return any(_ABOUT_LANGUAGE.search(text) for text in (trace.reasoning, trace.answer))


def _mixed_scripts(text: str, found: Scripts, options: MixedLanguages, *, lenient: bool) -> str:
    """``lenient``: names and terms are the matter of a text, so that only clauses count."""
    pieces = [piece for piece in found.foreign() if not lenient or is_clause(piece)]
    if sum(map(weight, pieces)) >= options.foreign_letters:
        most = max(pieces, key=weight)
        return f"{most.script} in {found.main} text: {shown(most.text)}"
    if found.main not in ("", "Latin") and (clause := english_clause(text, options.clause_words)):
        return f"Latin in {found.main} text: {shown(clause)}"
    return ""


def _other_answer(reasoning: Scripts, answer: Scripts) -> str:
    if answer.total < ANSWER_WORDS or reasoning.total < ANSWER_WORDS or reasoning.main == answer.main:
        return ""
    # An answer in Chinese may still hold many Latin words, as names in a program.
    if answer.words[answer.main] < 2 * answer.words.get(reasoning.main, 0):
        return ""
    return f"the reasoning is in {reasoning.main}, the answer in {answer.main} letters"


def _mixed_latin(text: str, options: MixedLanguages) -> str:
    """Paragraphs in different languages that share the Latin script."""
    words: Counter[str] = Counter()
    unclear = []
    for line in text.split("\n"):
        tokens = line.lower().split()
        if len(tokens) >= options.paragraph_words:
            if sum(token in ENGLISH for token in tokens) >= ENGLISH_SHARE * len(tokens):
                words["en"] += len(tokens)
            elif may_be_foreign(line, tokens):
                unclear.append(line)
    return _told_apart(unclear, words, options) if unclear else ""


def _told_apart(lines: list[str], words: Counter[str], options: MixedLanguages) -> str:
    quotes: dict[str, str] = {}
    for line in sorted(lines, key=len, reverse=True)[:PARAGRAPHS]:
        tokens = LATIN_WORD.findall(prose(line))
        if len(tokens) >= options.paragraph_words:
            language, confidence = _identifier().classify(" ".join(tokens))
            if confidence >= options.confidence:
                words[language] += len(tokens)
                quotes.setdefault(language, line)
    main = max(words, key=lambda language: (words[language], language), default="")
    other = max(words.keys() - {main}, key=lambda language: (words[language], language), default="")
    if not other:
        return ""
    return f"{words[other]} words of {other} in {main} text" + (f": {shown(quotes[other])}" if other in quotes else "")


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([name for name in LATIN_LANGUAGES if name in identifier.labels])
    return identifier
