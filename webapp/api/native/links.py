"""/api/v1/chats/ID/links and /api/v1/links: links by which people without an account read a chat."""

from datetime import datetime

from flask import Blueprint, url_for
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.base.audit import AuditAuthor
from webapp.base.inputs import AnyId
from webapp.chat.record import queries
from webapp.chat.record.access import own_chat
from webapp.people.accounts.guards import client_address, found, own_address
from webapp.workspace.links import pages, service
from webapp.workspace.links.service import LinkInput, LinkRow, Part

bp = Blueprint("api_links", __name__, url_prefix="/api/v1")


class NewLink(LinkInput):
    message_id: AnyId | None = Field(None, description="An answer, which is then shown alone, with its question.")
    block: int | None = Field(None, description="The number of a page, drawing or table in the answer, to show that alone.")


class LinkAnswer(Answer):
    id: str
    url: str = Field(description="The address of the page; empty if it can't be decrypted any longer.")
    live: bool
    message_id: str | None = Field(description="The answer that it shows, if it doesn't show the whole chat.")
    block: int | None = Field(description="The number in the answer of what it shows alone.")
    file_id: str | None = Field(description="The file of the version of a text, if it shows that alone.")
    shows: list[Part] = Field(serialization_alias="with")
    is_open: bool = Field(description="False once it has ended, and while it is closed: its page says that it opens nothing.")
    visits: int = Field(description="How often its page was requested.")
    ends_at: datetime | None
    created_at: datetime


class LinkList(Answer):
    links: list[LinkAnswer]


@bp.get("/chats/<id>/links")
@operation("List the links to a chat", scope="read", answer=LinkList)
def index(id: str) -> LinkList:
    chat = own_chat(id)
    return LinkList(links=[_answer(row) for row in service.of_chat(chat.id)])


@bp.post("/chats/<id>/links")
@operation("Create a link to a chat", scope="chat", body=NewLink, answer=LinkAnswer, status=201, errors=(409, 422))
def create(id: str, body: NewLink) -> LinkAnswer:
    chat, me = own_chat(id), caller()
    message = found(queries.message_in(chat, body.message_id)) if body.message_id else None
    artifact = pages.linked_block(message, body.block) if message and body.block is not None else None
    link = service.create(chat, body, author=AuditAuthor(me, client_address()), by=me, message=message, artifact=artifact)
    return _answer(found(service.link_row(link.id)))


@bp.delete("/links/<id>")
@operation("Revoke a link", scope="chat", status=204)
def delete(id: str) -> None:
    row, me = service.link_row(id), caller()
    found(row if row and row.owner.id == me.id else None)
    service.revoke(id, author=AuditAuthor(me, client_address()))


def _answer(row: LinkRow) -> LinkAnswer:
    link, token = row.link, row.url_token
    return LinkAnswer.of(
        link,
        url=own_address(url_for("shared.show", token=token)) if token else "",
        live=link.is_live,
        message_id=link.head_id if link.is_answer else None,
        is_open=not row.closed,
    )
