"""The published schemas, generated from the code: ``python -m tracegen.schemas [--check] [DIR]``."""

import argparse
import ast
import difflib
import inspect
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from tracegen import filter_options, recipe, recipe_reads, types
from tracegen.columns import Column
from tracegen.corpus import manifest, schema
from tracegen.corpus.manifest import CorpusManifest
from tracegen.ledger.schema import COMPLETION, JUDGEMENT
from tracegen.prompts.schema import COLUMNS as PROMPT_COLUMNS
from tracegen.prompts.schema import PROMPT
from tracegen.recipe import RECIPE_SCHEMA, Recipe

FOLDER = Path("schemas")
JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"

Document = dict[str, Any]


LEDGER_DOCS = {
    "attempt_id": "prompt_id, a dot, and the attempt's index",
    "index": "which of the prompt's attempts, from 0",
    "shard_id": "the prompt's shard: domain, and a hash over the shard's prompt ids",
    "model": "model that wrote the completion",
    "revision": "the model's revision",
    "replica_id": "copy of the teacher that wrote it",
    "wall_s": "seconds from request to completion",
    "outcome": "correct, incorrect or undecided",
    "cpu_s": "processor seconds that judging took",
}
"""What the ledger's fields mean whose docstrings are too plain to be there."""


def documents() -> dict[str, Document]:
    """Every schema by its file's name."""
    sample, prompt = _column_docs(schema.COLUMNS), _column_docs(PROMPT_COLUMNS)
    ledger = {**sample, **LEDGER_DOCS}
    return {
        "recipe.v1.json": model_document(RECIPE_SCHEMA, Recipe),
        "prompt.v1.json": table_document("tracegen/prompt/1", PROMPT, prompt),
        "completion.v1.json": table_document(
            "tracegen/completion/1", COMPLETION, ledger | _docs_of(types.Request, types.Generation, types.Completion)
        ),
        "verdict.v1.json": table_document(
            "tracegen/verdict/1", JUDGEMENT, ledger | _docs_of(types.Verdict, types.Judgement)
        ),
        "sample.v2.json": table_document(schema.CORPUS_SCHEMA, schema.SAMPLE, sample),
        "manifest.v1.json": model_document("tracegen/manifest/1", CorpusManifest),
    }


def table_document(name: str, table: pa.Schema, docs: Mapping[str, str]) -> Document:
    """An Arrow schema as JSON: what pyarrow reports of the files, and what the columns mean."""
    fields = [
        {"name": field.name, "type": str(field.type), "nullable": field.nullable, "doc": docs.get(field.name, "")}
        for field in table
    ]
    return {"schema": name, "fields": fields}


def model_document(name: str, model: type[BaseModel]) -> Document:
    """A model as JSON Schema, described by the docstrings under its attributes."""
    document: Document = {"$schema": JSON_SCHEMA, "$id": name, **model.model_json_schema()}
    known = {
        name: one
        for home in (types, filter_options, recipe_reads, recipe, manifest)
        for name, one in vars(home).items()
        if isinstance(one, type)
    }
    for title, definition in [(model.__name__, document), *document.get("$defs", {}).items()]:
        docs = attribute_docs(known[title]) if title in known else {}
        for key in definition.get("properties", {}).keys() & docs.keys():
            definition["properties"][key]["description"] = docs[key]
    return document


def attribute_docs(owner: type) -> dict[str, str]:
    """Docstrings that stand under the attributes of a class and of its bases."""
    docs: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        if base.__module__.startswith("tracegen."):
            docs |= dict(_docs_in(inspect.getsource(base)))
    return docs


def _column_docs(columns: Iterable[Column]) -> dict[str, str]:
    return {column.name: column.doc for column in columns}


def _docs_of(*owners: type) -> dict[str, str]:
    return {name: doc for owner in owners for name, doc in attribute_docs(owner).items()}


def _docs_in(source: str) -> Iterator[tuple[str, str]]:
    body = ast.parse(textwrap.dedent(source)).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for attribute, text in pairwise(statements):
        match attribute, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(doc))):
                yield name, " ".join(doc.split())


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (folder / name).write_text(_text(document), encoding="utf-8")


def differences(folder: Path) -> str:
    """Where the files differ from the code, as one diff; empty when they do not."""
    code = {name: _text(document) for name, document in documents().items()}
    files = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.json")}
    return "".join(
        line
        for name in sorted(code.keys() | files.keys())
        for line in difflib.unified_diff(
            files.get(name, "").splitlines(keepends=True),
            code.get(name, "").splitlines(keepends=True),
            f"{folder / name}",
            "the code",
        )
    )


def main(arguments: Sequence[str]) -> int:
    """Write the files, or hold them against the code: 1 when they differ."""
    parser = argparse.ArgumentParser(prog="python -m tracegen.schemas", description="Write the published schemas.")
    parser.add_argument("--check", action="store_true", help="write nothing; show where the files differ")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="DIR")
    given = parser.parse_args(arguments)
    if not given.check:
        write(given.folder)
        return 0
    found = differences(given.folder)
    sys.stdout.write(found)
    return 1 if found else 0


def _text(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
