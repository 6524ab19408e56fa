"""A corpus that a simulated run built, and a small base for it: what a training needs, in seconds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from tests.simulated_run import order, recipe_file
from tracegen.students import load_student

WIDTH = 64
POSITIONS = 2048


def simulated_corpus(folder: Path, prompts: int = 48) -> Path:
    """The folder of a corpus of sums, from a run in this process with a simulated teacher."""
    from tracegen.run import run

    folder.mkdir(parents=True, exist_ok=True)
    summary = run(order(recipe_file(folder, prompts=prompts)), lambda _: None)
    assert summary.corpus_path is not None
    return Path(summary.corpus_path)


def small_base(folder: Path, student: str, texts: Iterator[str]) -> Path:
    """A random two-layer model of the student's family, whose tokenizer has the base's own special tokens."""
    named = load_student(student)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = list(named.renamed_tokens)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=specials[0]).save_pretrained(folder)
    torch.manual_seed(0)
    small_model(named.family, tokenizer.get_vocab_size() + 8).save_pretrained(folder)
    return folder


def small_model(family: str, vocabulary: int) -> Any:
    size = {
        "vocab_size": vocabulary,
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": POSITIONS,
    }
    return Qwen2ForCausalLM(Qwen2Config(**size)) if family == "qwen" else LlamaForCausalLM(LlamaConfig(**size))
