"""Tokenizers of the students, offline: real vocabularies from PyPI packages, and one trained in a second.

``dashscope`` ships Qwen's vocabulary, and ``llama-models`` Llama 3's. Their special tokens get the students' names in
the places that ``renamed_tokens`` says, and a beginning of the sentence is added on encoding, as the distills do.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

from tracegen.students import BOS, EOS, Student, load_student, students

THINK_TAGS = ("<think>", "</think>")

QWEN_SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
)
QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA_SPECIAL = (
    *("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>"),
    *("<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|eom_id|>", "<|eot_id|>", "<|python_tag|>", *(f"<|reserved_special_token_{n}|>" for n in range(3, 20))),
)

TEXT = (
    "What is six times seven? Please reason step by step, and put your final answer within \\boxed{}.",
    "Okay, let me think. Six times seven is forty-two, since 6 * 7 = 42.\n\nSo the answer is \\boxed{42}.",
)


def real_tokenizer(student: Student) -> Any:
    """The student's tokenizer on its real vocabulary. Skips the test where the package that ships it is missing."""
    return _of_family(student.family)


@cache
def _of_family(family: str) -> Any:
    student = next(student for student in students() if student.family == family)
    if family == "qwen":
        file = _packaged("dashscope", "resources/qwen.tiktoken")
        return _finished(TikTokenConverter(str(file), QWEN_PATTERN).converted(), QWEN_SPECIAL, student.renamed_tokens)
    file = _packaged("llama_models", "llama3/tokenizer.model")
    return _finished(TikTokenConverter(str(file)).converted(), LLAMA_SPECIAL, student.renamed_tokens)


def small_tokenizer(text: Iterable[str] = TEXT, vocabulary: int = 400, special: Collection[str] = ()) -> Any:
    """Trained on a few sentences, with the students' special tokens, or only some: any text is a row of its tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    )
    return _finished(tokenizer, special or QWEN_SPECIAL, load_student("qwen-1.5b").renamed_tokens)


def _finished(tokenizer: Tokenizer, special: Iterable[str], renamed: Mapping[str, str]) -> Any:
    tokenizer.add_tokens(
        [
            AddedToken(name, normalized=False, special=name not in THINK_TAGS)
            for name in (renamed.get(base, base) for base in special)
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=EOS)


def _packaged(package: str, path: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0], path)
