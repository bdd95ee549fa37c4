"""Allocates ports for the tests' servers: a port belongs to one process as long as that process lives."""

import fcntl
import os
import socket
from functools import cache
from pathlib import Path
from random import SystemRandom

# Below the system's ephemeral ports, so that a server can bind the same port when it is restarted.
LOWEST, HIGHEST = 12_000, 32_000
# One file for all test runs, wherever each keeps its data.
FILE = Path("/tmp") / f"millrace-ports-{os.getuid()}"
_ours: set[int] = set()


def free_port() -> int:
    """Returns a port that is not in use and is never given to another process."""
    # Not from the tests' random seed, which several processes can share.
    ports = iter(lambda: SystemRandom().randrange(LOWEST, HIGHEST), None)
    port = next(port for port in ports if port not in _ours and _is_free(port) and _is_claimed(port))
    _ours.add(port)
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_claimed(port: int) -> bool:
    """Locks one byte of a file for the port; the system releases the locks of a dead process."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> int:
    # Never closed: closing it would release all locks.
    return os.open(FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
