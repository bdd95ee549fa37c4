"""Ports for the servers of the tests: each belongs to one process for as long as that lives."""

import fcntl
import os
import socket
from functools import cache
from pathlib import Path
from random import SystemRandom

# Below those that the system gives to outgoing connections, so that a server finds its own again when it is started once more.
LOWEST, HIGHEST = 12_000, 32_000
# One for all runs, wherever each keeps what it makes.
FILE = Path("/tmp") / f"millrace-ports-{os.getuid()}"
_ours: set[int] = set()


def free_port() -> int:
    """A port at which nobody listens, and that is given to nobody else."""
    # Not by the seed of the tests, which several processes may share.
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
    """A byte of a file stands for each port; the system takes the claims of a dead process back."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> int:
    # Never closed, which would give back everything.
    return os.open(FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
