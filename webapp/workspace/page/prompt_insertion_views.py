"""`/name` in the composer inserts a prompt of the library: a form for its fields, then the text as a draft to be sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.ids import new_id
from webapp.chat.calls import choosing
from webapp.chat.messages import drafts
from webapp.chat.messages.forms import MessageForm, choices_in
from webapp.chat.prompt import chat_collections
from webapp.chat.record.access import writable_chat
from webapp.chat.record.tables import Chat
from webapp.knowledge import queries as knowledge_queries
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.people.accounts.tables import User
from webapp.prompts import queries as prompt_queries
from webapp.prompts.template import FilledTooLong, PromptField, PromptPart, Unfilled, fields_of, filled, objections
from webapp.prompts.validation import KEY
from webapp.tools.named import named_tools
from webapp.web.htmx import is_htmx, navigate, redirect, render
from webapp.workspace.page import mentions_shown

bp = Blueprint("prompt_insertion", __name__)
NAMED = re.compile(rf"/({KEY.pattern})(?:\s+(.*))?", re.ASCII | re.DOTALL)
MOST_SIMILAR = 3


@dataclass(frozen=True, slots=True)
class InsertablePrompt:
    """A prompt of the library to be inserted; `rest` is the text typed after its name.

    `reads` are its collections, and `tools` the keys of its tools.
    """

    name: str
    key: str
    about: str
    parts: tuple[PromptPart, ...]
    rest: str = ""
    reads: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return prompt_queries.title_of(self.key)

    @property
    def fields(self) -> list[PromptField]:
        return fields_of(self.parts)

    def text(self, values: Mapping[str, str]) -> str:
        """Fills in the fields; raises `Invalid` if the result is empty or too long."""
        try:
            filled_parts = filled(self.parts, {field.name: values.get(field.name, "") for field in self.fields})
        except FilledTooLong as error:
            raise Invalid("That makes the message too long. Use shorter texts.") from error
        except Unfilled as error:
            raise Invalid("Fill in at least one field.") from error
        return "\n\n".join(part.text.strip() for part in filled_parts)


@bp.get("/prompts/<name>/fill")
@signed_in
def fill(name: str) -> Response:
    prompt = found(insertable(current_user(), name))
    if is_htmx() and not prompt.fields:
        return _inserted(prompt, {})
    first = {field.name: request.args.get("with", "") for field in prompt.fields[:1]}
    return _form(prompt, first)


@bp.post("/prompts/<name>/fill")
@signed_in
def insert(name: str) -> Response:
    prompt, chat_id = found(insertable(current_user(), name)), _chat_id()
    values = {field.name: request.form.get(f"field-{field.name}", "").replace("\r\n", "\n") for field in prompt.fields}
    if wrong := objections(prompt.fields, values):
        return _form(prompt, values, errors=wrong)
    try:
        if is_htmx():
            return _inserted(prompt, values)
        return redirect(_put(prompt, prompt.text(values), chat_id, choices_in(request.args)))
    except Invalid as refusal:
        return _form(prompt, values, refusal=refusal.message)


def _inserted(prompt: InsertablePrompt, values: dict[str, str]) -> Response:
    """Returns the text for the composer of an open page, and the prompt's collections as chips."""
    me, chat = current_user(), db.session.get_one(Chat, chat_id) if (chat_id := _chat_id()) else None
    attached = chat.collection_ids if chat else ()
    reads, tools = (prompt.reads, prompt.tools) if not chat or chat.owner_id == me.id else ((), ())
    on = chat.tools if chat else ()
    return render(
        "workspace/page/composer/_inserted.html",
        text=drafts.truncated(prompt.text(values)),
        chips=[
            *mentions_shown.collection_chips(me, [id for id in reads if id not in attached]),
            *mentions_shown.tool_chips(me, [key for key in tools if key not in on]),
        ],
    )


def prompt_redirect(form: MessageForm, chat_id: str = drafts.NEW_CHAT) -> Response | None:
    """Redirects a message that names a prompt: to the form for its fields or, without fields, to the draft. Otherwise None."""
    me = user_or_none()
    if form.files or not me or not (prompt := prompts_named_in(me, form.typed_instead)):
        return None
    choices = {} if chat_id else choices_in(request.form)
    if form.mentions:
        drafts.save(me.id, form.text, chat_id, mentions=form.mentions)
    if prompt.fields:
        # Leaves out empty query parameters.
        parameters: dict[str, Any] = {**choices, "chat": chat_id or None, "with": prompt.rest or None}
        return navigate(url_for("prompt_insertion.fill", name=prompt.name, **parameters))
    return navigate(_put(prompt, "\n\n".join(filter(None, (prompt.text({}), prompt.rest))), chat_id, choices))


def refuse_unknown(form: MessageForm) -> None:
    """Raises `Invalid` for a message that begins with a mistyped name of a prompt, until the person sends it anyway."""
    me = user_or_none()
    if not me or form.files or form.anyway.data or not (name := unknown_name(me, form.typed)):
        return
    form.unknown_prompt, form.similar_prompts = name, similar_names(me, name)
    raise Invalid(f"There is no prompt /{name}. Send it as a message?", field="message")


def _put(prompt: InsertablePrompt, text: str, chat_id: str, choices: Mapping[str, Any]) -> str:
    """Saves the text as a draft and returns its page; `choices` are what was chosen for a new chat."""
    me, text = current_user(), drafts.truncated(text)
    more = attach(prompt, chat_id, by=me)
    drafts.save(me.id, text, chat_id)
    choices = {**choices, "knowledge": [*choices.get("knowledge", ()), *more]}
    # In a new chat, those of the prompt come to those that are on anyway.
    if not chat_id and (keys := named_tools(me, prompt.tools).keys):
        choices["tools"] = [*choices.get("tools", me.tools), *keys]
    return _page_of(chat_id, choices)


def _chat_id() -> str:
    """Returns the id of the requested chat if the person can write in it."""
    chat_id = request.args.get("chat", "")
    return writable_chat(chat_id).id if chat_id else drafts.NEW_CHAT


def _page_of(chat_id: str, choices: Mapping[str, Any]) -> str:
    if not chat_id:
        new: dict[str, Any] = {name: list(dict.fromkeys(values)) for name, values in choices.items()}
        return url_for("home.show", **new)
    # The address must be unique: for one that differs in its fragment only, a browser scrolls and doesn't load the page.
    return url_for("chat.show", id=chat_id, at=new_id()[:10], _anchor="composer-box")


def _form(
    prompt: InsertablePrompt, values: dict[str, str], *, errors: dict[str, str] | None = None, refusal: str = ""
) -> Response:
    chat_id = _chat_id()
    return render(
        "workspace/page/composer/_prompt.html" if is_htmx() else "prompts/fill.html",
        status=422 if errors or refusal else 200,
        prompt=prompt,
        values=values,
        errors=errors or {},
        refusal=refusal,
        back_url=_page_of(chat_id, choices_in(request.args)),
        chat_id=chat_id,
        choices=choices_in(request.args),
    )


def prompts_named_in(user: User | None, typed: str) -> InsertablePrompt | None:
    """Returns the prompt named by a message if the person has one of that name; None for any other text."""
    match = NAMED.fullmatch(typed.strip()) if user and typed.lstrip().startswith("/") else None
    prompt = insertable(user, match[1]) if user and match else None
    return replace(prompt, rest=(match[2] or "").strip()) if prompt and match else None


def insertable(user: User, name: str) -> InsertablePrompt | None:
    """Returns a prompt of the library in its version in use; None for Millrace's built-in prompts."""
    prompt = prompt_queries.prompt(user, name)
    versions = prompt_queries.versions(prompt) if prompt and not prompt.built_in else []
    if not prompt or not versions:
        return None
    version = next(prompt_queries.with_texts(prompt, [prompt_queries.in_use(prompt, versions)]))
    return InsertablePrompt(prompt.name, prompt.key, prompt.about, version.parts, reads=prompt.collection_ids, tools=prompt.tools)


def unknown_name(user: User, typed: str) -> str:
    """Returns the name that a message begins with if it looks like a prompt's and none has it; empty for any other text."""
    match = NAMED.fullmatch(typed.strip()) if typed.lstrip().startswith("/") else None
    return match[1] if match and not insertable(user, match[1]) else ""


def similar_names(user: User, name: str) -> list[str]:
    """Returns the keys of prompts that the name may have meant."""
    keys = [prompt.key for prompt in prompt_queries.prompts(user) if not prompt.built_in]
    beginning = [key for key in keys if key.startswith(name)]
    return list(dict.fromkeys([*beginning, *get_close_matches(name, keys, MOST_SIMILAR)]))[:MOST_SIMILAR]


def attach(prompt: InsertablePrompt, chat_id: str, *, by: User) -> list[str]:
    """Attaches the prompt's collections to a chat of this person, and turns on its tools.

    Without a chat, it returns the collections for one that will be created.
    """
    seen = [collection.id for collection in knowledge_queries.collections_among(by, prompt.reads)] if prompt.reads else []
    chat = db.session.get_one(Chat, chat_id) if chat_id and (seen or prompt.tools) else None
    if chat and chat.owner_id == by.id:
        chat_collections.add(choosing.turn_on(chat, by, prompt.tools), seen)
    return [] if chat_id else seen
