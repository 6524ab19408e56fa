"""The programs that run in sandboxes on our behalf, put together from the modules in ``guest/``."""

import marshal
from functools import cache
from importlib.resources import files

from tracegen.verify.sandbox.contract import Program

PACKAGE = "tracegen.verify.code.guest"

_MODULE = "_m = sys.modules[{name!r}] = types.ModuleType({name!r}); exec(marshal.loads({code!r}), vars(_m))\n"


def candidate(before: list[str], source: str, names: list[str]) -> Program:
    """Loads a program, then answers calls of its functions. ``before`` is loaded first, as far as it can be."""
    return _program(("channel", "literals", "candidate"), "candidate", "main", (before, source, names))


def asserts_examiner(setup: str, asserts: list[str], names: list[str]) -> Program:
    """Holds the assertions of MBPP's kind."""
    return _program(_EXAMINER, "examiner", "examine_asserts", (setup, asserts, names))


def check_examiner(prompt: str, check: str, name: str) -> Program:
    """Holds a checking function of HumanEval's kind."""
    return _program(_EXAMINER, "examiner", "examine_check", (prompt, check, name))


def output_checker(source: str) -> Program:
    """Holds a checker of outputs."""
    return _program(("channel", "checker"), "checker", "main", (source,))


_EXAMINER = ("channel", "literals", "calls", "candidate", "examiner")


def _program(modules: tuple[str, ...], module: str, function: str, arguments: tuple[object, ...]) -> Program:
    call = f"sys.modules[{f'{PACKAGE}.{module}'!r}].{function}(*{arguments!r})\n"
    return Program("python", _prelude(modules) + call)


@cache
def _prelude(modules: tuple[str, ...]) -> str:
    # By their full names, so that they find each other with the imports that they have here. As compiled code, for
    # a sandbox runs the interpreter that runs us; from source each run would take 10 ms more.
    lines = ["import marshal, sys, types\n"]
    for name in (f"{PACKAGE}.{module}" for module in modules):
        text = (files(PACKAGE) / f"{name.rpartition('.')[2]}.py").read_text("utf-8")
        code = marshal.dumps(compile(text, name, "exec", dont_inherit=True, optimize=2))
        lines.append(_MODULE.format(name=name, code=code))
    return "".join(lines)
