r"""Which answers are never shown to the judge: those that speak to it, or are no answer at all. Pure.

A refused answer stays undecided. That costs a trace where a harmless one is refused, so a word that the reference
uses as well is no reason; what gets past this guard still has to get past the control questions (``panel.py``).
"""

import re
import unicodedata

from tracegen.verify.judge.brief import Brief

MAX_ANSWER = 500
"""Characters of a final answer; the longest of MATH's train split has 159. An explanation is no final answer."""
MAX_RUBRIC_ANSWER = 12_000

_TOKEN = re.compile(
    r"<[|｜/]|[|｜]>|</?[a-z_]{1,40}>|<<\s*/?sys|\[/?(?:inst|sys\w*|tool\w*|user|system|assistant)\w*\]|▁"
    r"|^[ \t]*(?:#{2,6}|-{3,}|={3,}|`{3,}|\*{3,})|^[ \t]*(?:system|user|assistant|human|judge)\s*:",
    re.MULTILINE,
)
"""What a chat template, or our own prompt, uses to begin a part."""

_JSON = re.compile(
    r"""[{,]\s*\\?["'][^"'\n]{1,40}\\?["']\s*:|\bcorrectness\b\W{0,4}[:=]|\banalysis\b\W{0,4}[:=]\W*["']"""
)

_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruct\w*|previous|prior|above|rules?|prompt|rubric)\b"
    r"|\b(?:to|dear|hey|note for|attention|as|you are) (?:the |an? |our |my )?"
    r"(?:judge|grader|evaluator|assessor|examiner)\b"
    r"|\b(?:mark|grade|score|rate|classify|label|judge|accept|consider|treat|count|report|return|output|reply|respond|say)\b"
    r".{0,40}\b(?:in)?correct\b"
    r"|\bthis (?:answer|response|solution) (?:is|should be|must be|has been|was|fully|meets|satisfies)\b"
    r"|\b(?:meets|satisfies|fulfils|fulfills) (?:all|every|each)\b.{0,30}\b(?:criteri\w+|requirements?|rubric|points?)\b"
    r"|忽略.{0,12}(?:指令|说明|提示)|评判|判为|参考答案",
    re.DOTALL,
)
"""An order to whoever judges. Looked for in every answer."""

_TALK = re.compile(
    r"\b(?:in)?correct(?:ness|ly)?\b|\b(?:judge|judged|grader|graded|grading|verdict|evaluator|assessor|examiner)\b"
    r"|\b(?:ignore|disregard|override|bypass|instructions?|prompt|json)\b"
    r"|\b(?:reference|expected|given|golden?|ground.truth|official|right|true|same|model|sample) (?:answer|solution)\b"
    r"|\b(?:see|the|to|as|with|equals?) reference\b(?! (?:frame|point|line|system))"
    r"|\b(?:answer|response|solution|result|this|it) (?:is|are|was|should be|must be) (?:\w+ )?"
    r"(?:right|true|accurate|valid|equivalent|equal|identical|acceptable|accepted|fine|perfect)\b"
    r"|\b(?:same|identical|equivalent|equal) (?:as|to|with) (?:the )?(?:answer|reference|expected|above|given)\b"
    r"|\b(?:step by step|thought process|let'?s (?:solve|think)|let us (?:solve|think))\b"
    r"|^[ \t]*(?:solution|explanation)\s*:|正确|错误|指令",
    re.MULTILINE,
)
"""Talk about judging. A final answer has none, unless the reference has it, too."""

_HIDDEN = ("correct", "ignoreprevious", "instruction", "groundtruth", "referenceanswer")
"""Looked for when all but letters is gone: ``c o r r e c t``, ``\text{cor}\text{rect}``."""


def refusal(brief: Brief) -> tuple[str, str] | None:
    """Why the judge must not see this answer, as a reason and its detail; None where it may."""
    longest = MAX_RUBRIC_ANSWER if brief.by_rubric else MAX_ANSWER
    if len(brief.answer) > longest:
        return "too_big", f"an answer of {len(brief.answer)} characters for the judge, at most {longest}"
    found = _spoken(brief.answer) if brief.by_rubric else _spoken(brief.answer) or _no_answer(brief)
    return ("judge_injection", found) if found else None


def _spoken(answer: str) -> str:
    """What in any answer speaks to the judge or its chat template."""
    for seen in (answer.lower(), _folded(answer)):
        for what, pattern in (("a part of a prompt", _TOKEN), ("JSON", _JSON), ("an order", _ORDER)):
            if found := pattern.search(seen):
                return f"{what}: {found[0].strip()[:60]!r}"
    return ""


def _no_answer(brief: Brief) -> str:
    """What cannot be a final answer."""
    if any(unicodedata.category(sign)[0] == "C" and sign not in "\n\t\r" for sign in brief.answer):
        return "a control character"
    if not any(sign.isalnum() or (ord(sign) > 127 and not sign.isspace()) for sign in brief.answer):
        return f"nothing but punctuation: {brief.answer[:20]!r}"
    if not _balanced(brief.answer):
        return "braces that do not balance"
    if word := _mixed(brief.answer):
        return f"letters of several scripts in one word: {word[:40]!r}"
    return _talk(_folded(brief.answer), _folded(brief.standard))


def _talk(answer: str, standard: str) -> str:
    expected_talk = {found[0] for found in _TALK.finditer(standard)}
    for found in _TALK.finditer(answer):
        if found[0] not in expected_talk:
            return f"talk about judging: {found[0][:60]!r}"
    letters, expected = _letters(answer), _letters(standard)
    hidden = next((word for word in _HIDDEN if word in letters and word not in expected), "")
    return f"hidden talk about judging: {hidden!r}" if hidden else ""


def _folded(text: str) -> str:
    """Lower case, without accents, full-width and other forms of the same letter, or invisible signs."""
    signs = unicodedata.normalize("NFKD", text)
    kept = "".join(sign for sign in signs if unicodedata.category(sign) not in ("Mn", "Cf", "Cc") or sign in "\n\t")
    return re.sub(r"[ \t\u00a0]+", " ", kept).casefold()


def _letters(text: str) -> str:
    return re.sub(r"\\[a-z]+|[^a-z]", "", text)


def _mixed(text: str) -> str:
    """A word whose letters look like Latin ones and are not; a Greek letter beside a few Latin ones is a formula."""
    for word in re.findall(r"[^\W\d_]{2,}", unicodedata.normalize("NFKC", text)):
        scripts = {unicodedata.name(sign, "?").partition(" ")[0] for sign in word}
        if "LATIN" in scripts and ("CYRILLIC" in scripts or "CHEROKEE" in scripts or _greek(scripts, word)):
            return str(word)
    return ""


def _greek(scripts: set[str], word: str) -> bool:
    return "GREEK" in scripts and len(word) > 4


def _balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", text):
        depth += (brace == "{") - (brace == "}")
        if depth < 0:
            return False
    return depth == 0
