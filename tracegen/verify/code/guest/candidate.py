"""The candidate's side: loads a program, and answers calls of its functions with typed literals.

The program may change anything in here, and gains nothing: whatever it makes this side say is only its answer.
"""

import json
import random
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from tracegen.verify.code.guest.channel import open_channel
from tracegen.verify.code.guest.literals import NotALiteral, dumps, encode, loads

MAX_MESSAGE = 200


def main(before: Sequence[str], source: str, names: Sequence[str]) -> None:
    """Say ``ready``, or why not; then answer ``<number> <question>`` by ``<number> <answer>`` for ever."""
    receive, send = open_channel()
    random.seed(0)
    module = ModuleType("solution")
    sys.modules["solution"] = module
    space = module.__dict__
    space["__given__"] = lambda *args, **kwargs: (list(args), kwargs)
    send(load(space, before, source, names))
    setups: set[str] = set()
    while True:
        number, _, question = receive().partition(" ")
        send(f"{number} {json.dumps(answer(space, json.loads(question), setups), separators=(',', ':'))}")


def load(space: dict[str, Any], before: Sequence[str], source: str, names: Sequence[str]) -> str:
    """``ready``, ``raised <type>`` or ``missing <name>``."""
    for text in before:
        run_each(space, text)
    try:
        exec(compile(source, "solution.py", "exec", dont_inherit=True), space)  # noqa: S102 - this is a sandbox
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it raises, it is told
        return f"raised {type(error).__name__}"
    missing = [name for name in names if name not in space]
    return f"missing {missing[0]}" if missing else "ready"


def run_each(space: dict[str, Any], text: str) -> None:
    """Run what can be run: a reference's code may need what this side lacks."""
    import ast

    for statement in ast.parse(text).body:
        try:
            exec(compile(ast.Module([statement], []), "setup", "exec"), space)  # noqa: S102 - this is a sandbox
        except Exception:  # noqa: BLE001, S112 - whoever needs it will miss it
            continue


def answer(space: dict[str, Any], question: dict[str, Any], setups: set[str]) -> dict[str, Any]:
    """``result``, ``raised``, ``refused`` for a result that is no literal, ``unavailable`` for arguments."""
    try:
        args, kwargs = _arguments(space, question, setups)
    except Exception as error:  # noqa: BLE001 - what it raises is not the function's doing
        return {"unavailable": type(error).__name__}
    function = space[question["name"]]
    try:
        result = function(*args, **kwargs)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it raises, it is told
        return {"raised": _raised(error)}
    try:
        told: dict[str, Any] = {"result": encode(result)}
        after = dumps([args, kwargs]) if "args" in question else ""
    except (NotALiteral, RecursionError, RuntimeError, ValueError) as error:
        # A class is not asked for, but its methods are; that cannot be done from outside.
        return {"unavailable" if type(function) is type else "refused": str(error)[:MAX_MESSAGE]}
    return {**told, "after": after} if after != question.get("args", "") else told


def _arguments(space: dict[str, Any], question: dict[str, Any], setups: set[str]) -> tuple[list[Any], dict[str, Any]]:
    if "args" in question:
        args, kwargs = loads(question["args"])
        return args, kwargs
    if question["setup"] not in setups:
        setups.add(question["setup"])
        run_each(space, question["setup"])
    args, kwargs = eval(question["text"], space)  # noqa: S307 - this is a sandbox
    return args, kwargs


def _raised(error: BaseException) -> list[str]:
    """Its nearest built-in type, its text, its own type."""
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    try:
        text = str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - its own methods may do anything
        text = ""
    return [known.__name__, text if type(text) is str else "", type(error).__name__]
