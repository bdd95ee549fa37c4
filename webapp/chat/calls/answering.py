"""Answers of a chat that can call tools: what they are offered, and the source that they are read from."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from sqlalchemy import select
from sqlalchemy.orm import undefer

from webapp.base.db import db
from webapp.chat.calls.choosing import allowed_in, are_offered
from webapp.chat.calls.files import CallFiles
from webapp.chat.files import attachments
from webapp.chat.folds.opening import opened
from webapp.chat.prompt import chat_collections, leading
from webapp.chat.prompt.question import texts_of, words_of
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.chat.record import paths, projects
from webapp.chat.record.presets import preset_of
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.knowledge.answer_sources import outside_among, search_text
from webapp.knowledge.tables import Document
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ModelRequest
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts, queries as prompt_queries
from webapp.streaming.events import Event, Started
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript
from webapp.tools import loop, outside
from webapp.tools.built_in.search_web import SEARCH_BEFORE, query_for
from webapp.tools.calls import calls_of
from webapp.tools.fuse import Allowed, Limits, allowed_for
from webapp.tools.ledger import StoredLedger
from webapp.tools.offers import Offer, offers_for
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call

MakeSource = Callable[[ModelRequest], EventSource]


@dataclass(frozen=True, slots=True)
class AnswerTools:
    """The keys of the tools that one answer is offered; `outside` names where outside text in its prompt came from.

    With `is_scripted`, no model calls them.
    """

    keys: Sequence[str] = ()
    outside: tuple[str, ...] = ()
    is_scripted: bool = False


def keys_in(chat: Chat) -> list[str]:
    """Returns the keys of the tools that an answer is offered: of the chat, its preset, its project and its leading prompt."""
    above = (row.tools for row in (preset_of(chat), projects.project_of(chat)) if row)
    return list(dict.fromkeys((*chat.tools, *chain(*above), *active_prompts.tools_of(leading.key_of(chat)))))


def _offers_in(chat: Chat, person: str, keys: Sequence[str]) -> Sequence[Offer]:
    """Returns those of the tools that an answer for this person can use in the chat."""
    user = db.session.get(User, person) if keys and person and are_offered(chat) else None
    return offers_for(user, keys, allowed_in(chat.id, person)) if user else ()


@dataclass(frozen=True, slots=True)
class PromptContents:
    """What the outside rule knows of a prompt; the fields are those of `loop.CallingAnswer`."""

    outside: tuple[str, ...]
    is_private: bool
    typed: tuple[str, ...]
    given: tuple[str, ...]


NO_CONTENTS = PromptContents((), is_private=False, typed=(), given=())


def _contents(
    chat: Chat, message: Message, generation: Generation, request: ModelRequest, person: User, tools: AnswerTools
) -> PromptContents:
    """Returns what is in the prompt of an answer: texts of others, which its message names, and private ones.

    An earlier answer can say what outside text wants of the next one, where no person sees it. What is older than the prompt can
    be in its story.
    """
    sent = [recorded.id for recorded in RecordedPrompt.from_record(generation.prompt).messages]
    is_earlier = Message.chat_id == chat.id, Message.id != message.id
    calls = select(Call.message_id, Call.outside, Call.sources, Call.private_to).join(Message, Message.id == Call.message_id)
    rows = [
        row
        for row in db.session.execute(calls.where(*is_earlier, Message.call_count > 0))
        if row.message_id in sent or row.message_id < min(sent, default="")
    ]
    answers = db.session.scalars(select(Message.sources).where(Message.id.in_(sent), Message.role == "assistant")).all()
    document_ids = {source["document_id"] for sources in (request.sources, *answers) for source in sources} - {""}
    documents = select(Document).where(Document.id.in_(document_ids)).options(undefer(Document.owner_id))
    questions = select(Message.author_id, Message.outside, Message.content)
    questions = questions.where(Message.id.in_(sent), Message.role == "user")
    messages = db.session.execute(questions).all()
    # An old message has no author.
    own = [row.content for row in messages if not row.outside and (row.author_id or chat.owner_id) == person.id]
    inserted = list(_inserted(own, person))
    own = [content for content in own if not any(text in content for _place, text in inserted)]
    # Of a step without a model, the texts of the workflow are as good as the person's.
    of_step = [turn.content for turn in request.turns if turn.role == "user"] if tools.is_scripted else []
    return PromptContents(
        outside=_with_names(
            *tools.outside,
            *message.outside.splitlines(),
            *(place for place, _text in inserted),
            # In another person's chat, nothing but the asker's messages is their own.
            *([outside.chat_of(chat.owner_id)] if chat.owner_id and chat.owner_id != person.id else []),
            *(outside_among(person, db.session.scalars(documents)) if document_ids else ()),
            *(place for row in rows for place in row.outside),
        ),
        is_private=bool(document_ids)
        or any(row.private_to or any(source["document_id"] for source in row.sources) for row in rows)
        or any(attachments.parted(row.content)[1] for row in messages),
        typed=(*of_step, *(attachments.parted(content)[0] for content in own)),
        given=tuple(source["url"] for row in rows for source in row.sources if source.get("url")),
    )


def _inserted(contents: Sequence[str], person: User) -> Iterator[tuple[str, str]]:
    """Yields the texts of others' prompts in a person's messages, each with its place; without messages there is no query."""
    for title, owner_id, text in prompt_queries.texts_by_others(person) if contents else ():
        if any(text in content for content in contents):
            yield from ((place, text) for place in outside.thing("prompt", title, owner_id, person.id))


def _with_names(*places: str) -> tuple[str, ...]:
    """Returns the places as people read them; without people in them there is no query."""
    ids = outside.people_in(places)
    people = db.session.scalars(select(User).where(User.id.in_(ids))) if ids else ()
    return tuple(outside.with_names(places, {person.id: person.name for person in people}))


def _start_of(model: str, person: str) -> Started:
    provider = providers().for_model(model, person=person, for_visitor=True)
    return Started(providers().name_of(model), provider.name, demo=model.startswith(DEMO))


def _search_before(chat: Chat, message: Message, person: str, offers: Sequence[Offer]) -> loop.FirstCall | None:
    """Returns the search before an answer that begins: for the question and, if that is short, what it refers to."""
    offer = next((offer for offer in offers if offer.tool.key == SEARCH_BEFORE.key), None)
    if not offer or message.content or message.call_count or not message.parent_id:
        return None
    # Only what is near: other writers wait.
    texts = [attachments.parted(words_of(text))[0] for text in texts_of(next(paths.pieces_upwards(message.parent_id)))]
    if not (query := query_for(search_text(texts)) if texts else ""):
        return None
    is_allowed = offer.policy == "allow" or person == chat.owner_id
    return loop.FirstCall(offer.name, json.dumps({"query": query}, ensure_ascii=False), is_allowed)


def source_with_tools(
    engine: Engine,
    chat: Chat,
    message: Message,
    generation: Generation,
    request: ModelRequest,
    ladder: MakeSource,
    *,
    transcript: Transcript | None = None,
    tools: AnswerTools | None = None,
) -> EventSource:
    """Returns the source of an answer that is offered tools, or has calls already; any other is read from one ladder.

    The tools are those of the chat unless `tools` says otherwise. One that opens folds is offered where any are in the request,
    also if that has them since a refusal.
    """
    tools = tools or AnswerTools(keys_in(chat))
    person, model = generation.user_id or "", generation.model_asked
    offers = _offers_in(chat, person, tools.keys)
    takes_tools = tools.is_scripted or the_models().known(model).is_able("tools")
    if not (offers or message.call_count or (request.folds and takes_tools)):
        if not (request.folded and takes_tools):
            return ladder(request)
        read_again = partial(_source_again, engine, generation.id, ladder=ladder, tools=tools)
        return _SourceUntilFolded(request, request.folded, ladder, read_again)
    asking = db.session.get(User, person)
    contents = _contents(chat, message, generation, request, asking, tools) if asking else NO_CONTENTS
    if not takes_tools:
        offers = [replace(offer, tool=SEARCH_BEFORE) if offer.tool.key == SEARCH_BEFORE.key else offer for offer in offers]
    calls = calls_of(db.session(), message.id) if message.call_count else []
    # What the person can't see, a model would quote to them.
    hidden = hidden_results(asking, calls)
    calls = [replace(call, text=hidden[call.id], error="") if call.id in hidden else call for call in calls]
    ledger = StoredLedger(engine, message.id, generation.id, calls, request.sources, message.outside)
    answer = loop.CallingAnswer(
        person,
        chat.id,
        text=message.content,
        collection_ids=(*chat.collection_ids, *chat_collections.ids_above(preset_of(chat), projects.project_of(chat))),
        outside=contents.outside,
        is_private=contents.is_private,
        typed=contents.typed,
        given=contents.given,
        allowed=allowed_for(db.session(), message.id) if message.call_count else Allowed(),
        files=CallFiles(chat.id, person),
        started=None if tools.is_scripted else _start_of(model, person),
        first=_search_before(chat, message, person, offers) if not takes_tools else None,
        find_folded=partial(opened, chat.id, model) if takes_tools else None,
    )
    limits = Limits.set(can_wait=engine.kinds[generation.kind].resume is not None)
    turns = request.turns[:-1] if request.is_continuation else request.turns
    prompt = replace(request, turns=turns, is_continuation=False)
    return loop.ToolRun(engine, answer, prompt, offers, ladder, limits, ledger=ledger, transcript=transcript)


class _FoldedError(Exception):
    """Raised within a ladder whose request is folded after a refusal: another source reads it, which can open that."""

    def __init__(self, request: ModelRequest) -> None:
        self.request = request


class _SourceUntilFolded:
    """The ladder of an answer without tools, up to a refusal after which a fold stands in its request."""

    def __init__(
        self,
        request: ModelRequest,
        fold: Callable[[int], ModelRequest | None],
        ladder: MakeSource,
        read_again: Callable[[ModelRequest, Transcript], EventSource],
    ) -> None:
        self._fold, self._read_again = fold, read_again
        self._source = ladder(replace(request, folded=self._folded))

    def _folded(self, most_tokens: int) -> ModelRequest | None:
        shorter = self._fold(most_tokens)
        if shorter and shorter.folds:
            raise _FoldedError(replace(shorter, folded=self._fold))
        return shorter

    def events(self, stop: Stop) -> Iterator[Event]:
        said = Transcript()
        try:
            with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
                for event in events:
                    said.fold(event)
                    yield event
                    if said.started:
                        break
                # Of the usual answer, this is all that is done.
                yield from events
        except _FoldedError as folded:
            self._source = self._read_again(folded.request, said)
            yield from self._source.events(stop)

    @property
    def is_between(self) -> bool:
        return self._source.is_between

    def check_timeout(self) -> str:
        return self._source.check_timeout()


def _source_again(
    engine: Engine, generation_id: str, request: ModelRequest, said: Transcript, *, ladder: MakeSource, tools: AnswerTools
) -> EventSource:
    """Returns the source of an answer that has begun, for its request as it is folded now."""
    with engine.in_app():
        generation = db.session.get_one(Generation, generation_id)
        message = db.session.get_one(Message, generation.message_id)
        chat = db.session.get_one(Chat, message.chat_id)
        return source_with_tools(engine, chat, message, generation, request, ladder, transcript=said, tools=tools)
