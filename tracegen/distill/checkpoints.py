"""Which checkpoint of a folder was written to its end."""

import json
from pathlib import Path


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end: Trainer writes ``trainer_state.json`` last."""
    whole = [path for path in folder.glob("checkpoint-*") if _is_whole(path)]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        step = json.loads((checkpoint / "trainer_state.json").read_bytes())["global_step"]
    except (OSError, ValueError, KeyError):
        return False
    return checkpoint.name == f"checkpoint-{step}"
