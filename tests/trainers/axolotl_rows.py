"""Run by a Python that has Axolotl: an export's rows as its own loader makes them, as JSON Lines.

    python axolotl_rows.py EXPORT

It changes into the export's folder, reads its ``axolotl.yaml`` and prints ``input_ids`` and ``labels``.
"""

import json
import os
import sys

os.environ["AXOLOTL_DO_NOT_TRACK"] = "1"

from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets


def main(export: str) -> None:
    os.chdir(export)
    for row in load_datasets(cfg=load_cfg("axolotl.yaml")).train_dataset:
        print("ROW " + json.dumps({"input_ids": list(row["input_ids"]), "labels": list(row["labels"])}))


if __name__ == "__main__":
    main(sys.argv[1])
