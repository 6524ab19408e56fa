"""A program sees and reaches nothing that is not its own. C11, C13, C24 to C28, C34, C35 of the verifiers' attacks."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sandbox.conftest import SECRET
from tests.sandbox.programs import allowance, python, run
from tracegen.verify.sandbox.contract import Ending, Sandbox

pytestmark = pytest.mark.sandbox

DENIED = {
    "ptrace": (101, 0, 0, 0), "mount": (165, 0, 0, 0), "umount2": (166, 0, 0), "unshare": (272, 0x10000000),
    "setns": (308, 0, 0), "clone into a user namespace": (56, 0x10000011, 0, 0, 0, 0), "keyctl": (250, 0, 0),
    "add_key": (248, 0, 0), "io_uring_setup": (425, 1, 0), "bpf": (321, 0, 0, 0), "perf_event_open": (298, 0, 0, 0),
    "userfaultfd": (323, 0), "process_vm_readv": (310, 1, 0, 0), "memfd_create": (319, 0, 0), "chroot": (161, 0),
    "init_module": (175, 0, 0), "kexec_load": (246, 0, 0), "pivot_root": (155, 0, 0), "shmget": (29, 0, 4096, 0o1600),
    "open_by_handle_at": (304, 0, 0), "pidfd_getfd": (438, 0, 0), "fsopen": (430, 0, 0), "mount_setattr": (442, 0),
}  # fmt: skip


@pytest.mark.skipif("os.uname().machine != 'x86_64'", reason="numbers of x86_64")
def test_ways_into_the_kernel_are_shut(sandbox: Sandbox) -> None:
    source = f"""
    import ctypes, errno
    libc = ctypes.CDLL(None, use_errno=True)
    for name, words in {DENIED!r}.items():
        ctypes.set_errno(0)
        result = libc.syscall(*map(ctypes.c_long, words))
        if (result, ctypes.get_errno()) != (-1, errno.EPERM):
            print(name, result, ctypes.get_errno())
    ctypes.set_errno(0)
    print(libc.syscall(ctypes.c_long(435), 0, 0), ctypes.get_errno() == errno.ENOSYS)
    """
    ran = run(sandbox, source)
    assert ran.stdout == b"-1 True\n", ran.stderr


def test_it_is_nobody_and_can_become_nothing_else(sandbox: Sandbox) -> None:
    source = """
    import os
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    for name in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].split() == ["1"] and status["Seccomp"].split() == ["2"]
    assert 0 not in (os.getuid(), os.geteuid(), os.getgid(), os.getegid(), *os.getgroups())
    for become in (os.setuid, os.setgid):
        try: become(0)
        except OSError: print("refused")
    """
    ran = run(sandbox, source)
    assert ran.stdout == b"refused\nrefused\n", ran.stderr


@pytest.mark.parametrize("family", [2, 10, 16, 17, 38, 40, 44])
def test_there_is_no_network(sandbox: Sandbox, family: int) -> None:
    source = f"import socket\ntry: socket.socket({family}, socket.SOCK_RAW)\nexcept PermissionError: print('refused')"
    assert run(sandbox, source).stdout == b"refused\n"


def test_names_are_not_resolved(sandbox: Sandbox) -> None:
    source = "import socket\ntry: socket.getaddrinfo('example.org', 80)\nexcept OSError: print('refused')"
    assert run(sandbox, source).stdout == b"refused\n"


def test_abstract_sockets_of_the_machine_are_not_there(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0tracegen-listens")
        listener.listen()
        source = "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0tracegen-listens')"
        assert b"ConnectionRefusedError" in run(sandbox, source).stderr


def test_no_secret_of_the_owner_is_inside(sandbox: Sandbox) -> None:
    source = """
    import gc, glob, os
    needle = input()[::-1]
    found = [repr(dict(os.environ))]
    for name in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/task/*/environ"):
        try: found.append(open(name, errors="replace").read())
        except OSError: pass
    found += [repr(one) for one in gc.get_objects() if isinstance(one, (dict, list, tuple))]
    print(any(needle in text and 'needle' not in text for text in found), len(os.listdir("/proc/self/fd")))
    print(sorted(name for name in os.listdir("/proc") if name.isdecimal()))
    """
    words = run(sandbox, source, SECRET[::-1].encode()).stdout.split(b"\n")
    assert words[0] == b"False 4"
    assert len(words[1].split()) <= 3


def test_process_one_cannot_be_looked_into(sandbox: Sandbox) -> None:
    source = """
    for name in "mem", "environ":
        try: print(name, open(f"/proc/1/{name}", "rb").read(1))
        except OSError: pass
    try: print(open("/proc/1/mem", "wb", buffering=0).write(bytes(1)))
    except OSError: pass
    """
    # Of bubblewrap's process 1 the environment may be read: it is empty.
    assert run(sandbox, source).stdout in (b"", b"environ b''\n")


def test_files_of_the_machine_are_not_there(sandbox: Sandbox) -> None:
    places = [
        str(Path(__file__).resolve().parents[2]),
        str(Path.home() / ".bashrc"),
        "/etc/shadow",
        "/sys",
        "/etc/hostname",
    ]
    source = f"""
    import os
    print([place for place in {places!r} if os.path.exists(place)])
    for number, place in enumerate({places!r}):
        os.symlink(place, f"escaped{{number}}")
        try: open(f"escaped{{number}}").read()
        except OSError: print("no")
    """
    assert run(sandbox, source).stdout == b"[]\n" + b"no\n" * len(places)


def test_nothing_but_its_folder_is_writable(sandbox: Sandbox) -> None:
    source = """
    import os
    for folder, folders, _ in os.walk("/"):
        if folder.startswith("/proc"):
            folders.clear()
        elif os.access(folder, os.W_OK):
            print(folder)
    for place in ("/usr/bin/escaped", "/escaped", "/dev/escaped", "/etc/passwd"):
        try: open(place, "w")
        except OSError: pass
        else: print(place)
    """
    assert run(sandbox, source).stdout == b"/tmp\n"


def test_runs_at_the_same_time_do_not_meet(sandbox: Sandbox) -> None:
    writer = python(
        "import time\nfor name in '/tmp/escaped', '/dev/shm/it': open(name, 'w').close()\ntime.sleep(1.5)\nprint(1)"
    )
    reader = python(
        "import os, time\ntime.sleep(0.5)\nprint(os.listdir('/tmp'), sum(map(str.isdecimal, os.listdir('/proc'))) < 4)"
    )
    with ThreadPoolExecutor() as threads:
        written, read = threads.map(lambda program: sandbox.run(program, b"", allowance()), (writer, reader))
    assert (written.stdout, read.stdout) == (b"1\n", b"[] True\n")


@pytest.mark.parametrize(
    "attack",
    [
        "os.kill(os.getppid(), signal.SIGKILL)",
        "os.kill(1, signal.SIGKILL)",
        "os.kill(-1, signal.SIGKILL)",
        "os.kill(1, signal.SIGSTOP)",
        "[os.kill(1, n) for n in range(1, 65)]",
        "[os.kill(os.getppid(), n) for n in (1, 2, 3, 13, 15)]",
        "os.killpg(0, signal.SIGKILL)",
    ],
)
def test_signals_reach_nobody_else(sandbox: Sandbox, attack: str) -> None:
    ran = run(sandbox, f"import os, signal\n{attack}\nprint('alive', flush=True)", limits=allowance(wall_s=5))
    assert ran.ending in (Ending.EXITED, Ending.SIGNALLED)


def test_a_module_in_its_folder_shadows_nothing(sandbox: Sandbox) -> None:
    source = """
    import os, sys
    for name in "json", "sitecustomize", "usercustomize", "conftest", "csv":
        open(name + ".py", "w").write("print('shadow')")
    import csv, json
    print(json.loads("1"), "" in sys.path, os.getcwd() in sys.path)
    """
    assert run(sandbox, source).stdout == b"1 False False\n"


def test_nothing_is_remembered_from_run_to_run(sandbox: Sandbox) -> None:
    spoil = """
    import builtins, json, os, random, sys
    json.loads = builtins.len = lambda *_: 1
    sys.modules["math"] = None
    os.environ["SPOILT"] = "yes"
    random.seed(1)
    open("escaped", "w").write("yes")
    sys.setrecursionlimit(100)
    """
    look = """
    import json, math, os, sys
    print(len("four"), json.loads("[2]"), "SPOILT" in os.environ, os.listdir("."), sys.getrecursionlimit(), hash("fixed"))
    """
    seen = {run(sandbox, source).stdout for _ in range(3) for source in (spoil, look)} - {b""}
    assert len(seen) == 1
    assert seen.pop().startswith(b"4 [2] False [] 1000 ")


def test_many_right_programs_at_once_all_pass(sandbox: Sandbox) -> None:
    begin = threading.Barrier(64)

    def one(number: int) -> bytes:
        begin.wait()
        source = "n = int(input())\nprint(sum(i * i % 7 for i in range(200000)) + n)"
        ran = run(sandbox, source, b"%d\n" % number, allowance(cpu_s=2, wall_s=60))
        assert ran.ending is Ending.EXITED, ran
        return ran.stdout

    right = sum(i * i % 7 for i in range(200000))
    with ThreadPoolExecutor(64) as threads:
        assert list(threads.map(one, range(64))) == [b"%d\n" % (right + number) for number in range(64)]


def test_output_is_data_only(sandbox: Sandbox) -> None:
    """Whatever it writes, in whatever form, comes back as bytes."""
    forged = json.dumps({"limit": "", "status": 0, "cpu_s": 0.0, "wall_s": 0.0, "fault": "forged"})
    source = f"""
    import os
    for number in range(64):
        try: os.write(number, {forged!r}.encode())
        except OSError: pass
    os._exit(3)
    """
    ran = run(sandbox, source)
    assert (ran.ending, ran.exit_code, ran.detail) == (Ending.EXITED, 3, "")
    assert forged.encode() in ran.stdout
