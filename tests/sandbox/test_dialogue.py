"""A channel beside the standard streams, from which only lines of bytes come."""

import time

import pytest

from tests.sandbox.programs import MIB, allowance, python
from tracegen.verify.sandbox.contract import CHANNEL, DialogueEnded, Ending, Program, Sandbox

pytestmark = pytest.mark.sandbox

ECHO = python(f"""
import os
channel = os.fdopen({CHANNEL}, "rb", closefd=False)
for line in channel:
    os.write({CHANNEL}, b"got " + line)
""")


def test_lines_go_both_ways(sandbox: Sandbox) -> None:
    with sandbox.open(ECHO, allowance()) as dialogue:
        for message in (b"one", b"", b"\xff" * 100_000):
            dialogue.send(message)
            assert dialogue.receive() == b"got " + message


def test_several_lines_may_come_at_once(sandbox: Sandbox) -> None:
    with sandbox.open(python(f"import os\nos.write({CHANNEL}, b'a\\nb\\nc')"), allowance()) as dialogue:
        assert [dialogue.receive(), dialogue.receive()] == [b"a", b"b"]
        with pytest.raises(DialogueEnded) as ended:
            dialogue.receive()
    assert ended.value.ran.ending is Ending.EXITED


def test_leaving_ends_it_whatever_it_does(sandbox: Sandbox) -> None:
    source = f"import atexit, os, time\natexit.register(time.sleep, 60)\nos.write({CHANNEL}, b'done\\n')\nos.fork()"
    begun = time.monotonic()
    with sandbox.open(python(source), allowance()) as dialogue:
        assert dialogue.receive() == b"done"
        assert dialogue.finish() == dialogue.finish()
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        ("import time\ntime.sleep(60)", Ending.WALL_LIMIT),
        ("while True: pass", Ending.CPU_LIMIT),
        ("raise SystemExit(3)", Ending.EXITED),
        (f"import os\nwhile True: os.write({CHANNEL}, bytes(1 << 20))", Ending.OUTPUT_LIMIT),
        ("while True: print('flood')", Ending.OUTPUT_LIMIT),
        (f"import os, time\nos.close({CHANNEL})\ntime.sleep(60)", Ending.WALL_LIMIT),
    ],
)
def test_no_answer_ends_it(sandbox: Sandbox, source: str, ending: Ending) -> None:
    limits = allowance(cpu_s=1.5, wall_s=1.5 if ending is Ending.WALL_LIMIT else 30, output=MIB)
    with sandbox.open(python(source), limits) as dialogue, pytest.raises(DialogueEnded) as ended:
        dialogue.receive()
    assert ended.value.ran.ending is ending


def test_a_program_that_does_not_listen_blocks_nobody(sandbox: Sandbox) -> None:
    with sandbox.open(python("import time\ntime.sleep(60)"), allowance(wall_s=1)) as dialogue:
        with pytest.raises(DialogueEnded) as ended:
            dialogue.send(bytes(4 * MIB))
    assert ended.value.ran.ending is Ending.WALL_LIMIT


def test_descriptors_sent_along_are_dropped(sandbox: Sandbox) -> None:
    source = f"import os, socket\nsocket.send_fds(socket.socket(fileno={CHANNEL}), [b'line\\n'], [0] * 3)"
    with sandbox.open(python(source), allowance()) as dialogue:
        assert dialogue.receive() == b"line"


def test_only_python_talks(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="Python"), sandbox.open(Program("cpp", ""), allowance()):
        pass
