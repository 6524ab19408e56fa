"""Shorthands for programs and what they may use."""

import textwrap

from tracegen.verify.sandbox.contract import Allowance, Program, Ran, Sandbox

MIB = 1024**2
HELLO = Program("python", "print('hello')")


def python(source: str) -> Program:
    return Program("python", textwrap.dedent(source))


def allowance(
    cpu_s: float = 5, wall_s: float = 30, memory: int = 256 * MIB, output: int = 32 * MIB, processes: int = 32
) -> Allowance:
    return Allowance(cpu_s, wall_s, memory, output, 16 * MIB, processes)


def run(sandbox: Sandbox, source: str, stdin: bytes = b"", limits: Allowance | None = None) -> Ran:
    return sandbox.run(python(source), stdin, limits or allowance())
