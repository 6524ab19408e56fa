"""C++ is compiled and run under the same limits."""

import shutil

import pytest

from tests.sandbox.programs import MIB, Ran, allowance
from tracegen.verify.sandbox.contract import Allowance, Ending, Program, Sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")]

COMPILING = Allowance(cpu_s=10, wall_s=60, memory_bytes=512 * MIB)


def run(sandbox: Sandbox, source: str, stdin: bytes = b"") -> Ran:
    program = sandbox.compile(source, COMPILING)
    assert isinstance(program, Program), program
    return sandbox.run(program, stdin, allowance(cpu_s=1))


def test_a_right_program(sandbox: Sandbox) -> None:
    ran = run(sandbox, "#include <iostream>\nint main() { long long a; std::cin >> a; std::cout << a * 2; }", b"21")
    assert (ran.ending, ran.stdout) == (Ending.EXITED, b"42")


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("while (true);", Ending.CPU_LIMIT),
        ("return 3;", Ending.EXITED),
        ("volatile int *p = nullptr; *p = 1;", Ending.SIGNALLED),
        ("while (true) *new volatile char[1 << 20] = 1;", Ending.MEMORY_LIMIT),
    ],
)
def test_endings(sandbox: Sandbox, body: str, ending: Ending) -> None:
    assert run(sandbox, f"int main() {{ {body} }}").ending is ending


def test_an_error_is_told(sandbox: Sandbox) -> None:
    ran = sandbox.compile("int main() { return x; }", COMPILING)
    assert isinstance(ran, Ran)
    assert ran.exit_code
    assert b"not declared" in ran.stderr


@pytest.mark.parametrize(
    "bomb",
    [
        '#include "/dev/zero"',
        "template<int n> struct A { A<n + 1> a; A<n + 2> b; };\nA<0> a;",
        "int main() { } char big[1 << 30] = {1};",
        '#include "/etc/shadow"',
        'asm(".rept 2000000000; .long 1; .endr");\nint main() { }',
    ],
)
def test_bombs(sandbox: Sandbox, bomb: str) -> None:
    ran = sandbox.compile(bomb, Allowance(cpu_s=2, wall_s=20, memory_bytes=256 * MIB, file_bytes=16 * MIB))
    assert isinstance(ran, Ran)
    assert ran.ending is not Ending.FAILED
