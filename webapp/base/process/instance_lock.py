"""The lock that allows only one server per data folder with an SQLite database, and whether a process holds a lock."""

import fcntl
import os
from pathlib import Path

FILE = "server.lock"
TAKEN = "Another Millrace server is already running on {}. Stop it first, or set DATA_DIR to another folder."
_lock_files: list[int] = []


class AlreadyRunning(Exception):
    """Another server holds the lock; the message is for the operator."""


def lock(data_dir: Path) -> None:
    """Takes the lock for the lifetime of this process, however it ends; raises `AlreadyRunning`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = os.open(data_dir / FILE, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise AlreadyRunning(TAKEN.format(data_dir)) from None
    except OSError:
        # A file system without locks.
        os.close(file)
        return
    # A program that replaces this process with exec keeps the lock.
    os.set_inheritable(file, True)
    _lock_files.append(file)


def is_held(file: Path) -> bool:
    """Returns whether a living process holds the lock of an existing file; any kind of death releases it."""
    lock = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def close_inherited() -> None:
    """Closes the inherited lock in a child process: it would outlive a parent that is killed."""
    while _lock_files:
        os.close(_lock_files.pop())
