"""Which calls in an assertion are the candidate's, found by its syntax tree; and the assertion with these replaced."""

import ast
import builtins
from collections.abc import Iterable

ASK = "__ask__"


def outermost_calls(tree: ast.AST, known: set[str]) -> Iterable[ast.Call]:
    """Calls of names that nobody but the candidate can have defined; their arguments are not looked into."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in known:
            yield node
        else:
            yield from outermost_calls(node, known)


def defined_names(tree: ast.AST) -> set[str]:
    """What code defines anywhere in it: functions, classes, imports, variables, arguments."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def entry_points(setup: str, asserts: Iterable[str], named: str = "") -> list[str]:
    """Names of the candidate's functions, in order. Raises SyntaxError for code that does not parse.

    Where only built-in functions are called, one of them is the candidate's: MBPP has one that is to be named ``sum``.
    """
    trees = [ast.parse(text.strip()) for text in asserts]
    known = defined_names(ast.parse(setup)).union(*map(defined_names, trees)) - {named}
    for others in (set(dir(builtins)) - {named}, set()):
        calls = [call for tree in trees for call in outermost_calls(tree, known | others)]
        if calls:
            return list(dict.fromkeys(call.func.id for call in calls))  # type: ignore[attr-defined]
    return []


class Asking(ast.NodeTransformer):
    """Every call of an entry point becomes a question: ``f(x)`` to ``__ask__("f", lambda: here(x), "here(x)")``.

    Where the arguments can be evaluated here and are literals, their values are sent, else their text.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not (isinstance(node.func, ast.Name) and node.func.id in self._names):
            return self.generic_visit(node)
        name = node.func.id
        arguments = ast.Call(ast.Name("__given__", ast.Load()), node.args, node.keywords)
        text = ast.unparse(arguments)
        self.generic_visit(arguments)
        nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        thunk = ast.Lambda(nothing, arguments)
        return ast.copy_location(
            ast.Call(ast.Name(ASK, ast.Load()), [ast.Constant(name), thunk, ast.Constant(text)], []), node
        )
