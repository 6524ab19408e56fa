"""A bundled GGUF model as a folder that vLLM loads: bfloat16 safetensors and tokenizer, made once per user."""

import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tracegen.engines.models import BUNDLED, bundled_gguf
from tracegen.errors import RecipeError, boundary

logger = logging.getLogger(__name__)


def converted(name: str, cache: Path) -> Path:
    """The folder of a bundled model; converted into the cache where it is not there yet. Blocks for half a minute."""
    model = BUNDLED[name]
    folder = cache / f"{name}-{model.revision.replace('==', '-')}-bfloat16"
    if folder.is_dir():
        return folder
    source = bundled_gguf(name)
    with boundary(RecipeError, f"converting {name} for vLLM in {cache}", hint="set TRACEGEN_CACHE to another folder"):
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=cache))
        try:
            _convert(source, unfinished)
            publish(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    logger.info("model %s converted: folder=%s", name, folder)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    packed: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    # A fresh model: what the GGUF loader returns refuses to be saved, as quantised.
    plain: Any = type(packed)(config).to(torch.bfloat16)
    plain.load_state_dict(packed.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


def publish(unfinished: Path, folder: Path) -> None:
    """Rename into place, whole. Of two replicas that convert at once, the first one's folder stays."""
    unfinished.chmod(0o755)
    with suppress(OSError):
        os.rename(unfinished, folder)  # noqa: PTH104 -- Path.rename would replace an empty folder on some systems
    if not folder.is_dir():
        msg = f"cannot write {folder}"
        raise OSError(msg)
