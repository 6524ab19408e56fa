"""Prose: text without its mathematics, code, addresses and quotations. What is left is in some language."""

import re

GAP = " # "
"""Stands for what was taken out, so that words on both sides of a formula are not neighbours."""

_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)"
    r"|`[^`\n]{1,300}`"
    r"|\$\$.{1,4000}?\$\$|\$[^$\n]{1,400}\$"
    r"|\\\[.{1,4000}?\\\]|\\\(.{1,1000}?\\\)"
    r"|\\begin\{(\w+\*?)\}.{0,4000}?\\end\{\1\}"
    r"|\\[A-Za-z]+\*?(?:\s*(?:\[[^\]\n]{0,80}\]|\{[^{}\n]{0,200}\})){0,3}"
    r"|https?://[^\s<>\"'，。）)]+|www\.[^\s<>\"'，。）)]+"
    r"|\"[^\"\n]{1,240}\"|“[^”\n]{1,240}”|「[^」\n]{1,240}」|『[^』\n]{1,240}』|《[^》\n]{1,120}》|«[^»\n]{1,240}»|„[^“\n]{1,240}“"
    r"|(?<!\w)'[^'\n]{3,240}'(?!\w)|(?<!\w)‘[^’\n]{2,240}’(?!\w)",
    re.DOTALL,
)


def prose(text: str) -> str:
    """The text with gaps where mathematics, code, addresses and quotations were."""
    return _NO_PROSE.sub(GAP, text)
