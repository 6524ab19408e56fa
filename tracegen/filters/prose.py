"""Prose: text without its mathematics, code, addresses and quotations. What is left is in some language."""

import re

GAP = " # "
"""Stands for what was taken out, so that words on both sides of a formula are not neighbours."""

_AFTER = {
    "`": r"``.*?(?:```|\Z)|[^`\n]{1,300}`",
    "~": r"~~.*?(?:~~~|\Z)",
    "$": r"\$.{1,1500}?\$\$|[^$\n]{1,400}\$",
    "\\": r"\[.{1,1500}?\\\]|\(.{1,1000}?\\\)|begin\{(\w+\*?)\}.{0,1500}?\\end\{\1\}"
    r"|[A-Za-z]+\*?(?:\s*(?:\[[^\]\n]{0,80}\]|\{[^{}\n]{0,200}\})){0,3}",
    ":": r"//[^\s<>\"'，。）)]+",
    '"': r"[^\"\n]{1,240}\"",
    "'": r"(?<!\w')[^'\n]{3,240}'(?!\w)",
    "“": "[^”\n]{1,240}”",
    "‘": "[^’\n]{2,240}’",
    "„": "[^“”\n]{1,240}[“”]",
    "«": "[^»\n]{1,240}»",
    "「": "[^」\n]{1,240}」",
    "『": "[^』\n]{1,240}』",
    "《": "[^》\n]{1,120}》",
}
"""What follows each character that opens something other than prose."""

# The first character by itself, then what may follow it: so the engine skips ahead to the next opening.
_NO_PROSE = re.compile(
    f"[{re.escape(''.join(_AFTER))}](?:"
    + "|".join(f"(?<={re.escape(opening)})(?:{after})" for opening, after in _AFTER.items())
    + ")",
    re.DOTALL,
)


def prose(text: str) -> str:
    """The text with gaps where mathematics, code, addresses and quotations were."""
    return _NO_PROSE.sub(GAP, text)
