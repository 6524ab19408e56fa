"""A student's tokenizer, made from its base's: the same ids, with the student's names for a few special tokens."""

import json
from typing import Any

from tracegen.errors import RecipeError, boundary
from tracegen.students import BOS, EOS, Student

SPOKEN = ("<think>", "</think>")
"""Part of what a student says: they are left in its text where special tokens are left out."""
PADDING = ("<|finetune_right_pad_id|>", "<|vision_pad|>", "<｜▁pad▁｜>")
"""Names for padding, which must not be the end of a sentence: a collator that ignores one would ignore the other, and
the student would never learn to stop (open-r1, issue 492)."""


def student_tokenizer(student: Student, base: str) -> Any:
    """Names that the base's vocabulary has are renamed; where it has none of them, as of another family, tokens are added.

    Raises RecipeError when the base has no tokenizer that can be read.
    """
    from transformers import AutoTokenizer

    with boundary(RecipeError, f"cannot read the tokenizer of {base}", hint="--base names a folder or a hub id"):
        tokenizer = AutoTokenizer.from_pretrained(base)
    renamed = renamed_in(tokenizer, student)
    vocabulary = renamed.get_vocab()
    renamed.add_tokens([name for name in SPOKEN if name not in vocabulary])
    renamed.add_special_tokens({"bos_token": BOS, "eos_token": EOS})
    renamed.add_tokens(
        [name for name in student.special_tokens if name not in renamed.get_vocab()], special_tokens=True
    )
    renamed.add_special_tokens({"pad_token": next((name for name in PADDING if name in vocabulary), PADDING[-1])})
    renamed.chat_template = student.template
    return renamed


def renamed_in(tokenizer: Any, student: Student) -> Any:
    """The same tokenizer under the student's names, as a plain one: a class of the base's would bring its names back."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    content = tokenizer.backend_tokenizer.to_str()
    vocabulary = tokenizer.get_vocab()
    for old, new in student.renamed_tokens.items():
        if old in vocabulary and new not in vocabulary:
            content = content.replace(_quoted(old), _quoted(new))
    parts = json.loads(content)
    for token in parts["added_tokens"]:
        token["special"] = token["special"] and token["content"] not in SPOKEN
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(parts)))


def _quoted(token: str) -> str:
    return json.dumps(token, ensure_ascii=False)
