"""How a program ended is told as it was. C5 to C7, C12, C20, C22, C23, C29, C32, C33 of docs of the verifiers."""

import pytest

from tests.sandbox.programs import MIB, allowance, run
from tracegen.verify.sandbox.contract import Ending, Sandbox

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize(
    ("source", "code", "stdout"),
    [
        ("import os\nprint('lost')\nos._exit(0)", 0, b""),
        ("import sys\nprint('kept')\nsys.exit(0)", 0, b"kept\n"),
        ("pass", 0, b""),
        ("raise SystemExit(7)", 7, b""),
        ("raise SystemExit('no')", 1, b""),
        ("1 / 0", 1, b""),
        ("syntax error", 1, b""),
        ("def f(n): return f(n + 1)\nf(0)", 1, b""),
        ("out = open(1, 'w')\nout.write('flushed at the end')", 0, b"flushed at the end"),
        ("import atexit\natexit.register(print, 'at exit')", 0, b"at exit\n"),
        ("import threading\nthreading.Timer(0.1, print, ['a thread']).start()", 0, b"a thread\n"),
        ("import sys\nsys.excepthook = lambda *_: print('hooked')\n1 / 0", 1, b"hooked\n"),
        ("def f(n): return n and f(n - 1)\nprint(f(990))", 0, b"0\n"),
        ("import sys\nsys.stdout.buffer.write(b'\\xff\\xfe\\n')\nprint('\\udc80')", 0, b"\xff\xfe\n\x80\n"),
        ("import sys\nprint(__name__, sys.argv[1:], 'tracegen' in sys.modules)", 0, b"__main__ [] False\n"),
    ],
)
def test_exits(sandbox: Sandbox, source: str, code: int, stdout: bytes) -> None:
    ran = run(sandbox, source)
    assert (ran.ending, ran.exit_code, ran.stdout) == (Ending.EXITED, code, stdout)


@pytest.mark.parametrize(
    "source",
    [
        "print(input() + input())",
        "import sys\nprint(sys.stdin.read().replace('\\n', ''))",
        "import sys\nprint(sys.stdin.buffer.read().decode().replace('\\n', ''))",
        "print(''.join(line.strip() for line in open(0)))",
        "print(''.join(line.strip() for line in open('/dev/stdin')))",
        "import os\nprint(os.read(0, 99).decode().replace('\\n', ''))",
    ],
)
def test_reads_its_input(sandbox: Sandbox, source: str) -> None:
    assert run(sandbox, source, b"one\ntwo\n").stdout == b"onetwo\n"


def test_a_traceback_is_the_programs_own(sandbox: Sandbox) -> None:
    ran = run(sandbox, "def f():\n    raise ValueError('mine')\nf()")
    assert b"ValueError: mine" in ran.stderr
    assert b"inside" not in ran.stderr


@pytest.mark.parametrize(
    ("source", "signal"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", 9),
        ("import os\nos.abort()", 6),
        ("import ctypes\nctypes.string_at(0)", 11),
        ("import sys\nsys.setrecursionlimit(10**9)\nf = lambda x: list(map(f, [x]))\nf(0)", 11),
    ],
)
def test_signals(sandbox: Sandbox, source: str, signal: int) -> None:
    ran = run(sandbox, source, limits=allowance(memory=512 * MIB))
    assert (ran.ending, ran.signal) == (Ending.SIGNALLED, signal)


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import contextlib, signal\nfor n in range(1, 65):\n"
        "    with contextlib.suppress(OSError, ValueError): signal.signal(n, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "import time\ntime.time = time.monotonic = lambda: 0\nwhile True: pass",
        "import os\nfor _ in range(3): os.fork()\nwhile True: pass",
        "import threading, zlib\ndata = bytes(1 << 20)\ndef work():\n    while True: zlib.compress(data)\n"
        "for _ in range(4): threading.Thread(target=work).start()",
    ],
)
def test_processor_time_of_all_its_processes_and_threads_decides(sandbox: Sandbox, source: str) -> None:
    ran = run(sandbox, source, limits=allowance(cpu_s=0.5))
    assert ran.ending is Ending.CPU_LIMIT
    assert 0.5 <= ran.cpu_s < 1.5


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(60)",
        "import os, time\nos.close(1)\nos.close(2)\ntime.sleep(60)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[60]).start()",
        "import atexit, time\natexit.register(time.sleep, 60)",
        "import sys\nsys.stdin.read(1)\nimport signal\nsignal.pause()",
    ],
)
def test_sleeping_is_not_computing(sandbox: Sandbox, source: str) -> None:
    ran = run(sandbox, source, limits=allowance(wall_s=0.7))
    assert ran.ending is Ending.WALL_LIMIT
    assert ran.cpu_s < 0.3


@pytest.mark.parametrize(
    "source",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\nprint('done')",
        "import os, time\nif not os.fork():\n    time.sleep(60)\nprint('done')",
        "import os, time\nif not os.fork():\n    os.setsid()\n    os.fork() or time.sleep(60)\n    os._exit(0)\nprint('done')",
    ],
)
def test_what_outlives_the_program_is_not_waited_for(sandbox: Sandbox, source: str) -> None:
    ran = run(sandbox, source)
    assert (ran.ending, ran.stdout) == (Ending.EXITED, b"done\n")
    assert ran.wall_s < 10


@pytest.mark.parametrize("megabytes", [1, 10])
def test_long_output_is_whole(sandbox: Sandbox, megabytes: int) -> None:
    ran = run(sandbox, f"print('0123456789abcde\\n' * {megabytes * MIB // 16}, end='')")
    assert ran.ending is Ending.EXITED
    assert ran.stdout == b"0123456789abcde\n" * (megabytes * MIB // 16)


def test_too_much_output_is_cut_and_says_so(sandbox: Sandbox) -> None:
    ran = run(sandbox, "while True: print('x' * 9999)", limits=allowance(output=MIB))
    assert (ran.ending, len(ran.stdout)) == (Ending.OUTPUT_LIMIT, MIB)


@pytest.mark.parametrize("flood", ["sys.stderr.write(data)", "sys.stderr.write(data); sys.stdout.write(data)"])
def test_floods_do_not_block_each_other(sandbox: Sandbox, flood: str) -> None:
    ran = run(sandbox, f"import sys\ndata = 'x' * 9999 + '\\n'\nfor _ in range(500): {flood}")
    assert ran.ending is Ending.EXITED
    assert 0 < len(ran.stderr) < 10_000
    assert len(ran.stdout) in (0, 5_000_000)


def test_input_that_is_never_read_blocks_nobody(sandbox: Sandbox) -> None:
    ran = run(sandbox, "print('done')", b"x" * (10 * MIB))
    assert (ran.ending, ran.stdout) == (Ending.EXITED, b"done\n")
    counted = run(sandbox, "import sys\nprint(len(sys.stdin.buffer.read()))", b"x" * (10 * MIB))
    assert counted.stdout == b"%d\n" % (10 * MIB)
