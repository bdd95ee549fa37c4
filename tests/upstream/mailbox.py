"""A small mail server: it speaks SMTP over a real socket, keeps the mails it receives, and misbehaves on demand."""

import base64
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import gevent
from gevent.server import StreamServer


class Mailbox:
    """A mail server. `says` maps a command's first word to another reply; the reply "" is never sent."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, is_tls_at_once: bool = False) -> None:
        self.says: dict[str, str] = {}
        self.mails: list[EmailMessage] = []
        self.logins: list[str] = []
        self.commands: list[str] = []
        self._tls, self._is_secure = tls, is_tls_at_once
        options = {"ssl_context": tls} if is_tls_at_once else {}
        self._server = StreamServer(("127.0.0.1", 0), self._serve, **options)
        self._server.start()
        self.port: int = self._server.server_port

    def close(self) -> None:
        self._server.stop(timeout=1)

    def _serve(self, sock: Any, _address: Any) -> None:
        # The client can hang up at any time.
        with suppress(OSError), ExitStack() as opened:
            opened.enter_context(sock)
            self._converse(sock, opened)

    def _converse(self, sock: Any, opened: ExitStack) -> None:
        file, is_secure = opened.enter_context(sock.makefile("rb")), self._is_secure
        self._say(sock, "HELLO", "220 mailbox")
        while line := file.readline():
            words = line.decode("utf-8", "replace").strip()
            command = words.split(" ")[0].upper()
            self.commands.append(command)
            if command == "STARTTLS" and self._tls:
                self._say(sock, command, "220 go on")
                sock, is_secure = opened.enter_context(self._tls.wrap_socket(sock, server_side=True)), True
                file = opened.enter_context(sock.makefile("rb"))
            elif command == "EHLO":
                offers = ["mailbox", "8BITMIME", "AUTH PLAIN", *(["STARTTLS"] if self._tls and not is_secure else [])]
                self._say(sock, command, "\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"]))
            elif command == "AUTH":
                self.logins.append(base64.b64decode(words.split(" ")[2]).decode().strip("\0"))
                self._say(sock, command, "235 welcome")
            elif command == "DATA":
                self._say(sock, command, "354 go on")
                self.mails.append(message_from_bytes(b"".join(_lines(file)), policy=default))
                self._say(sock, "END", "250 taken")
            elif command == "QUIT":
                return
            else:
                self._say(sock, command, "250 fine")

    def _say(self, sock: Any, command: str, usual: str) -> None:
        said = self.says.get(command, usual)
        while said == "":
            gevent.sleep(0.05)
            said = self.says.get(command, usual)
        sock.sendall(f"{said}\r\n".encode())


@contextmanager
def mailbox(tls: ssl.SSLContext | None = None, *, is_tls_at_once: bool = False) -> Iterator[Mailbox]:
    server = Mailbox(tls, is_tls_at_once=is_tls_at_once)
    try:
        yield server
    finally:
        server.close()


def _lines(file: Any) -> Iterator[bytes]:
    while (line := file.readline()) not in (b".\r\n", b""):
        yield line.removeprefix(b".")
