"""The filter for answers that decline. It looks at how the answer begins, and at nothing that carries a result."""

import re

from tracegen.extract import last_boxed
from tracegen.filter_options import Refusals
from tracegen.filters.finding import Subject, shown

OPENING = 240
"""Characters of the answer that are looked at: who refuses says so at once."""

_HELP = (
    r"(?:help|assist|comply|provide|fulfil?l|answer|discuss|engage|continue|support|do that|share|create|generate"
    r"|write|offer|give|participate|solve|complete)"
)
_NOT = r"(?:can(?:no|['’])t|can not|am (?:unable|not able) to|['’]m (?:unable|not able) to|won['’]t|will not)"
_SELF = r"as an AI(?: language)?(?: model| assistant)?\b[^.\n]{0,40}?\bI\s*"
_REFUSES = re.compile(
    rf"\b(?:sorry|apologi[sz]e|unfortunately|regret)\b[^.\n]{{0,60}}?\bI\s*{_NOT}(?: be able to)?"
    rf"\s+(?:\w+\s+){{0,2}}?{_HELP}\b"
    rf"|^\W*I\s*{_NOT}(?: be able to)?\s+(?:\w+\s+){{0,2}}?(?:help|assist|comply|fulfil?l|discuss|engage in|support"
    r"|continue with|answer (?:this|that|your)"
    r"|provide (?:\w+\s+){0,3}?(?:advice|information|instructions|assistance|guidance))\b"
    rf"|\b{_SELF}(?:can(?:no|['’])t|am (?:not able|unable)|['’]m (?:not able|unable)|do not|don['’]t)"
    r"|\bI\s*(?:must|have to|need to) (?:respectfully )?(?:decline|refuse)\b"
    r"|\b(?:is|are|goes) (?:beyond|outside|against) my (?:scope|capabilities|guidelines|programming|abilities|policies)\b"
    r"|(?:抱歉|对不起|很遗憾|不好意思)[^。\n]{0,20}?(?:无法|不能|没办法|没法|不会)(?:为您|给您|向您|继续)?"
    r"(?:帮|提供|回答|解答|协助|满足|讨论|处理|完成|回应|生成|继续)"
    r"|(?:我|本模型|作为[^，。\n]{0,12}(?:AI|人工智能|语言模型)[^。\n]{0,10}?)(?:暂时)?(?:无法|不能)(?:为您)?"
    r"(?:提供|回答|协助|满足|讨论|回应)(?:这|该|此|您|你|相关)"
    r"|我们聊点别的|换个话题",
    re.IGNORECASE,
)


def refusals(subject: Subject, options: Refusals) -> str:  # noqa: ARG001 - filters have one shape
    """A box is an answer, whatever is said around it."""
    answer = subject.trace.answer
    found = _REFUSES.search(answer[:OPENING])
    if found is None or last_boxed(answer) is not None:
        return ""
    return f"the answer declines: {shown(answer)}"
