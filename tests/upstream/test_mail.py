"""Mail is delivered to a real, trusted server within the timeout, and each failure has an error message."""

import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.upstream.mailbox import Mailbox, mailbox
from tests.upstream.test_tls import certificate
from webapp.models.upstream.mail import MailServer, send_mail
from webapp.streaming.failure import ProviderError

__all__ = ["certificate"]
LONG = 30.0


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as server:
        yield server


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def a_mail(*to: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Millrace <millrace@example.org>", ", ".join(to or ("you@example.org",)), "Grüße"
    mail.set_content("Errors: 50 % – above 5 %.\n.\nThe end.\n", cte="quoted-printable")
    return mail


def refusal(server: MailServer, mail: EmailMessage | None = None, *, seconds: float = LONG) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        send_mail(server, mail or a_mail(), seconds=seconds)
    return caught.value


def test_a_mail_arrives_as_it_was_written(box: Mailbox) -> None:
    assert send_mail(MailServer("127.0.0.1", box.port, "none"), a_mail(), seconds=LONG) == []
    (mail,) = box.mails
    assert (mail["Subject"], mail["To"]) == ("Grüße", "you@example.org")
    assert mail.get_content().replace("\r\n", "\n") == "Errors: 50 % – above 5 %.\n.\nThe end.\n"
    assert "STARTTLS" not in box.commands


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_it_signs_in_over_tls(security: str, secure: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    with mailbox(secure, is_tls_at_once=security == "tls") as box:
        server = MailServer("localhost", box.port, security, "millrace", "a password")  # type: ignore[arg-type]
        send_mail(server, a_mail(), seconds=LONG, tls=trusting)
        assert (len(box.mails), box.logins) == (1, ["millrace\0a password"])


def test_a_certificate_that_nobody_vouches_for_gets_no_mail(secure: ssl.SSLContext) -> None:
    with mailbox(secure) as box:
        error = refusal(MailServer("localhost", box.port, "starttls", "millrace", "a password"))
        assert "certificate" in str(error)
        assert not error.retryable
        assert not box.logins + box.mails


def test_a_server_without_encryption_gets_nothing_when_that_is_asked_for(box: Mailbox) -> None:
    error = refusal(MailServer("127.0.0.1", box.port, "starttls", "millrace", "a password"))
    assert "doesn't offer" in str(error)
    assert not box.logins + box.mails


@pytest.mark.parametrize(
    ("command", "answer", "words", "retryable"),
    [
        ("HELLO", "554 not you", "answered 554: not you", False),
        ("AUTH", "535 wrong", "didn't accept the user name or password: wrong", False),
        ("MAIL", "451 later", "answered 451: later", True),
        ("RCPT", "550 who?", "refused the recipient: who?", False),
        ("RCPT", "450 busy", "refused the recipient: busy", True),
        ("END", "552 too \x07 much", "answered 552: too much", False),
        ("DATA", "250-" + "x" * 5_000 + "\r\n250-y" * 20_000, "closed the connection", True),
    ],
)
def test_a_refusal_is_told_in_words(box: Mailbox, command: str, answer: str, words: str, retryable: bool) -> None:
    box.says[command] = answer
    error = refusal(MailServer("127.0.0.1", box.port, "none", "millrace", "a password"))
    assert words in str(error)
    assert error.retryable == retryable


def test_some_recipients_may_be_refused(box: Mailbox) -> None:
    answers = iter(["250 fine", "550 who?"])

    class Picky(dict[str, str]):
        def get(self, key: str, usual: str) -> str:  # type: ignore[override]
            return next(answers) if key == "RCPT" else usual

    box.says = Picky()
    server = MailServer("127.0.0.1", box.port, "none")
    assert send_mail(server, a_mail("a@example.org", "b@example.org"), seconds=LONG) == ["b@example.org"]
    assert len(box.mails) == 1


@pytest.mark.mostly_slow
@pytest.mark.parametrize("command", ["HELLO", "MAIL", "END"])
def test_a_server_that_says_nothing_is_left(box: Mailbox, command: str) -> None:
    box.says[command] = ""
    error = refusal(MailServer("127.0.0.1", box.port, "none"), seconds=1)
    assert "took longer than 1 seconds" in str(error)
    assert error.retryable
    box.says.clear()


@pytest.mark.parametrize("host", ["169.254.169.254", "fd00:ec2::254"])
def test_addresses_that_nobody_can_call_are_refused(host: str) -> None:
    assert "isn't allowed" in str(refusal(MailServer(host, 25, "none")))


def test_nobody_listens() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        error = refusal(MailServer("127.0.0.1", silent.getsockname()[1], "none"))
    assert "refused the connection" in str(error)
