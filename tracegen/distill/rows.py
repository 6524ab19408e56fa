"""The samples of a corpus as token ids, and which of them are learnt. It cuts nothing and leaves nothing out."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tracegen.errors import StoreError, boundary

NOT_LEARNT = -100
"""The label that torch's cross-entropy ignores."""


def tokenized(files: Sequence[Path], tokenizer: Any) -> Any:
    """A data set with ``input_ids`` and ``labels`` of every sample, ``tokens`` and ``learnt`` in numbers, in file order.

    It is kept in the cache of ``datasets``, 8 bytes a token: a dry run does the work that training then finds done.
    """
    from datasets import Features, List, Value, load_dataset

    ids = List(Value("int32"))
    columns = Features({"input_ids": ids, "labels": ids, "tokens": Value("int32"), "learnt": Value("int32")})
    with boundary(StoreError, "cannot turn the corpus's Parquet files into tokens"):
        samples = load_dataset("parquet", data_files=list(map(str, files)), split="train", columns=["messages"])
        return samples.map(
            encoded,
            fn_kwargs={"tokenizer": tokenizer},
            remove_columns=["messages"],
            features=columns,
            desc="tokenizing",
        )


def encoded(sample: Mapping[str, Any], tokenizer: Any) -> dict[str, Any]:
    """As TRL does it for ``assistant_only_loss``: the template marks what is learnt, the end of the sentence too."""
    found = tokenizer.apply_chat_template(sample["messages"], return_dict=True, return_assistant_tokens_mask=True)
    ids, mask = found["input_ids"], found["assistant_masks"]
    labels = [token if learnt else NOT_LEARNT for token, learnt in zip(ids, mask, strict=True)]
    return {"input_ids": ids, "labels": labels, "tokens": len(ids), "learnt": sum(mask)}


def lengths(rows: Any) -> list[tuple[int, int]]:
    """Tokens, and tokens in the loss, of every row."""
    return list(zip(rows["tokens"], rows["learnt"], strict=True))


def no_longer_than(rows: Any, max_length: int, sizes: Iterable[tuple[int, int]]) -> Any:
    """The rows that fit."""
    return rows.select([place for place, (tokens, _) in enumerate(sizes) if tokens <= max_length])
