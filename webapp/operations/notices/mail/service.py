"""The mail server: its address, its password, which is stored encrypted, and the email that is sent through it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from webapp.base import audit, logs
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.models.providers.base import ProviderError
from webapp.settings.secrets.encryption import DecryptionError, Holder, Secret, the_encryption
from webapp.settings.service import setting
from webapp.settings.tables import ApplicationSetting

NAME = "mail.password"
MOST_CHARACTERS = 500
ELSEWHERE = "The stored password can't be used with this server. Enter it again."
# Addresses that every server accepts; others need an SMTP extension that few servers have.
ADDRESS = re.compile(r"[!-~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
FORBIDDEN = set('()<>[],;:\\"')
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}", re.ASCII)
MOST_ADDRESSES = 20
SECONDS = 20.0
TEST = "This is a test. Everything works: Millrace can send email."


@dataclass(frozen=True, slots=True)
class Password:
    """The mail password; `trouble` is why a stored one can't be used."""

    text: str = field(default="", repr=False)
    is_stored: bool = False
    trouble: str = ""


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


def send_test(to: str, *, author: audit.AuditAuthor) -> None:
    """Sends one test email; raises `Invalid` with the error."""
    check_address(to or "nobody", field="to")
    audit.record("sent a test email", author=author, detail=to)
    try:
        send([to], "Test email from Millrace", TEST)
    except ProviderError as error:
        raise Invalid(f"The email could not be sent. {error}", field="to") from error


def _server() -> tuple[str, int, Any, str, str]:
    user, secret = str(setting("mail.user")), password()
    if user and secret.trouble:
        raise ProviderError("auth", secret.trouble)
    return str(setting("mail.host")), int(setting("mail.port")), setting("mail.security"), user, secret.text


def _message(to: Sequence[str], subject: str, text: str) -> EmailMessage:
    # Imported late for the same reason.
    from email.headerregistry import Address

    sender, message = str(setting("mail.from")), EmailMessage()
    message["From"] = Address("Millrace", addr_spec=sender)
    message["To"] = [Address(addr_spec=address) for address in to]
    message["Subject"] = " ".join(subject.split())
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # Prevents automatic replies, such as out-of-office messages.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message


def password() -> Password:
    """Returns the stored password, if it was entered for the configured server."""
    secrets = stored()
    if not secrets:
        return Password()
    try:
        text = the_encryption().decrypt_api_key(secrets[0].ciphertext, owner=NAME, purpose=_purpose())
    except DecryptionError:
        return Password("", True, ELSEWHERE)
    logs.hide(text)
    return Password(text, True)


def set_password(text: str, *, author: audit.AuditAuthor) -> None:
    """Stores the password, bound to the configured server."""
    if not 0 < len(text) <= MOST_CHARACTERS or not (text.isascii() and text.isprintable()):
        raise Invalid(f"A password has 1 to {MOST_CHARACTERS} letters, digits and symbols.", field="password")
    if not setting("mail.host"):
        raise Invalid("Save the server first: the password is only ever sent there.", field="password")
    logs.hide(text)
    ciphertext = the_encryption().encrypt_api_key(text, owner=NAME, purpose=_purpose())
    with write() as session:
        row = ApplicationSetting(key=NAME, value="", ciphertext=ciphertext, changed_at=utc_now())
        row.changed_by = author.id
        session.merge(row)
        _note(session, "entered the mail password", author)


def forget_password(*, author: audit.AuditAuthor) -> None:
    with write() as session:
        if row := session.get(ApplicationSetting, NAME):
            session.delete(row)
            _note(session, "deleted the mail password", author)


def stored() -> list[Secret]:
    """Returns the encrypted password, if there is one."""
    query = select(ApplicationSetting.ciphertext).where(ApplicationSetting.key == NAME)
    with db.engine.connect() as connection:
        ciphertext = connection.scalar(query)
    return [Secret(NAME, _("Email password"), ciphertext)] if ciphertext else []


def _replace(session: Session, _id: str, ciphertext: str, fresh: str) -> bool:
    row = update(ApplicationSetting).where(ApplicationSetting.key == NAME, ApplicationSetting.ciphertext == ciphertext)
    replaced = session.execute(row.values(ciphertext=fresh, changed_at=ApplicationSetting.changed_at))
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


def _purpose() -> str:
    return f"mail password for {setting('mail.host')}:{setting('mail.port')}"


def _note(session: Session, action: str, author: audit.AuditAuthor) -> None:
    audit.add(session, action, author=author, object_kind="setting", object_id=NAME)


HOLDER = Holder("setting", stored, _replace)


def check_host(value: Any) -> None:
    if value and not HOST.fullmatch(str(value)):
        raise Invalid("Enter the name of a server, such as smtp.example.org.", field="value")


def check_address(value: Any, *, field: str = "value") -> None:
    text = str(value)
    if text and (not ADDRESS.fullmatch(text) or FORBIDDEN & set(text) or text.count("@") > 1):
        raise Invalid("Enter an email address such as name@example.org.", field=field)


def check_addresses(value: Any) -> None:
    if len(value) > MOST_ADDRESSES:
        raise Invalid(f"At most {MOST_ADDRESSES} addresses.", field="value")
    for address in value:
        check_address(address)
