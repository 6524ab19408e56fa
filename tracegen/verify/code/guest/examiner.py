"""The examiner's side: runs a reference's assertions, and asks for every call that they make of the candidate.

It holds the expected values and comes to the verdict, in a process that the candidate cannot see.
"""

import ast
import builtins
import importlib
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from tracegen.verify.code.guest.calls import ASK, Asking
from tracegen.verify.code.guest.candidate import run_each
from tracegen.verify.code.guest.channel import Receive, Send, open_channel
from tracegen.verify.code.guest.literals import decode, dumps, loads, renew

MAX_EXCERPT = 100
WITH_ASSERTS = 0
"""However the interpreter was started: without its assertions, every check would hold."""
NOT_THE_CANDIDATES = (NameError, ImportError, SyntaxError, MemoryError)
"""What a reference raises when it is at fault itself."""


class Examiner:
    """One examination."""

    def __init__(self, receive: Receive, send: Send, setup: str) -> None:
        self._receive = receive
        self._send = send
        self._setup = setup
        self._raised: list[BaseException] = []
        self.answers = 0
        self.step = ""
        self.last = ""

    def end(self, outcome: str, reason: str, detail: str = "") -> NoReturn:
        """Give the verdict."""
        told = ": ".join(filter(None, (self.step, detail)))
        self._send("verdict " + json.dumps([outcome, reason, told]))
        os._exit(0)

    def ask(self, name: str, given: Callable[[], Any], text: str = "") -> Any:
        """A call of the candidate's function: its result, or its exception."""
        args, question = self._question(given, text)
        if question is None:
            self.end("undecided", "arguments_unavailable", f"an argument of {name} is no literal")
        self._send("call " + json.dumps({"name": name, **question}))
        line = self._receive()
        self.last = line.strip()[:MAX_EXCERPT]
        try:
            result, raised = self._read(json.loads(line), args)
        except Exception:  # noqa: BLE001 - whatever the candidate made of its answer
            self.end("incorrect", "not_a_literal", f"{name} answered what is no literal")
        self.answers += 1
        if raised is not None:
            self._raised.append(raised)
            raise raised
        return result

    def _question(self, given: Callable[[], Any], text: str) -> tuple[Any, dict[str, Any] | None]:
        """Arguments by value where they have one, by text where there is one."""
        try:
            args = given()
            return args, {"args": dumps(args)}
        except Exception as error:
            if self._is_candidates(error):
                raise
            return None, {"text": text, "setup": self._setup} if text else None

    def _read(self, answer: dict[str, Any], args: Any) -> tuple[Any, Exception | None]:
        """Result and exception."""
        if "unavailable" in answer:
            self.end("undecided", "arguments_unavailable", str(answer["unavailable"])[:MAX_EXCERPT])
        if "refused" in answer:
            self.end("incorrect", "not_a_literal", f"it returned {str(answer['refused'])[:MAX_EXCERPT]}")
        if "raised" in answer:
            known, text, own = answer["raised"]
            self.last = f"raised {str(own)[:MAX_EXCERPT]}"
            return None, _exception(known, text)
        result = decode(answer["result"])
        if "after" in answer and args is not None:
            renew(args, loads(answer["after"]))
        return result, None

    def _is_candidates(self, error: BaseException) -> bool:
        return any(error is raised for raised in self._raised)

    def run(self, step: str, action: Callable[[], Any]) -> None:
        """One assertion. Returns when it holds."""
        self.step, asked = step, self.answers
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever a reference raises
            if self._is_candidates(error):
                self.end("incorrect", "memory_limit" if isinstance(error, MemoryError) else "runtime_error", self.last)
            if isinstance(error, AssertionError):
                self.end("incorrect", "wrong_answer", f"answered {self.last}")
            if self.answers == asked or isinstance(error, NOT_THE_CANDIDATES):
                self.end("undecided", "reference_failed", f"the reference raises {type(error).__name__}")
            self.end("incorrect", "wrong_answer", f"{type(error).__name__} over the answer {self.last}")


def _exception(name: str, text: str) -> Exception:
    """A built-in exception by its name, or the nearest that can be made."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(TypeError):  # as of UnicodeDecodeError, which takes five arguments
            return kind(text)
    return RuntimeError(text)


def examine_asserts(setup: str, asserts: Sequence[str], names: Sequence[str]) -> None:
    """Every assertion must hold."""
    examiner, space = _begin(setup)
    for name in names:
        space[name] = _proxy(examiner, name)
    space["__given__"] = _given
    space[ASK] = examiner.ask
    run_each(space, setup)
    for name in names:
        space[name] = _proxy(examiner, name)
    for number, text in enumerate(asserts, 1):
        tree = ast.parse(text.strip())
        _import_named(space, tree)
        tree = ast.fix_missing_locations(Asking(names).visit(tree))
        code = compile(tree, "assert", "exec", dont_inherit=True, optimize=WITH_ASSERTS)
        step = f"assert {number} of {len(asserts)}, {text.strip()[:MAX_EXCERPT]!r}"
        examiner.run(step, partial(exec, code, space))
    _passed(examiner, f"{len(asserts)} asserts hold")


def examine_check(prompt: str, check: str, name: str) -> None:
    """The checking function must return."""
    examiner, space = _begin("")
    proxy = _proxy(examiner, name)
    run_each(space, prompt)
    space[name] = proxy
    code = compile(check, "check", "exec", dont_inherit=True, optimize=WITH_ASSERTS)
    examiner.run("", lambda: exec(code, space))  # noqa: S102 - this is a sandbox
    examiner.run("", lambda: space["check"](proxy))
    _passed(examiner, "the check holds")


def _import_named(space: dict[str, Any], tree: ast.AST) -> None:
    """Modules of Python's library that code names and nobody imports: MBPP's assertions count on the solution's."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - space.keys()
    for name in names & sys.stdlib_module_names:
        with suppress(Exception):
            space[name] = importlib.import_module(name)


def _begin(setup: str) -> tuple[Examiner, dict[str, Any]]:
    receive, send = open_channel()
    random.seed(0)
    return Examiner(receive, send, setup), {"__name__": "reference"}


def _proxy(examiner: Examiner, name: str) -> Callable[..., Any]:
    def proxy(*args: Any, **kwargs: Any) -> Any:
        return examiner.ask(name, lambda: _given(*args, **kwargs))

    proxy.__name__ = name
    return proxy


def _given(*args: Any, **kwargs: Any) -> list[Any]:
    return [list(args), kwargs]


def _passed(examiner: Examiner, detail: str) -> NoReturn:
    examiner.step = ""
    if not examiner.answers:
        examiner.end("undecided", "reference_failed", "the reference never calls the function")
    examiner.end("correct", "passed", detail)
