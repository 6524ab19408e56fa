"""What a program may use up is its own share. C14 to C19 of the verifiers' attacks."""

import pytest

from tests.sandbox.programs import MIB, allowance, run
from tracegen.verify.sandbox.contract import Ending, Sandbox

pytestmark = pytest.mark.sandbox


def test_fork_bomb(sandbox: Sandbox) -> None:
    ran = run(sandbox, "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", limits=allowance(0.5))
    assert ran.ending is Ending.CPU_LIMIT


@pytest.mark.parametrize(
    "kind", ["os.fork() or time.sleep(60)", "threading.Thread(target=time.sleep, args=[60]).start()"]
)
def test_processes_and_threads_are_counted(sandbox: Sandbox, kind: str) -> None:
    source = f"""
    import os, threading, time
    made = 0
    try:
        for _ in range(100):
            {kind}
            made += 1
    except (OSError, RuntimeError):
        pass
    os.write(1, b"%d" % made)
    os._exit(0)
    """
    ran = run(sandbox, source, limits=allowance(processes=16))
    assert 10 <= int(ran.stdout) <= 17


def test_one_large_allocation(sandbox: Sandbox) -> None:
    assert run(sandbox, "bytearray(20 * 10**9)").ending is Ending.MEMORY_LIMIT


def test_memory_bit_by_bit(sandbox: Sandbox) -> None:
    ran = run(sandbox, "kept = []\nwhile True: kept.append(bytearray(10**6))", limits=allowance(memory=128 * MIB))
    assert ran.ending is Ending.MEMORY_LIMIT


def test_memory_of_many_children_is_one_sum(sandbox: Sandbox) -> None:
    source = """
    import os, time
    for _ in range(20):
        if not os.fork():
            kept = b"x" * (50 * 2**20)
            time.sleep(5)
            os._exit(0)
    while True:
        os.wait()
    """
    ran = run(sandbox, source, limits=allowance(memory=128 * MIB))
    assert ran.ending is Ending.MEMORY_LIMIT


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "/var/tmp"])
def test_files_are_capped_together(sandbox: Sandbox, folder: str) -> None:
    source = f"""
    import os
    written = 0
    try:
        for number in range(8):
            with open(f"{folder}/escaped-{{number}}", "wb", buffering=0) as file:
                for _ in range(4):
                    written += file.write(bytes(2**20))
    except OSError as error:
        print(error.strerror)
    print(written // 2**20)
    """
    reason, megabytes = run(sandbox, source).stdout.decode().splitlines()
    assert reason == "No space left on device"
    assert 12 <= int(megabytes) <= 16


def test_one_file_is_capped(sandbox: Sandbox) -> None:
    ran = run(sandbox, "file = open('escaped', 'wb')\nfile.truncate(2**40)")
    assert b"File too large" in ran.stderr


def test_files_are_counted(sandbox: Sandbox) -> None:
    source = (
        "try:\n    for n in range(10000): open(f'escaped{n}', 'w').close()\nexcept OSError as error: print(n, error)"
    )
    ran = run(sandbox, source)
    if sandbox.isolation == "namespaces":
        assert 3_000 < int(ran.stdout.split()[0]) < 5_000
    assert ran.ending is Ending.EXITED


def test_descriptors_are_counted(sandbox: Sandbox) -> None:
    ran = run(sandbox, "import os\nwhile True: os.dup(0)")
    assert b"Too many open files" in ran.stderr
