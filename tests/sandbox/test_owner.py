"""The supervisor's life: it ends with its owner, comes back when it was killed, and is refused where nothing isolates."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.sandbox.conftest import group_folders, within_a_second
from tests.sandbox.programs import HELLO, allowance, python, run
from tracegen.verify.sandbox.contract import DialogueEnded, Ending, Sandbox
from tracegen.verify.sandbox.opening import open_sandbox

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).resolve().parents[2]


def supervisor_of(process: psutil.Process) -> psutil.Process:
    """The latest."""
    found = [child for child in process.children() if "supervisor" in " ".join(child.cmdline())]
    return max(found, key=psutil.Process.create_time)


def _is_alive(process: psutil.Process) -> bool:
    """Not if only its entry is left, for whatever adopted it to collect."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _run_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("tracegen-runs-*"))


def script(source: str, *command: str) -> subprocess.Popen[str]:
    """Another owner, in a process of its own."""
    return subprocess.Popen(
        [*(command or (sys.executable,)), "-B", "-c", source],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )  # fmt: skip


OWNER = """
import threading, time
from tests.sandbox.programs import allowance, python
from tracegen.verify.sandbox.opening import open_sandbox
sandbox = open_sandbox({isolation!r})
sleeper = python("import os, time\\nos.fork()\\ntime.sleep(60)")
for _ in range(2):
    threading.Thread(target=sandbox.run, args=(sleeper, b"", allowance())).start()
time.sleep(1)
print("running", flush=True)
"""


@pytest.mark.parametrize("isolation", ["namespaces", "bubblewrap", "none"])
def test_everything_ends_with_an_owner_that_is_killed(isolation: str) -> None:
    before = _run_folders()
    with script(OWNER.format(isolation=isolation)) as owner:
        assert owner.stdout is not None
        if owner.stdout.readline() != "running\n":
            pytest.skip(f"no {isolation} here")
        supervisor = supervisor_of(psutil.Process(owner.pid))
        family = [supervisor, *supervisor.children(recursive=True)]
        assert len(family) > 5
        (made,) = _run_folders() - before or {None}
        assert (made is not None) is (isolation == "none")
        owner.kill()
    within_a_second(lambda: not any(map(_is_alive, family)))
    within_a_second(lambda: made is None or not made.exists())
    within_a_second(lambda: not group_folders(supervisor.pid))


def test_a_killed_slot_or_supervisor_is_replaced() -> None:
    sandbox = open_sandbox("namespaces")
    ours = psutil.Process()
    for victim in (lambda: supervisor_of(ours).children()[0], lambda: supervisor_of(ours)):
        victim().kill()
        time.sleep(0.2)
        assert sandbox.run(HELLO, b"", allowance()).stdout == b"hello\n"
    sandbox.close()
    sandbox.close()
    assert sandbox.run(HELLO, b"", allowance()).ending is Ending.FAILED


def test_a_slot_that_dies_in_a_run_fails_that_run_only(sandbox: Sandbox) -> None:
    source = python("import os, time\nos.write(3, b'begun\\n')\ntime.sleep(60)")
    with sandbox.open(source, allowance()) as dialogue:
        assert dialogue.receive() == b"begun"
        for slot in (slot for s in psutil.Process().children() for slot in s.children() if slot.children()):
            slot.send_signal(signal.SIGKILL)
        with pytest.raises(DialogueEnded) as ended:
            dialogue.receive()
    assert ended.value.ran.ending is Ending.FAILED


def test_limits_of_the_owner_are_no_limits_of_the_supervisor() -> None:
    source = """
import psutil, resource, time
resource.setrlimit(resource.RLIMIT_CPU, (20, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_AS, (2**30, resource.RLIM_INFINITY))
from tests.sandbox.programs import allowance, python
from tracegen.verify.sandbox.opening import open_sandbox
sandbox = open_sandbox("namespaces")
for _ in range(2):
    print(len(sandbox.run(python("print(len(bytearray(1500 * 2**20)))"), b"", allowance(memory=2**31)).stdout))
    for supervisor in psutil.Process().children():
        supervisor.kill()
    time.sleep(0.2)
sandbox.close()
"""
    with script(source) as owner:
        assert owner.communicate(timeout=60)[0] == "11\n11\n"


NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3")


def _system_python_will_do() -> bool:
    return bool(shutil.which("setpriv")) and os.getuid() == 0 and not subprocess.run(
        [*NOBODY, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False
    ).returncode  # fmt: skip


ORDINARY = '''
import json
from tests.sandbox.programs import allowance, run, MIB
from tracegen.verify.sandbox.opening import open_sandbox
sandbox = open_sandbox("namespaces")
children = """
import os, time
for _ in range(20):
    if not os.fork():
        kept = b"x" * (50 << 20)
        time.sleep(5)
        os._exit(0)
os.wait()
"""
print(json.dumps([
    run(sandbox, "import os\\nprint(os.getuid())").stdout.decode(),
    run(sandbox, "import os\\nfor _ in range(3): os.fork()\\nwhile True: pass", limits=allowance(cpu_s=1)).ending,
    run(sandbox, children, limits=allowance(memory=128 * MIB)).ending,
    run(sandbox, "import os\\nwhile True:\\n  try: os.fork()\\n  except OSError: pass", limits=allowance(cpu_s=1)).ending,
]))
sandbox.close()
'''


@pytest.mark.skipif(not _system_python_will_do(), reason="needs root, setpriv and a Python that nobody can run")
def test_an_ordinary_user_without_control_groups_has_the_same() -> None:
    with script(ORDINARY, *NOBODY) as owner:
        said = owner.communicate(timeout=60)[0]
    assert json.loads(said) == ["65534\n", "cpu_limit", "memory_limit", "cpu_limit"]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_where_nothing_isolates_it_refuses() -> None:
    source = """
from pathlib import Path
from tracegen.errors import SandboxUnavailable
from tracegen.verify.sandbox.opening import open_sandbox
Path("/proc/sys/user/max_user_namespaces").write_text("0")
try:
    open_sandbox()
except SandboxUnavailable as error:
    print(error)
sandbox = open_sandbox("none")
print(sandbox.isolation)
sandbox.close()
"""
    with script(source, "unshare", "-Ur", sys.executable) as owner:
        refusal, isolation = owner.communicate(timeout=60)[0].splitlines()
    assert "namespaces: " in refusal
    assert "bubblewrap: " in refusal
    assert "'none'" in refusal
    assert isolation == "none"


def test_none_is_limits_only_and_still_cleans_up() -> None:
    sandbox = open_sandbox("none")
    slots = supervisor_of(psutil.Process())
    assert run(sandbox, "print(input())", b"hello\n").stdout == b"hello\n"
    assert run(sandbox, "while True: pass", limits=allowance(cpu_s=0.5)).ending is Ending.CPU_LIMIT
    orphan = """
    import os, time
    open("left", "w").close()
    if not os.fork():
        os.setsid()
        os.fork()
        time.sleep(60)
    print(os.getcwd())
    """
    folder = run(sandbox, orphan).stdout.decode().strip()
    assert not Path(folder).exists()
    within_a_second(lambda: not any(slot.children() for slot in slots.children()))
    sandbox.close()
