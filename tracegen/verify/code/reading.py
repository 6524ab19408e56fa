"""What a code reference says, by its syntax trees: whether it can be judged against, and what each side is given."""

import ast
from functools import lru_cache

from tracegen.types import AssertsReference, CheckReference, Reference, StdioReference
from tracegen.verify.code.guest.calls import entry_points

_UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def problem(reference: Reference) -> str:
    """Why a reference cannot be judged against, or an empty string."""
    try:
        if isinstance(reference, StdioReference):
            return _stdio_problem(reference)
        if isinstance(reference, AssertsReference):
            return _asserts_problem(reference)
        if isinstance(reference, CheckReference):
            return _check_problem(reference)
    except _UNPARSABLE as error:
        return f"its code does not parse: {type(error).__name__}"
    return f"a reference of kind {reference.kind!r} is no program's"


def functions_of(reference: Reference) -> list[str]:
    """Names that the program must define; none for a program that reads and prints."""
    if isinstance(reference, CheckReference):
        return [reference.entry_point]
    return list(_entry_points(reference)) if isinstance(reference, AssertsReference) else []


def shared_setup(setup: str) -> str:
    """The part that the candidate's side always has: imports and classes. The rest may hold what it must not see."""
    kept: list[ast.stmt] = [
        node for node in ast.parse(setup).body if isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef))
    ]
    return ast.unparse(ast.Module(kept, []))


def prompt_code(prompt: str) -> str:
    """The prompt as code that parses: one that ends in a signature gets a body."""
    return next((code for code in (prompt, f"{prompt.rstrip()}\n    pass\n") if _parses(code)), "")


def completed(reference: CheckReference, source: str) -> str:
    """The whole program, where an answer only goes on where the prompt ends; else the answer as it is."""
    whole = f"{reference.prompt}\n{source}" if reference.prompt else source
    return whole if _defines(whole, reference.entry_point) and not _defines(source, reference.entry_point) else source


@lru_cache(maxsize=256)
def _entry_points(reference: AssertsReference) -> tuple[str, ...]:
    try:
        return tuple(entry_points(reference.setup, reference.asserts, reference.entry_point))
    except _UNPARSABLE:
        return ()


def _stdio_problem(reference: StdioReference) -> str:
    if reference.checker is not None:
        return (
            "" if _defines(reference.checker, "check") else "its checker has no function check(input, expected, output)"
        )
    if all(not test.output.strip() for test in reference.tests):
        return "no test expects any output"
    return ""


def _asserts_problem(reference: AssertsReference) -> str:
    trees = [ast.parse(text.strip()) for text in reference.asserts]
    if not any(isinstance(node, ast.Assert) for tree in trees for node in ast.walk(tree)):
        return "it asserts nothing"
    ast.parse(reference.setup)
    names = _entry_points(reference)
    if reference.entry_point and reference.entry_point not in names:
        return f"no assertion calls {reference.entry_point!r}"
    return "" if names else "no assertion calls a function that only the answer can define"


def _check_problem(reference: CheckReference) -> str:
    if not reference.entry_point.isidentifier():
        return f"{reference.entry_point!r} is no name of a function"
    ast.parse(reference.check)
    return "" if _defines(reference.check, "check") else "its code has no function check(candidate)"


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except _UNPARSABLE:
        return False
    return True


def _defines(code: str, name: str) -> bool:
    """Whether code that parses defines a function, in one of its own lines."""
    try:
        nodes = ast.parse(code).body
    except _UNPARSABLE:
        return False
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, functions) and node.name == name for node in nodes) or any(
        isinstance(target, ast.Name) and target.id == name
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
    )
