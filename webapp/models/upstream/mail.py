"""Sends mail: one SMTP session, with limits on its time and on the size of replies."""

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import IO, Any, Literal

import gevent

from webapp.models.upstream.sockets import connected, tls_context
from webapp.streaming.failure import ProviderError

Security = Literal["starttls", "tls", "none"]
CONNECT_SECONDS = 10.0
# A reply is a few lines; smtplib by itself would read without a limit.
MOST_BYTES = 64 * 1024
MOST_WORDS = 200
FIT = "Check that the port matches the encryption."
ON_ITS_WAY = "Sending isn't possible without encryption, except to this machine: the password would be readable on its way."


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)


def send_mail(server: MailServer, message: EmailMessage, *, seconds: float, tls: ssl.SSLContext | None = None) -> list[str]:
    """Sends a message; returns the recipients that the server refused, unless it refused them all.

    Raises `ProviderError` if the server did not accept it in time.
    """
    late = ProviderError("stall", f"{server.host} took longer than {seconds:g} seconds.", retryable=True)
    smtp = _SmtpConversation(server, tls or tls_context(), _domain(message))
    try:
        with gevent.Timeout(seconds, late):
            return _send(smtp, server, message)
    finally:
        smtp.close()


class _SmtpConversation(smtplib.SMTP):
    """An smtplib session over a socket to an address that was checked."""

    def __init__(self, server: MailServer, context: ssl.SSLContext, domain: str) -> None:
        super().__init__(local_hostname=domain or "[127.0.0.1]")
        # The name that the certificate must contain.
        self._host = server.host
        self._server, self.context = server, context

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        sock = connected(host, port, "operator", CONNECT_SECONDS)
        if self._server.security != "tls":
            return sock
        with ExitStack() as unless_wrapped:
            unless_wrapped.callback(sock.close)
            wrapped = self.context.wrap_socket(sock, server_hostname=host)
            unless_wrapped.pop_all()
        return wrapped

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()


class _Bounded:
    """A file of a server's replies that ends at a limit, as if the server had hung up."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, MOST_BYTES

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._left -= len(line)
        return line if self._left >= 0 else b""

    def close(self) -> None:
        self._file.close()


def _send(smtp: _SmtpConversation, server: MailServer, message: EmailMessage) -> list[str]:
    host = server.host
    try:
        return _deliver(smtp, server, message)
    # No chaining below: the messages of these errors can contain what was sent.
    except smtplib.SMTPAuthenticationError as error:
        raise ProviderError("auth", f"{host} didn't accept the user name or password: {_words(error.smtp_error)}") from None
    except smtplib.SMTPNotSupportedError:
        raise ProviderError("invalid", f"{host} doesn't offer what the settings ask for: encryption or a sign-in.") from None
    except smtplib.SMTPRecipientsRefused as error:
        code, refusal = next(iter(error.recipients.values()))
        raise ProviderError("invalid", f"{host} refused the recipient: {_words(refusal)}", retryable=code < 500) from None
    except smtplib.SMTPResponseException as error:
        words, is_passing = _words(error.smtp_error), 400 <= error.smtp_code < 500
        raise ProviderError("error", f"{host} answered {error.smtp_code}: {words}", retryable=is_passing) from None
    except ssl.SSLCertVerificationError:
        raise ProviderError("error", f"Couldn't connect securely to {host}: its certificate is invalid or not trusted.") from None
    except ssl.SSLError:
        raise ProviderError("error", f"Couldn't connect securely to {host}. {FIT}") from None
    except OSError:
        raise ProviderError("cut", f"{host} closed the connection. {FIT}", retryable=True) from None


def _deliver(smtp: _SmtpConversation, server: MailServer, message: EmailMessage) -> list[str]:
    code, words = smtp.connect(server.host, server.port)
    if code != 220:
        raise smtplib.SMTPConnectError(code, words)
    smtp.ehlo_or_helo_if_needed()
    if server.security == "starttls":
        smtp.starttls(context=smtp.context)
    if server.user:
        _refuse_openness(smtp, server)
        smtp.login(server.user, server.password)
    to: Sequence[str] = [address.addr_spec for address in message["To"].addresses]
    refused = smtp.sendmail(message["From"].addresses[0].addr_spec, to, message.as_bytes(policy=SMTP))
    # Without waiting for the reply, which would change nothing any more.
    with suppress(OSError):
        smtp.putcmd("quit")
    return sorted(refused)


def _refuse_openness(smtp: _SmtpConversation, server: MailServer) -> None:
    peer = smtp.sock.getpeername()[0] if smtp.sock else ""
    if server.security == "none" and not ipaddress.ip_address(peer.partition("%")[0]).is_loopback:
        raise ProviderError("invalid", ON_ITS_WAY)


def _domain(message: EmailMessage) -> str:
    """Returns the domain for EHLO: this machine's name must not be revealed, and looking it up can take long."""
    return str(message["From"].addresses[0].domain)


def _words(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MOST_WORDS]
