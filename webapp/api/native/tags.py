"""/api/v1/tags: a person's tags. Chats show and take them by name."""

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Named
from webapp.chat.record import tags
from webapp.chat.record.tables import Tag
from webapp.chat.record.tags import TagInput
from webapp.people.accounts.guards import found

bp = Blueprint("api_tags", __name__, url_prefix="/api/v1/tags")


class TagAnswer(Named):
    count: int = Field(description="How many chats have it that you can see, without those in the trash.")


class TagList(Answer):
    tags: list[TagAnswer]


@bp.get("")
@operation("List your tags, in alphabetical order", scope="read", answer=TagList)
def index() -> TagList:
    return _list()


@bp.patch("/<id>")
@operation(
    "Rename a tag on all chats; with the name of another tag of yours, both become one",
    scope="chat",
    body=TagInput,
    answer=TagList,
)
def rename(id: str, body: TagInput) -> TagList:
    tags.rename(_own(id), body, by=caller())
    return _list()


@bp.delete("/<id>")
@operation("Remove a tag from all chats", scope="chat", status=204)
def delete(id: str) -> None:
    tags.remove(_own(id))


def _list() -> TagList:
    return TagList(tags=[TagAnswer.of(tag) for tag in tags.counted(caller())])


def _own(id: str) -> Tag:
    return found(tags.own_tag(caller().id, id))
