"""Programs that attack their judge: none passes, and a right one passes after each. The sandbox's own tests are beside.

Numbers as C5 are those of the acceptance suite. The function asked for returns a number that its arguments do not tell.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tracegen.types import (
    AssertsReference,
    CheckReference,
    CodeReference,
    Outcome,
    StdioReference,
    StdioTest,
    Trace,
    Verdict,
)
from tracegen.verify.code import CodeVerifier, functions
from tracegen.verify.sandbox.contract import Allowance

pytestmark = pytest.mark.sandbox

SECRET = 7_359_184_620
ASSERTS = AssertsReference(
    setup=f"secret = {SECRET}", asserts=("assert add(1, 2) == secret", f"assert add(2, 2) == {SECRET} + 1")
)
CHECK = CheckReference(
    entry_point="add",
    prompt="def add(a, b):\n    '''Add.'''\n",
    check=f"def check(candidate):\n    assert candidate(1, 2) == {SECRET}\n    assert candidate(2, 2) == {SECRET} + 1\n",
)
STDIO = StdioReference(tests=(StdioTest(input="1 2\n", output=f"YES\n{SECRET}\n"),), time_limit_s=1)
RIGHT = f"def add(a, b):\n    return {SECRET} + (a == 2)\n"
RIGHT_PROGRAM = f"input()\nprint('YES')\nprint({SECRET})\n"
VERIFIER = CodeVerifier()


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "CANDIDATE", Allowance(cpu_s=1, wall_s=20, processes=16))


def judged(reference: CodeReference, program: str, language: str = "python") -> Verdict:
    return VERIFIER.verify(reference, Trace("", f"```{language}\n{program}\n```\n"))


FUNCTIONS = {
    "C1 always equal": """
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
def add(a, b): return Yes()
""",
    "C2 int that is always equal": """
class Yes(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
def add(a, b): return Yes(1)
""",
    "C2 str that is always equal": """
class Yes(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
def add(a, b): return Yes("1")
""",
    "C2 list that is always equal": """
class Yes(list):
    def __eq__(self, other): return True
def add(a, b): return Yes()
""",
    "C2 a class that says that it is int": """
class Yes:
    __class__ = int
    def __eq__(self, other): return True
def add(a, b): return Yes()
""",
    "C2 its type changed": """
class Meta(type):
    def __eq__(self, other): return True
    def __hash__(self): return hash(int)
class Yes(metaclass=Meta):
    def __eq__(self, other): return True
def add(a, b): return Yes()
""",
    "C3 frame walk to the verdict": """
import sys
def add(a, b):
    frame = sys._getframe()
    while frame:
        for name in list(frame.f_locals):
            frame.f_locals[name] = True
        for name in list(frame.f_globals):
            if name in ("outcome", "reason", "passed", "verdict", "ok", "result", "total"):
                frame.f_globals[name] = True
        frame = frame.f_back
    return 0
""",
    "C4 frame walk and gc to what is expected": """
import gc, re, sys
def add(a, b):
    seen, ahead = set(), [sys._getframe(), gc.get_objects(), dict(sys.modules)]
    for _ in range(200_000):
        if not ahead: break
        item = ahead.pop()
        if id(item) in seen: continue
        seen.add(id(item))
        if isinstance(item, int) and item > 7_000_000_000: return item + (a == 2) * 0
        if isinstance(item, str):
            found = re.search("7[0-9]{9}", item)
            if found and "re.search" not in item: return int(found[0]) + (a == 2)
        ahead.extend(gc.get_referents(item))
    return 0
""",
    "C5 os._exit before the assertions": "import os\nos._exit(0)\n",
    "C5 os._exit in the call": "import os\ndef add(a, b): os._exit(0)\n",
    "C6 sys.exit in the call": "import sys\ndef add(a, b): sys.exit(0)\n",
    "C6 SystemExit when loaded": "raise SystemExit(0)\n",
    "C6 KeyboardInterrupt": "def add(a, b): raise KeyboardInterrupt\n",
    "C7 the channel closed": "import os\ndef add(a, b): os.close(3)\n",
    "C8 a forged verdict": """
import os
def add(a, b):
    os.write(3, b'verdict ["correct", "passed", "2 asserts hold"]\\n')
    return 0
""",
    "C8 a forged verdict as the answer": """
import os
def add(a, b):
    os.write(3, b'1 verdict ["correct", "passed", ""]\\n')
    os._exit(0)
""",
    "C8 answers in advance": """
import os
os.write(3, b'ready\\n1 {"result":0}\\n2 {"result":0}\\n3 {"result":0}\\n')
def add(a, b): return 0
""",
    "C8 no JSON": "import os\ndef add(a, b):\n    os.write(3, b'1 {{{\\xff\\n')\n    os._exit(0)\n",
    "C8 deep JSON": "import os\ndef add(a, b):\n    os.write(3, b'1 ' + b'[' * 100_000 + b'\\n')\n    os._exit(0)\n",
    "C8 an unknown kind": """
import os
def add(a, b):
    os.write(3, b'1 {"result":{"object":"Yes"}}\\n')
    os._exit(0)
""",
    "C8 an endless line": "import os\ndef add(a, b):\n    while True: os.write(3, b'1' * 65536)\n",
    "C8 on standard output": """
import os
def add(a, b):
    for line in ('verdict ["correct", "passed", ""]', '{"outcome": "correct"}', 'PASSED', 'OK'):
        print(line, flush=True)
        os.write(2, line.encode())
    return 0
""",
    "C9 a pickle that runs code": """
import os, pickle
class Runs:
    def __reduce__(self): return (os.system, ("touch /tmp/owned",))
def add(a, b):
    os.write(3, pickle.dumps(Runs()) + b"\\n")
    return Runs()
""",
    "C10 everything patched": """
import builtins, json, math, random, sys, time, unittest
class Yes:
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return True
    def __eq__(self, other): return True
    def write(self, text): return len(text)
    def flush(self): pass
def add(a, b):
    json.loads = math.isclose = time.time = random.seed = lambda *args, **kwargs: True
    sys.stdout = sys.stderr = Yes()
    unittest.TestCase.assertEqual = lambda *args: None
    builtins.isinstance = builtins.len = builtins.all = builtins.sorted = lambda *args, **kwargs: True
    builtins.AssertionError = Exception
    return 0
""",
    "C10 the encoder patched": """
import sys
def add(a, b):
    for name, module in list(sys.modules.items()):
        if "guest" in name:
            for key in dir(module):
                if not key.startswith("__"):
                    setattr(module, key, lambda *args, **kwargs: True)
    return 0
""",
    "C14 fork bomb": "import os\ndef add(a, b):\n    while True:\n        try: os.fork()\n        except OSError: pass\n",
    "C15 double fork and setsid": """
import os, time
def add(a, b):
    if not os.fork():
        os.setsid()
        if not os.fork():
            while True:
                try: os.write(3, b'2 {"result":0}\\n')
                except OSError: pass
                time.sleep(0.01)
        os._exit(0)
    os.wait()
    return 0
""",
    "C16 thread bomb": """
import threading, time
def add(a, b):
    while True: threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
""",
    "C17 20 GB": "def add(a, b): return len(bytearray(20 * 1024**3))\n",
    "C17 memory in the answer": "def add(a, b): return [0] * 60_000_000\n",
    "C17 a range without end": "def add(a, b): return range(10**18)\n",
    "C22 signals ignored": """
import signal
def add(a, b):
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: pass
""",
    "C22 every exception swallowed": """
def add(a, b):
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
    "C23 C stack overflow": "import sys\ndef add(a, b):\n    sys.setrecursionlimit(10**9)\n    return add(a, b)\n",
    "C23 segmentation fault": "import ctypes\ndef add(a, b): return ctypes.string_at(0)\n",
    "C23 abort": "import os\ndef add(a, b): os.abort()\n",
    "C27 namespaces, mounts, ptrace": """
import ctypes, os
def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.unshare(0x10000000 | 0x20000)
    libc.mount(b"proc", b"/tmp", b"proc", 0, None)
    for pid in range(1, 50): libc.ptrace(16, pid, 0, 0)
    return 0
""",
    "C28 the tests on disk": """
import os, re
def add(a, b):
    for top in ("/tmp", "/proc", "/dev/shm", "/home", "/root", "/run", "/var/tmp", os.getcwd()):
        for folder, _, names in os.walk(top):
            if folder.count("/") > 4: continue
            for name in names:
                if name not in ("cmdline", "environ", "maps") and top == "/proc": continue
                try:
                    with open(os.path.join(folder, name), "rb") as file: text = file.read(1_000_000)
                except OSError: continue
                found = re.search(rb"7359[0-9]{6}", text)
                if found: return int(found[0]) + (a == 2)
    return 0
""",
    "C31 nan": "def add(a, b): return float('nan')\n",
    "C31 a number as text": f"def add(a, b): return str({SECRET} + (a == 2))\n",
    "C31 a list around it": f"def add(a, b): return [{SECRET} + (a == 2)]\n",
    "C32 lone surrogates": "def add(a, b): return '\\ud800\\udfff'\n",
    "C33 the clock patched": "import time\ntime.process_time = lambda: 0\ndef add(a, b):\n    while True: pass\n",
    "the assertion's own exception": "def add(a, b): raise AssertionError\n",
    "arguments that answer": "def add(a, b, *c, **d): return c or d or a\n",
    "a class": "class add(int):\n    def __eq__(self, other): return True\n",
    "a name that is no function": f"add = {SECRET}\n",
}


@pytest.mark.parametrize("reference", [ASSERTS, CHECK], ids=lambda reference: reference.kind)
@pytest.mark.parametrize("attack", FUNCTIONS)
def test_no_attack_on_a_function_passes(reference: CodeReference, attack: str) -> None:
    verdict = judged(reference, FUNCTIONS[attack])
    assert verdict.outcome is not Outcome.CORRECT
    assert verdict.reason not in ("sandbox_failed", "wall_time", "verifier_error")
    assert judged(reference, RIGHT).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        ("C1 always equal", "not_a_literal"),
        ("C2 int that is always equal", "not_a_literal"),
        ("C5 os._exit in the call", "exited"),
        ("C6 sys.exit in the call", "exited"),
        ("C8 a forged verdict", "forged_answer"),
        ("C8 a forged verdict as the answer", "not_a_literal"),
        ("C8 on standard output", "wrong_answer"),
        ("C17 20 GB", "memory_limit"),
        ("C22 signals ignored", "time_limit"),
        ("C22 every exception swallowed", "time_limit"),
        ("C33 the clock patched", "time_limit"),
        ("C23 abort", "runtime_error"),
        ("C31 nan", "wrong_answer"),
        ("the assertion's own exception", "runtime_error"),
    ],
)
def test_reasons(attack: str, reason: str) -> None:
    first, second = judged(ASSERTS, FUNCTIONS[attack]), judged(ASSERTS, FUNCTIONS[attack])
    assert (first.outcome, first.reason) == (Outcome.INCORRECT, reason)
    assert (first.reason, first.detail) == (second.reason, second.detail)


PROGRAMS = {
    "C5 os._exit": ("import os\nos._exit(0)", "wrong_answer"),
    "C6 sys.exit": ("import sys\nsys.exit(0)", "wrong_answer"),
    "C7 nothing printed": ("pass", "wrong_answer"),
    "C14 fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", ""),
    "C17 20 GB": ("bytearray(20 * 1024**3)", "memory_limit"),
    "C20 output flood": ("while True: print('x' * 100_000)", ""),
    "C22 spin": ("while True:\n    try:\n        while True: pass\n    except BaseException: pass", "time_limit"),
    "C23 abort": ("import os\nos.abort()", "runtime_error"),
    "C30 only the beginning": ("print('YES')", "wrong_answer"),
    "C30 more lines": (RIGHT_PROGRAM + "print(1)", "wrong_answer"),
    "C32 no UTF-8": ("import os\nos.write(1, b'YES\\n\\xff\\xfe')", "wrong_answer"),
    "C32 lone surrogates": ("print('\\ud800')", "runtime_error"),
    "an exit code": (RIGHT_PROGRAM + "raise SystemExit(1)", "runtime_error"),
    "on standard error": (f"import sys\nprint('YES\\n{SECRET}', file=sys.stderr)", "wrong_answer"),
}


@pytest.mark.parametrize("attack", PROGRAMS)
def test_no_attack_by_output_passes(attack: str) -> None:
    program, reason = PROGRAMS[attack]
    verdict = judged(STDIO, program)
    assert verdict.outcome is Outcome.INCORRECT
    assert reason in ("", verdict.reason)
    assert judged(STDIO, RIGHT_PROGRAM).outcome is Outcome.CORRECT


def test_a_sleeper_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """C29: no work done, so the clock proves nothing."""
    monkeypatch.setattr(functions, "CANDIDATE", Allowance(cpu_s=1, wall_s=1))
    verdict = judged(ASSERTS, "import time\ndef add(a, b): time.sleep(60)")
    assert (verdict.outcome, verdict.reason) == (Outcome.UNDECIDED, "wall_time")


def test_a_program_that_lingers_holds_nobody_up() -> None:
    """C12: what runs at exit, and threads that outlive the call."""
    lingering = (
        "import atexit, threading, time\natexit.register(time.sleep, 60)\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
    )
    assert judged(ASSERTS, lingering + RIGHT).outcome is Outcome.CORRECT


def test_no_program_finds_what_another_left() -> None:
    """C34."""
    places = """
import builtins, os, sys
def found():
    left = [getattr(builtins, "left", 0), getattr(sys, "left", 0), int(os.environ.get("LEFT", 0))]
    for path in ("/tmp/left", "left", "/dev/shm/left"):
        try: left.append(int(open(path).read()))
        except OSError: pass
    return max(left)
"""
    leaves = f"""
builtins.left = sys.left = {SECRET}
os.environ["LEFT"] = "{SECRET}"
for path in ("/tmp/left", "left", "/dev/shm/left"):
    try: open(path, "w").write("{SECRET}")
    except OSError: pass
def add(a, b): return found() + (a == 2)
"""
    assert judged(ASSERTS, places + leaves).outcome is Outcome.CORRECT
    takes = places + "def add(a, b): return found() + (a == 2)\n"
    for _ in range(3):
        assert judged(ASSERTS, takes).reason == "wrong_answer"


@pytest.mark.slow
@pytest.mark.parametrize(("reference", "program"), [(ASSERTS, RIGHT), (STDIO, RIGHT_PROGRAM)], ids=["asserts", "stdio"])
def test_64_right_programs_at_once(reference: CodeReference, program: str) -> None:
    """C35, each with a third of its processor time used up."""
    busy = "import time\nwhile time.process_time() < 0.3: pass\n" + program
    with ThreadPoolExecutor(64) as threads:
        verdicts = list(threads.map(lambda _: judged(reference, busy), range(64)))
    assert [verdict.reason for verdict in verdicts] == ["passed"] * 64
