"""From a corpus to a student, with TRL::

    python jobs/distill.py runs/RUN/corpus/VERSION --student qwen-1.5b --out students/qwen-1.5b

On several GPUs the same line runs in every process: ``accelerate launch jobs/distill.py …`` or ``torchrun``. The same
command again goes on from the last checkpoint. What trains and on what: docs/training.md.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from tracegen.cli.failures import told
from tracegen.cli.terminal import show_logs
from tracegen.distill.checkpoints import last_checkpoint
from tracegen.distill.corpus import corpora, corpus_at
from tracegen.distill.needs import require_trainer
from tracegen.distill.plan import planned, refuse_too_long
from tracegen.distill.record import finished, must_continue, new_record, read_record, write_record
from tracegen.distill.rows import lengths, no_longer_than, tokenized
from tracegen.distill.settings import Dtype, Order, TooLong, published
from tracegen.distill.tokenizer import student_tokenizer
from tracegen.distill.training import base_config, load_base, make_trainer, processes, shape_of, train
from tracegen.distill.words import described
from tracegen.students import load_student

Corpus = Annotated[str, typer.Argument(metavar="CORPUS", help="The folder of a corpus or of a run, local or s3://.")]
StudentName = Annotated[str, typer.Option("--student", metavar="NAME", help="qwen-1.5b, llama-8b, …")]
Output = Annotated[
    Path, typer.Option("--out", "--output", metavar="FOLDER", help="Where checkpoints and the student go.")
]
Base = Annotated[str | None, typer.Option("--base", metavar="MODEL", help="Instead of the student's published base.")]
Epochs = Annotated[float | None, typer.Option("--epochs", help="Instead of the published 2 (2 to 3 were published).")]
LearningRate = Annotated[float | None, typer.Option("--learning-rate", help="Instead of the published one.")]
Batch = Annotated[int | None, typer.Option("--batch", help="Rows a step, over all GPUs; instead of the published 64.")]
MaxLength = Annotated[int | None, typer.Option("--max-length", help="Tokens of a row; instead of 32,768.")]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", help="At most so many steps; the cosine ends there.")]
Long = Annotated[TooLong, typer.Option("--too-long", help="What becomes of longer rows. None is ever cut.")]
MicroBatch = Annotated[int, typer.Option("--micro-batch", min=1, help="Rows that a GPU holds at once.")]
SaveEvery = Annotated[int, typer.Option("--save-every", min=1, help="Steps between checkpoints.")]
Precision = Annotated[Dtype, typer.Option("--dtype", help="What is computed in; weights stay float32.")]
Seed = Annotated[int, typer.Option("--seed", help="Order of the rows, and new embeddings.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print steps, tokens and memory, and stop.")]


def distill(  # noqa: PLR0913
    corpus: Corpus,
    student: StudentName,
    output: Output,
    base: Base = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    batch: Batch = None,
    max_length: MaxLength = None,
    max_steps: MaxSteps = None,
    too_long: Long = "refuse",
    micro_batch: MicroBatch = 1,
    save_every: SaveEvery = 500,
    dtype: Precision = "bfloat16",
    seed: Seed = 0,
    dry_run: DryRun = False,
) -> None:
    """Fine-tune a student on every sample of a corpus: its reasoning, its answer and its end."""
    show_logs(verbose=True)

    require_trainer()

    # What was published for this student, with the caller's changes laid over it.
    named = load_student(student)
    changes: dict[str, object] = {"base": base, "epochs": epochs, "learning_rate": learning_rate, "batch": batch}
    changes |= {"max_length": max_length, "max_steps": max_steps, "too_long": too_long, "dtype": dtype, "seed": seed}
    settings = published(named, changes)
    order = Order(corpus, settings, output, micro_batch, save_every)

    # Find the corpus, whole; make the student's tokenizer from its base's; turn every sample into tokens, and mark
    # those that are learnt. Of several processes on a machine one does the work, and the others find it done.
    here = processes()
    with here.local_main_process_first():
        found = corpus_at(corpus, corpora(os.environ))
        tokenizer = student_tokenizer(named, settings.base)
        rows = tokenized(found.files, tokenizer)
    sizes = lengths(rows)

    # Count steps, tokens and memory. Whatever can be wrong is found here, before a weight is loaded.
    config = base_config(settings)
    plan = planned(settings, sizes, shape_of(config), processes=here.num_processes, micro_batch=micro_batch)
    record = new_record(settings, found, config)
    must_continue(read_record(output), record, output)
    if here.is_main_process:
        print(described(order, plan, last_checkpoint(output)))
    if dry_run:
        return
    refuse_too_long(settings, plan)

    # `student.json` says from the first step on which corpus, base and settings make this student.
    if here.is_main_process:
        write_record(output, record)

    # Train, from the beginning or from the last whole checkpoint on.
    model = load_base(settings, config, tokenizer)
    trainer = make_trainer(order, plan, model, tokenizer, no_longer_than(rows, settings.max_length, sizes))
    losses = train(trainer, output)

    # The student is in the folder, with its tokenizer and template. Its record tells how training went.
    if here.is_main_process:
        write_record(output, finished(record, plan, losses))
        print(f"loss     {losses[0]:.3f} to {losses[-1]:.3f}")


if __name__ == "__main__":
    told(lambda: typer.run(distill))
