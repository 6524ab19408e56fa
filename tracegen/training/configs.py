"""The configuration that each trainer starts from: a student's published settings in the trainer's own words. Pure.

Numbers are written with a point (``8.0e-05``): YAML 1.1 takes ``8e-05`` for text.
What is not published (optimizer, warm-up, packing, loss mask) is left to the trainer, or said to be ours in a comment.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracegen.students import EOS, Student
from tracegen.training.trainers import Trainer

GPUS = 8
"""That the configurations are written for; the batch over all of them is the published one."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a configuration is made from."""

    student: Student
    data: str | list[str]
    """Where the rows are, seen from the export's folder: ``data``, or a corpus as it lies."""
    rows: int

    @property
    def accumulation(self) -> int:
        """Micro-batches of one row that each GPU adds up."""
        return self.student.batch // GPUS

    @property
    def least(self) -> float:
        """The learning rate at the end."""
        return self.student.learning_rate * self.student.least_learning_rate

    @property
    def steps(self) -> int:
        """Of the whole training, with as few epochs as published."""
        return -(-self.rows // self.student.batch) * self.student.epochs[0]


Files = Mapping[str, str]
"""Texts by name."""


def _trl(given: Given) -> Files:
    student = given.student
    return {
        "trl.yaml": f"""\
# trl sft --config trl.yaml
{_head(student)}
model_name_or_path: student
chat_template_path: chat_template.jinja
eos_token: {EOS}
datasets:
  - path: parquet
    data_files: {json.dumps(given.data)}
    columns: [messages] # nothing else: TRL takes a column named prompt for half of a pair
assistant_only_loss: true # by the marks in the template; by default TRL learns the prompts too
max_length: {student.context} # by default 1,024, and what is longer is cut without a word
packing: false
learning_rate: {student.learning_rate:.1e}
lr_scheduler_type: cosine_with_min_lr
lr_scheduler_kwargs: {{min_lr_rate: {student.least_learning_rate}}}
warmup_steps: 0 # not published
num_train_epochs: {student.epochs[0]} # published: {student.epochs[0]} to {student.epochs[1]}
per_device_train_batch_size: 1
gradient_accumulation_steps: {given.accumulation} # on {GPUS} GPUs a batch of {student.batch}
gradient_checkpointing: true
bf16: true
output_dir: out
"""
    }


def _llama_factory(given: Given) -> Files:
    student = given.student
    info = {
        "corpus": {
            "file_name": given.data,
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }
    }
    return {
        "dataset_info.json": json.dumps(info, indent=2) + "\n",
        "llama_factory.yaml": f"""\
# llamafactory-cli train llama_factory.yaml
{_head(student)}
model_name_or_path: student
template: deepseek3 # its own, with the same marks as ours; deepseekr1 would put empty tags into an answer without any
dataset: corpus
dataset_dir: .
cutoff_len: {student.context} # by default 2,048, and what is longer is cut without a word
packing: false
stage: sft
do_train: true
finetuning_type: full
learning_rate: {student.learning_rate:.1e}
lr_scheduler_type: cosine_with_min_lr
lr_scheduler_kwargs: {{min_lr_rate: {student.least_learning_rate}}}
num_train_epochs: {student.epochs[0]} # published: {student.epochs[0]} to {student.epochs[1]}
per_device_train_batch_size: 1
gradient_accumulation_steps: {given.accumulation} # on {GPUS} GPUs a batch of {student.batch}
bf16: true
output_dir: out
""",
    }


def _axolotl(given: Given) -> Files:
    student = given.student
    return {
        "axolotl.yaml": f"""\
# axolotl train axolotl.yaml
{_head(student)}
base_model: student
chat_template: tokenizer_default # prepare_student.py has put ours there
datasets:
  - path: {given.data}
    split: train
    type: chat_template
    field_messages: messages
    roles_to_train: [assistant]
    train_on_eos: turn
sequence_len: {student.context} # by default 512
excess_length_strategy: drop # a longer row is dropped; or truncate, or raise
sample_packing: false
learning_rate: {student.learning_rate:.1e}
lr_scheduler: cosine
cosine_min_lr_ratio: {student.least_learning_rate}
num_epochs: {student.epochs[0]} # published: {student.epochs[0]} to {student.epochs[1]}
micro_batch_size: 1
gradient_accumulation_steps: {given.accumulation} # on {GPUS} GPUs a batch of {student.batch}
optimizer: adamw_torch_fused # not published
gradient_checkpointing: true
bf16: true
output_dir: out
"""
    }


def _verl(given: Given) -> Files:
    student = given.student
    return {
        "verl.yaml": f"""\
# torchrun --standalone --nproc_per_node={GPUS} -m verl.trainer.sft_trainer --config-path $PWD --config-name verl
{_head(student)}
hydra:
  searchpath: [pkg://verl.trainer.config]
defaults:
  - sft_trainer_engine
  - _self_
model:
  path: student # its tokenizer has the template
data:
  train_files: {json.dumps(given.data)} # all of it is held in memory
  messages_key: messages
  max_length: {student.context} # by default 1,024, and without padding what is longer is cut without a word
  truncation: error # counts with padding only
  pad_mode: no_padding
  use_dynamic_bsz: true
  max_token_len_per_gpu: {student.context}
  train_batch_size: {student.batch}
  micro_batch_size_per_gpu: 1
optim:
  lr: {student.learning_rate:.1e}
  min_lr_ratio: {student.least_learning_rate}
  lr_scheduler_type: {student.schedule}
trainer:
  total_epochs: {student.epochs[0]} # published: {student.epochs[0]} to {student.epochs[1]}
  n_gpus_per_node: {GPUS}
  project_name: tracegen
  experiment_name: {student.name}
"""
    }


def _nemo(given: Given) -> Files:
    student = given.student
    return {
        "nemo_rl.yaml": f"""\
# In a checkout of NeMo RL, with this folder as $EXPORT:
# cp $EXPORT/nemo_rl.yaml examples/configs/ && uv run examples/run_sft.py --config examples/configs/nemo_rl.yaml \\
#   policy.model_name=$EXPORT/student policy.tokenizer.chat_template=$EXPORT/chat_template.jinja \\
#   data.train.data_path=$EXPORT/{given.data}
{_head(student)}
defaults: sft.yaml
policy:
  model_name: student
  tokenizer:
    name: ${{policy.model_name}}
    chat_template: chat_template.jinja
  max_total_sequence_length: {student.context} # by default 1,024
  train_global_batch_size: {student.batch}
  train_micro_batch_size: 1
  optimizer:
    kwargs:
      lr: {student.learning_rate:.1e}
  scheduler:
    name: torch.optim.lr_scheduler.CosineAnnealingLR
    kwargs:
      T_max: {given.steps} # steps
      eta_min: {given.least:.1e}
sft:
  max_num_epochs: {student.epochs[0]} # published: {student.epochs[0]} to {student.epochs[1]}
  max_num_steps: {given.steps} # by default 60
data:
  add_bos: true # where the template has not put it
  add_eos: true
  add_generation_prompt: false
  train:
    dataset_name: openai_format # not its loader of OpenR1-Math, which learns the final answer only
    data_path: {given.data}
    chat_key: messages
  validation: null
"""
    }


def _head(student: Student) -> str:
    return (
        f"# {student.name}: {student.base} on an R1 corpus, with the published settings (arXiv 2501.12948v2, appendix B)."
        "\n# `python prepare_student.py` makes the folder `student` that it starts from."
    )


def prepare_student(student: Student) -> str:
    """A script that puts base weights, the tokenizer with the special tokens, and the template into one folder."""
    changed = student.rope.model_dump() if student.rope else {}
    return f'''\
"""Puts {student.name} together in the folder `student`: weights of the base, special tokens, template, positions.

It needs huggingface_hub and transformers, and downloads from the hub.
"""

import json
from pathlib import Path

from huggingface_hub import snapshot_download
from transformers import AutoTokenizer

folder = Path("student")
snapshot_download("{student.base}", local_dir=folder, ignore_patterns=["*tokenizer*", "*.pth", "original/*"])
tokenizer = AutoTokenizer.from_pretrained("{student.tokenizer}")
tokenizer.chat_template = Path("chat_template.jinja").read_text(encoding="utf-8")
tokenizer.save_pretrained(folder)
ends = {{"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}}
for name, changed in (("config.json", {changed!r}), ("generation_config.json", {{}})):
    path = folder / name
    if path.exists():
        path.write_text(json.dumps(json.loads(path.read_text()) | ends | changed, indent=2))
'''


CONFIGS: Mapping[Trainer, Callable[[Given], Files]] = {
    Trainer.TRL: _trl,
    Trainer.LLAMA_FACTORY: _llama_factory,
    Trainer.AXOLOTL: _axolotl,
    Trainer.VERL: _verl,
    Trainer.NEMO: _nemo,
}
