"""Reads an e-mail: its headers and its text; attachments only by name. Pure."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage

from webapp.knowledge.documents.readers import markup
from webapp.knowledge.documents.readers.part import DAMAGED, FilePart, UnreadableFile

HEADS = ("From", "To", "Cc", "Date")


def parts(raw: bytes, _: str) -> Iterator[FilePart]:
    try:
        yield _part(raw)
    except (MessageError, LookupError, ValueError, RecursionError, AttributeError) as error:
        # The standard library raises various exceptions for broken headers.
        raise UnreadableFile(DAMAGED) from error


def _part(raw: bytes) -> FilePart:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    title = " ".join(str(mail.get("Subject", "")).split())[:200]
    heads = [f"{name}: {' '.join(str(mail[name]).split())}" for name in HEADS if mail[name]]
    if not heads and not title:
        raise UnreadableFile(DAMAGED)
    names = [name for attachment in mail.iter_attachments() if (name := attachment.get_filename())]
    heads += [f"Attachments: {', '.join(names)}"] if names else []
    return FilePart("\n".join(heads) + f"\n\n{_text(mail)}", title=title)


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain", "html"))
    content = body.get_content() if body else ""
    if not isinstance(content, str):
        return ""
    return markup.as_markdown(content)[1] if body and body.get_content_subtype() == "html" else content
