"""The system calls that Python has no name for. Each raises OSError, and says which call it was."""

import ctypes
import os
import platform
import signal

CLONE_NEWNS, CLONE_NEWCGROUP = 0x20000, 0x2000000
CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER = 0x4000000, 0x8000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
ALL_NAMESPACES = (
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
)

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 1, 4, 22, 24, 36
_PR_SET_NO_NEW_PRIVS = 38
_LAST_CAPABILITY = 63
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100

MACHINE = platform.machine()
_NUMBERS = {
    "x86_64": {"clone": 56, "capset": 126, "pivot_root": 155, "mount_setattr": 442},
    "aarch64": {"clone": 220, "capset": 91, "pivot_root": 41, "mount_setattr": 442},
}
# Not CDLL: that lets go of the interpreter lock around a call, which a raw clone must not do.
_LIBC = ctypes.PyDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def clone(namespaces: int) -> int:
    """Fork into new namespaces. The child is for our own code only: C libraries still think that it is its parent."""
    return _syscall("clone", namespaces | signal.SIGCHLD, 0, 0, 0, 0)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    words = (word.encode() for word in (source, target, kind))
    _check(_LIBC.mount(*words, ctypes.c_ulong(flags), options.encode()), f"mount {source} on {target}")


def unmount(target: str) -> None:
    """Take it out of sight now; it goes when nothing uses it."""
    _check(_LIBC.umount2(target.encode(), MNT_DETACH), f"unmount {target}")


def bind(source: str, target: str, attributes: int) -> None:
    """Show ``source`` and all that is mounted below it at ``target`` too."""
    mount(source, target, flags=MS_BIND | MS_REC)
    attr = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    _syscall("mount_setattr", _AT_FDCWD, target.encode(), _AT_RECURSIVE, ctypes.byref(attr), ctypes.sizeof(attr))


def pivot_root(new: str, old: str) -> None:
    _syscall("pivot_root", new.encode(), old.encode())


def die_with_parent() -> None:
    """Be killed when the thread that forked us ends. A change of user forgets it."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own has ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_dumpable(dumpable: bool) -> None:
    """Whether others of the same user may look into ``/proc/<us>``."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


def drop_privileges() -> None:
    """No capability, now or ever after."""
    for capability in range(_LAST_CAPABILITY + 1):
        if _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _syscall("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    no_new_privileges()


def no_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def set_filter(instructions: bytes) -> None:
    """Let a BPF program decide about every further system call of this process and its children."""
    program = _Program(len(instructions) // 8, instructions)
    _check(_LIBC.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp filter")


def _prctl(option: int, value: int) -> None:
    _check(_LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def _syscall(name: str, *arguments: object) -> int:
    numbers = _NUMBERS.get(MACHINE)
    if numbers is None:
        raise OSError(f"{name}: the sandbox does not know the system calls of {MACHINE}")
    widened = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    return _check(_LIBC.syscall(ctypes.c_long(numbers[name]), *widened), name)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
