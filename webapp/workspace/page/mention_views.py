"""/mentions: the list that `/`, `#` or `@` opens in the composer, and a file that was sent before, attached again."""

from collections.abc import Sequence

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.characters import queries as character_queries
from webapp.chat.attachments import service as attachment_service
from webapp.chat.attachments.views import visible_file
from webapp.chat.files import attachments, storage
from webapp.chat.record import projects
from webapp.chat.record.access import right_in, writable_chat
from webapp.chat.record.tables import Chat
from webapp.knowledge import queries as knowledge_queries
from webapp.models.connections import model_marks
from webapp.people.accounts.guards import current_user, signed_in
from webapp.people.accounts.tables import User
from webapp.people.search import SearchQuery
from webapp.prompts import queries as prompt_queries
from webapp.web.htmx import render
from webapp.workspace.page.answer_shown import members_in
from webapp.workspace.page.mentions_shown import (
    FILE,
    PROMPT,
    Mention,
    character_mention,
    collection_mention,
    model_mention,
    picture_mentions,
)
from webapp.workspace.page.picker_views import MOST_QUERY_CHARS, models

bp = Blueprint("mentions", __name__)
# If there are more, the list is loaded again for what is typed.
MOST_LISTED, MOST_FILES, MOST_CHARACTERS = 100, 40, 40
# Of each kind, before the rest: the list shows eight until something is typed.
FIRST = 4
LABELS = {"/": "Prompts", "#": "Knowledge and files", "@": "Models"}
GROUP_LABEL = "Characters and models"


@bp.get("/mentions")
@signed_in
def index() -> Response:
    sign, query = request.args.get("sign", ""), request.args.get("q", "")[:MOST_QUERY_CHARS].strip()
    chat_id = request.args.get("chat", "")
    chat = writable_chat(chat_id) if chat_id else None
    if sign not in LABELS:
        raise Invalid("Choose from /, # and @.")
    listed, is_cut = LISTS[sign](current_user(), chat, query)
    named = [mention for mention in listed if query.lower() in mention.name.lower()]
    has_more = is_cut or bool(query) or len(named) > MOST_LISTED
    return render(
        "workspace/page/composer/_mentions.html",
        mentions=named[:MOST_LISTED],
        has_more=has_more,
        sign=sign,
        label=_(LABELS[sign] if sign != "@" or (chat and not chat.is_group) else GROUP_LABEL),
        query=query,
    )


@bp.get("/files/<id>/chip")
@signed_in
def chip(id: str) -> Response:
    file = visible_file(id)
    block = attachment_service.block_of(file)
    return render("workspace/page/composer/_file_chip.html", files=attachments.parted(block)[1])


def _prompts(me: User, chat: Chat | None, _query: str) -> tuple[Sequence[Mention], bool]:
    prompts = [prompt for prompt in prompt_queries.prompts(me) if not prompt.built_in]
    # One's own before the team's; of the same name, only one's own can be named in a message.
    by_key = {prompt.key: prompt for prompt in sorted(prompts, key=lambda prompt: prompt.owner_id == me.id)}
    chosen = sorted(by_key.values(), key=lambda prompt: (prompt.owner_id != me.id, prompt.key))
    listed = [Mention(PROMPT, prompt.key, about=prompt.about, url=_fill_url(prompt.name, chat)) for prompt in chosen]
    return [*(picture_mentions() if "picture" not in by_key else ()), *listed], False


def _fill_url(name: str, chat: Chat | None) -> str:
    return url_for("prompt_insertion.fill", name=name, chat=chat.id if chat else None)


def _knowledge(me: User, chat: Chat | None, _query: str) -> tuple[Sequence[Mention], bool]:
    """Returns collections, unless someone else decides what the chat reads, and files that were sent before."""
    attached = chat.collection_ids if chat else ()
    collections = [row for row in knowledge_queries.to_choose(me) if row.id not in attached]
    files = storage.to_send_again(me.id, chat.id if chat else "", MOST_FILES)
    own = [collection_mention(row.id, row.name) for row in collections if not chat or right_in(chat, me) == "own"]
    return [*own, *(Mention(FILE, file.name, about=_("File"), url=url_for(".chip", id=file.id)) for file in files)], False


def _who_answers(me: User, chat: Chat | None, query: str) -> tuple[Sequence[Mention], bool]:
    """Returns models and, of a group, its members; a new chat can begin with any character."""
    page = models(model_marks.for_person(me.id), query, person=me.id)
    offered = list({row.id: model_mention(row.id, row.name, row.facts) for row in page.rows}.values())
    if chat:
        cast = members_in(chat) if chat.is_group else ()
        return [*(character_mention(id, face.name) for id, face in cast), *offered], bool(page.next)
    rows = character_queries.SEEN_CHARACTERS.named(me, SearchQuery(query), limit=MOST_CHARACTERS + 1)
    names = _names_in_project(me) | {row.id: row.name for row in rows[:MOST_CHARACTERS]}
    characters = [character_mention(id, name) for id, name in names.items()]
    listed = [*characters[:FIRST], *offered[:FIRST], *characters[FIRST:], *offered[FIRST:]]
    return listed, bool(page.next) or len(rows) > MOST_CHARACTERS


def _names_in_project(me: User) -> dict[str, str]:
    """Returns the characters of the project in which the new chat begins, which come before all others."""
    id = request.args.get("project", "")
    project = projects.project(me, id) if id else None
    return {
        character.id: character.name
        for character in character_queries.visible_among(me, project.character_ids if project else ())
    }


LISTS = {"/": _prompts, "#": _knowledge, "@": _who_answers}
