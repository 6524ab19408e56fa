"""Run by a Python that has LLaMA-Factory: an export's rows as its own loader makes them, as JSON Lines.

    python llama_factory_rows.py EXPORT

It changes into the export's folder, reads its ``llama_factory.yaml`` and prints ``input_ids`` and ``labels``.
"""

import json
import os
import sys

os.environ["DISABLE_VERSION_CHECK"] = "1"

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer


def main(export: str) -> None:
    os.chdir(export)
    # Where it computes, and in what, says nothing of its rows.
    sys.argv = ["llamafactory-cli", "llama_factory.yaml", "bf16=false", "use_cpu=true"]
    model, data, training, _, _ = get_train_args()
    tokenizer = load_tokenizer(model)["tokenizer"]
    template = get_template_and_fix_tokenizer(tokenizer, data)
    rows = get_dataset(template, model, data, training, stage="sft", tokenizer=tokenizer)["train_dataset"]
    for row in rows:
        print("ROW " + json.dumps({"input_ids": list(row["input_ids"]), "labels": list(row["labels"])}))


if __name__ == "__main__":
    main(sys.argv[1])
