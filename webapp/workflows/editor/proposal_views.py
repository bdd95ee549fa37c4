"""/workflows/from/…: the workflow that a chat suggests, as a form; creating it saves a draft and opens that in the editor."""

from contextvars import copy_context
from functools import partial

from flask import Blueprint, Response, request, url_for
from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.base.heavy.threads import offload
from webapp.base.languages import gettext as _
from webapp.chat.files.attachments import without_files
from webapp.chat.record import paths, presets
from webapp.chat.record.access import own_chat
from webapp.chat.record.leader import refuse_if_led
from webapp.chat.record.tables import Chat
from webapp.models.connections.service import slug_of
from webapp.people.accounts.guards import admin_only, audit_author
from webapp.tools.tables import Call
from webapp.web.htmx import redirect, render
from webapp.workflows import service as workflow_service
from webapp.workflows.editor import proposal
from webapp.workflows.editor.proposal import MOST_PROPOSED, ChatQuestion, Proposal

bp = Blueprint("proposals", __name__, url_prefix="/workflows/from")


@bp.get("/<id>")
@admin_only
def new(id: str) -> Response:
    chat = refuse_if_led(own_chat(id))
    return _form(chat, _proposal(chat))


@bp.post("/<id>")
@admin_only
def create(id: str) -> Response:
    chat = refuse_if_led(own_chat(id))
    proposed = _proposal(chat)
    tools = {index: request.form.getlist(f"tool_{index}") for index in range(len(proposed.steps))}
    wanted = proposal.entered(proposed, request.form, tools)
    slug = proposal.free_slug(slug_of(wanted.title, 34), (entry.slug for entry in workflow_service.entries()))
    try:
        saved = workflow_service.save(offload(proposal.written, wanted, slug), author=audit_author(), replaces="nobody's")
    except AppError as refusal:
        return _form(chat, wanted, refusal)
    return redirect(url_for("workflows.edit", slug=saved), _("Draft saved. Try it before you publish it."))


def _form(chat: Chat, wanted: Proposal, refusal: AppError | None = None) -> Response:
    titles = {key: tool.words for key, tool in workflow_service.tools().items()}
    context = {"chat": chat, "proposal": wanted, "refusal": refusal, "titles": titles, "most": MOST_PROPOSED}
    return render("workflows/proposal.html", status=refusal.status if refusal else 200, **context)


def _proposal(chat: Chat) -> Proposal:
    questions, settings = _questions(chat), presets.settings_of(chat)
    title = chat.title or (questions[0].text if questions else "") or _("New workflow")
    guidelines = str(settings.get("system_prompt") or "")
    return offload(copy_context().run, partial(proposal.proposal_of, title, questions, guidelines=guidelines, model=chat.model))


def _questions(chat: Chat) -> list[ChatQuestion]:
    """Returns the first of the person's messages in a chat, with the tools that everyone can use among those of their answers."""
    path = paths.messages_to(chat.head_id) if chat.head_id else []
    asked = [index for index, message in enumerate(path) if message.role == "user" and not message.is_hidden][:MOST_PROPOSED]
    ends = [*asked[1:], len(path)]
    last = ends[len(asked) - 1] if asked else 0
    called = _called([message.id for message in path[:last] if message.role == "assistant"][: 2 * MOST_PROPOSED])
    return [
        ChatQuestion(
            without_files(path[start].content, "user"),
            tuple(dict.fromkeys(key for message in path[start:end] for key in called.get(message.id, ()))),
        )
        for start, end in zip(asked, ends, strict=False)
    ]


def _called(message_ids: list[str]) -> dict[str, list[str]]:
    """Returns the keys of the tools that these answers have called and that workflows can name."""
    query = select(Call.message_id, Call.tool).where(Call.message_id.in_(message_ids)).distinct()
    known, called = workflow_service.tools(), dict[str, list[str]]()
    for message_id, key in db.session.execute(query) if message_ids else ():
        if key in known:
            called.setdefault(message_id, []).append(key)
    return called
