"""Sends email through the configured server."""

from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Unpack

from webapp.base import audit
from webapp.base.audit import About
from webapp.base.db import db, utc_now
from webapp.base.errors import Invalid
from webapp.models.providers.base import ProviderError
from webapp.operations.mail.password import check_address, password
from webapp.settings.service import setting

SECONDS = 20.0
TEST = "This is a test. Nothing is wrong: Millrace can send email."


def is_set() -> bool:
    """Returns whether a server and a sender address are configured."""
    return bool(setting("mail.host") and setting("mail.from"))


def send(to: Sequence[str], subject: str, text: str) -> list[str]:
    """Sends one email and returns the rejected addresses; raises `ProviderError` if the server did not accept it.

    It releases the database connection while it waits.
    """
    if not is_set():
        raise ProviderError("invalid", "No mail server is set up.")
    # Imported late: half a megabyte that few installations need.
    from webapp.models.upstream.mail import MailServer, send_mail

    server, message = MailServer(*_server()), _message(to, subject, text)
    db.session.rollback()
    return send_mail(server, message, seconds=SECONDS)


def send_test(to: str, **about: Unpack[About]) -> None:
    """Sends one test email; raises `Invalid` with the error."""
    check_address(to or "nobody", field="to")
    entry: About = {**about, "object_kind": "setting", "object_id": "mail.host", "detail": to}
    audit.record("sent a test email", **entry)
    try:
        send([to], "A test from Millrace", TEST)
    except ProviderError as error:
        raise Invalid(f"The email could not be sent. {error}", field="to") from error


def _server() -> tuple[str, int, Any, str, str]:
    user, found = str(setting("mail.user")), password()
    if user and found.trouble:
        raise ProviderError("auth", found.trouble)
    return str(setting("mail.host")), int(setting("mail.port")), setting("mail.security"), user, found.text


def _message(to: Sequence[str], subject: str, text: str) -> EmailMessage:
    # Imported late for the same reason.
    from email.headerregistry import Address

    sender, message = str(setting("mail.from")), EmailMessage()
    message["From"] = Address("Millrace", addr_spec=sender)
    message["To"] = [Address(addr_spec=each) for each in to]
    message["Subject"] = " ".join(subject.split())
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # Prevents automatic replies, such as out-of-office messages.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message
