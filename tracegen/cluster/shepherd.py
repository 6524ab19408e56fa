"""Waits for the end of its standard input, which is the end of whoever holds the other side, then kills as told.

For Ray's agents, which outlive a killed driver by a minute: their servers are gone, and they wait for them. Run as a
program of its own: ``python shepherd.py PID@START ...``. It knows nothing of Ray and imports nothing of ours.
"""

import sys

import psutil


def main(flock: list[str]) -> None:
    """Each is a process number and the time it was started, so that no other process of that number is killed."""
    sys.stdin.buffer.read()
    for name in flock:
        pid, _, started = name.partition("@")
        try:
            process = psutil.Process(int(pid))
            if repr(process.create_time()) == started:
                process.kill()
        except psutil.Error:
            continue


if __name__ == "__main__":
    main(sys.argv[1:])
