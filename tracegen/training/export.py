"""Export: rows as a trainer reads them, and the configuration to start from. It cuts no row and leaves none out."""

from dataclasses import dataclass
from pathlib import Path

from tracegen.errors import UserError
from tracegen.students import Student
from tracegen.training.configs import CONFIGS, Given, prepare_student
from tracegen.training.conversation import shape_of
from tracegen.training.copies import Counts, counted, to_jsonl, to_parquet, whole_folder
from tracegen.training.dataset import Dataset
from tracegen.training.trainers import HABITS, Shape, Trainer

DATA = "data"
ROWS_FILE = "train.jsonl"


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    out: Path
    files: tuple[str, ...]
    """Configuration and other texts, by name."""
    data: str | list[str]
    """Where the rows are: below ``out``, or where they were, as a glob or as names."""
    copied: bool
    counts: Counts
    notes: tuple[str, ...]


def export(dataset: Dataset, trainer: Trainer, student: Student, out: Path, *, copy: bool = False) -> Exported:
    """Write a folder that appears whole. Raises UserError.

    TRL reads a corpus of ``messages`` in Parquet as it lies: its rows are copied only if asked.
    """
    shape = shape_of(dataset.columns, dataset.place)
    if shape is Shape.TEXT:
        raise UserError(f"{dataset.place}: rows of text are rendered already", hint="export rows of messages")
    in_place = trainer is Trainer.TRL and not copy and shape is Shape.MESSAGES and dataset.files[0].is_parquet
    data: str | list[str]
    with whole_folder(out) as folder:
        if in_place:
            data, counts = _as_it_lies(dataset), counted(dataset, student.context)
        elif trainer is Trainer.NEMO:
            data, counts = ROWS_FILE, to_jsonl(dataset, shape, folder / ROWS_FILE, student.context)
        else:
            data, counts = DATA, to_parquet(dataset, shape, folder / DATA, student.context)
        texts = {
            **CONFIGS[trainer](Given(student, _named(trainer, data, dataset), counts.rows)),
            "chat_template.jinja": student.template,
            "prepare_student.py": prepare_student(student),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return Exported(out, tuple(texts), data, not in_place, counts, _notes(counts, trainer, student))


def _notes(counts: Counts, trainer: Trainer, student: Student) -> tuple[str, ...]:
    """What a person should know of rows that are too long, as sentences."""
    if counts.counted:
        told = (
            f"{counts.over:,} of {counts.counted:,} rows exceed the context of {student.context:,} tokens by the count "
            "of the engine that made them; `tracegen lint` counts by the student's tokenizer"
        )
    else:
        told = "how many rows exceed the context is not known: `tracegen lint --sample all` counts them"
    return (told, f"what {trainer} does with a longer row: {HABITS[trainer].over}")


def _as_it_lies(dataset: Dataset) -> str | list[str]:
    """A glob where it meets these files and no others, else their names."""
    scheme = "s3://" if dataset.place.startswith("s3://") else ""
    paths = [scheme + (file.path if scheme else str(Path(file.path).absolute())) for file in dataset.files]
    folders = {path.rpartition("/")[0] for path in paths}
    whole = len(folders) == 1 and len(paths) > 1 and "*" not in dataset.place
    return f"{folders.pop()}/*.parquet" if whole else paths if len(paths) > 1 else paths[0]


def _named(trainer: Trainer, data: str | list[str], dataset: Dataset) -> str | list[str]:
    """The rows as the trainer's configuration has them."""
    if data != DATA:
        return data
    files = len(dataset.files)
    match trainer:
        case Trainer.TRL:
            return f"{DATA}/*.parquet"
        case Trainer.VERL:  # takes no glob
            return [f"{DATA}/train-{number:05d}-of-{files:05d}.parquet" for number in range(files)]
        case _:
            return DATA
