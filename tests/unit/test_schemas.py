"""The published schemas: equal to the code, to the files that are written, and complete."""

import json
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.filled import SET, fill, recipe
from tracegen.corpus.build import build
from tracegen.schemas import documents, main
from tracegen.store import MemoryStore

FOLDER = Path(__file__).parents[2] / "schemas"


def published(name: str) -> dict[str, object]:
    [file] = FOLDER.glob(f"{name}.v*.json")
    document: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return document


def test_the_files_are_what_the_code_says() -> None:
    assert main(["--check", str(FOLDER)]) == 0


def test_a_difference_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    file = tmp_path / "sample.v2.json"
    file.write_text(file.read_text().replace('"prompt_id"', '"prompt"'))
    (tmp_path / "old.v1.json").write_text("{}\n")
    (tmp_path / "verdict.v1.json").unlink()
    assert main(["--check", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    for expected in (
        '-      "name": "prompt"',
        '+      "name": "prompt_id"',
        "-{}",
        '+  "schema": "tracegen/verdict/1"',
    ):
        assert expected in shown


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("prompt", "prompts/"),
        ("completion", "ledger/completions/"),
        ("verdict", "ledger/verdicts/"),
        ("sample", "corpus/"),
    ],
)
def test_a_schema_is_what_pyarrow_reports_of_the_files(tmp_path: Path, name: str, prefix: str) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of)
    build(store, of, SET, "r-1")
    files = [found.key for found in store.list(prefix) if found.key.endswith(".parquet")]
    assert files
    for key in files:
        reported = pq.read_schema(pa.BufferReader(store.get(key)))
        shown = [{"name": field.name, "type": str(field.type), "nullable": field.nullable} for field in reported]
        fields = published(name)["fields"]
        assert [{key: field[key] for key in ("name", "type", "nullable")} for field in fields] == shown  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["prompt", "completion", "verdict", "sample"])
def test_every_column_is_explained_and_never_null(name: str) -> None:
    for field in published(name)["fields"]:  # type: ignore[attr-defined]
        assert field["doc"], field["name"]
        assert not field["nullable"]
        assert field["type"] != "null"


@pytest.mark.parametrize("name", ["recipe", "manifest"])
def test_a_json_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(published(name))


def test_a_manifest_and_a_recipe_meet_their_schemas(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of)
    built = build(store, of, SET, "r-1")
    manifest = json.loads(store.get(f"corpus/{built.version}/manifest.json"))
    jsonschema.validate(manifest, published("manifest"))
    written = yaml.safe_load(yaml.safe_dump(of.model_dump(mode="json")))
    jsonschema.validate(written, published("recipe"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**written, "nmae": "x"}, published("recipe"))


def test_what_the_recipe_schema_says_of_a_key_is_its_docstring() -> None:
    teacher = documents()["recipe.v1.json"]["$defs"]["Teacher"]["properties"]
    assert teacher["prefill"]["description"].startswith("What the response is made to begin with.")
