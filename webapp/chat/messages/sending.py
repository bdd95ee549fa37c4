"""Sends, edits and continues messages: each is validated, stored in one transaction with its answer, started and announced.

A message goes from `ask` through `store`, inside it, to `store_and_start_all` of `storing.py`: one transaction, then
`Engine.start` (`webapp/engine/engine.py`), which runs the answer in a greenlet as a `Run` (`webapp/streaming/run.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import db, utc_now
from webapp.base.errors import Conflict, Invalid
from webapp.base.ids import new_id
from webapp.base.words import number, plural
from webapp.characters.macros.chat_variables import Variables, VariableStore
from webapp.characters.macros.macros import Names
from webapp.chat.attachments import service as attachment_service
from webapp.chat.attachments.answer_pictures import refuse_unless_drawable
from webapp.chat.calls.answering import AnswerTools, MakeSource, keys_in, source_with_tools
from webapp.chat.files import long_files, storage
from webapp.chat.group.members import PrefixStripper, Speaker, answering_speaker, person_name, speaker_after
from webapp.chat.messages import drafts, renderings, source_search, titles
from webapp.chat.messages.chats import forget_visitors_of_yesterday, limit_visitors
from webapp.chat.messages.rule_choice import choice_by_rule
from webapp.chat.messages.storing import CHAT_CHANGED, PendingGeneration, store_and_start, store_and_start_all
from webapp.chat.prompt import path_folds
from webapp.chat.prompt.answer_prompt import prompt_for, prompt_of_picture, request_of
from webapp.chat.prompt.built_in import QUICK
from webapp.chat.prompt.chat_collections import ids_above, ids_of_prompt
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.chat.prompt.sections import names_in
from webapp.chat.record import announcements, paths, queries
from webapp.chat.record.model_choice import (
    VISITORS_MODEL,
    chosen_by,
    model_to_ask,
    models_to_ask,
    new_choice,
    refuse_unless_open,
)
from webapp.chat.record.post_answer import IS_SHARED
from webapp.chat.record.tables import Chat, Message, Project
from webapp.chat.record.variables import changed_values, variables_below
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.knowledge.answer_sources import NO_SOURCES, AnswerSources
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.presets import queries as preset_queries
from webapp.models.providers.base import ModelRequest
from webapp.models.rules.service import RuleChoice
from webapp.rendering import markdown
from webapp.settings.service import setting
from webapp.tools.outside import places_text, written_by

VISITORS_POLICY = "idle:60"
# Reasons with which a generation is completed although its text was cut off.
CUT_REASONS = {"length", "cap", "budget"}


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Options of an answer.

    `context_limit` is how many earlier messages are sent, and `when_unwatched` what happens while no one is connected:
    `detach`, `idle:SECONDS` or `abort:SECONDS`. `is_typed` deletes the person's draft. `given` are the answer's sources.
    Without `is_personal`, the request leaves out what the person says about themselves, such as persona and custom
    instructions. `speaker` is the character of a group that answers. `is_again` means that the answer is another version of an
    existing one. `shared` are the owner's variables, if the message to be answered changes them. `tools` are offered in place of
    the chat's. `person` asks, and with `is_chosen` has chosen the model for this answer. `column` is the number of its column.
    `without_facts` are facts that it is not given.
    """

    context_limit: int | None = None
    when_unwatched: str = ""
    is_typed: bool = False
    given: AnswerSources = NO_SOURCES
    is_personal: bool = True
    speaker: Speaker | None = None
    is_again: bool = False
    shared: VariableStore | None = None
    tools: AnswerTools | None = None
    person: str = ""
    is_chosen: bool = False
    column: int = 0
    without_facts: frozenset[str] = frozenset()


DEFAULT_OPTIONS, TYPED_OPTIONS = AnswerOptions(), AnswerOptions(is_typed=True)


@dataclass(frozen=True, slots=True)
class MessageInput:
    """A person's text, ready to be stored, and its HTML; `written` is the original text, which identifies a repeated sending."""

    content: str
    html: str
    written: str = ""
    variables: Variables | None = None

    @property
    def shared(self) -> VariableStore | None:
        return self.variables.shared if self.variables else None


NO_INPUT = MessageInput("", "")


def start_chat(
    text: str,
    *,
    model: str = "",
    key: str = "",
    owner_id: str | None = None,
    visitor_hash: str | None = None,
    options: AnswerOptions = DEFAULT_OPTIONS,
    is_temporary: bool = False,
    reads: Sequence[str] = (),
    prompt_key: str = "",
    answered_by: str = "",
    tools: Sequence[str] = (),
    title_words: str = "",
    project: Project | None = None,
    models: Sequence[str] = (),
) -> Generation:
    """Creates a chat with its first message and starts the answer; repeating key and text returns the first result.

    `reads` are the collections attached to the chat, `tools` the keys of the tools that its answers can use; `prompt_key` is the
    prompt that leads it, if not the usual one, and `answered_by` the model of this answer, if not the chat's. `title_words` are
    the words for its first title, if those of the message aren't the person's own. `project` is where the chat begins. `models`
    are those that answer side by side; the first answer is returned.
    """
    entered, person = message_input(text), owner_id or visitor_hash or ""
    models = models_to_ask(models, by=person)
    choice = new_choice(owner_id, model or (project.model if project else ""), otherwise=the_models().default())
    if models and choice.model not in models:
        choice = choice._replace(model=models[0])
    asked, preset_id = (answered_by, None) if answered_by else (choice.model, choice.preset_id)
    refuse_unless_open(person, asked, preset_id, project, for_visitor=bool(visitor_hash))
    sent_as = generations.request_hash(person, key, f"new\0{entered.written}")
    if repeated := generations.generation_of_request(sent_as):
        return repeated

    first = [*reads, *ids_above(preset_queries.known(owner_id, choice.preset_id), project), *ids_of_prompt(prompt_key or QUICK)]
    project_id = project.id if project else None
    sources = source_search.for_first_message(first, entered.content, person, is_temporary=is_temporary, prompt_key=prompt_key)
    options = replace(options, given=sources, person=person, is_chosen=bool(answered_by))

    def store(session: Session) -> list[PendingGeneration]:
        chat = Chat(
            owner_id=owner_id,
            visitor_hash=visitor_hash,
            model=choice.model,
            preset_id=choice.preset_id,
            title=titles.first_words(title_words or entered.content),
            is_temporary=is_temporary,
            prompt_key=prompt_key,
            collection_ids=list(reads),
            tools=list(tools),
            project_id=project_id,
            models=list(models),
        )
        rows.put(session, chat)
        question = new_question(chat, None, entered, by=person)
        return new_answers(session, chat, question, models or [answered_by], sent_as=sent_as, options=options)

    draft = drafts.NEW_CHAT if options.is_typed else None
    return store_and_start_all(store, person, answers=len(models) or 1, sent_as=sent_as, draft=draft)


def start_visitor_chat(text: str, *, key: str, visitor_hash: str, options: AnswerOptions = DEFAULT_OPTIONS) -> Generation:
    """Starts a demo chat for a visitor without an account; also deletes visitors' chats that are a day old."""
    forget_visitors_of_yesterday()
    return start_chat(text, model=VISITORS_MODEL, key=key, visitor_hash=visitor_hash, options=options)


def ask(
    chat: Chat,
    text: str,
    *,
    key: str = "",
    model: str = "",
    after: str = "",
    by: str = "",
    options: AnswerOptions = DEFAULT_OPTIONS,
    speaker_id: str = "",
    answered_by: str = "",
    place: str = "",
    models: Sequence[str] = (),
) -> Generation:
    """Stores the message and starts the answer; repeating key and text returns the first result.

    When this returns, the message is committed and the answer is running, whatever happens to the caller. `after` is the last
    message that the person saw: if the chat has continued elsewhere in the meantime, the message starts a branch. `by` is the
    author, if that is not the owner; the author's limits apply. `speaker_id` is the character of a group that is to answer:
    without a text, it speaks after the last message. `answered_by` is the model of this answer alone; `model` becomes the chat's.
    `place` says what the message begins, in a chat that was made for it: a repeated one has another chat. `models` answer side by
    side; the first answer is returned.
    """
    person, id = by or person_of(chat), chat.id
    models = models_to_ask(models, chat, by=person)
    choice, answered_by = chosen_by(chat, model, answered_by, person, models)
    is_without_message = bool(speaker_id and chat.is_group and not text.strip())
    above = queries.branch_point(chat, after)
    entered = NO_INPUT if is_without_message else message_input_below(text, chat, above, by=person)
    sent_as = generations.request_hash(
        person, key, f"{id}\0\0{speaker_id}" if is_without_message else f"{place or id}\0{entered.written}"
    )
    if repeated := generations.repeated_or_refused(sent_as, lambda: generations.refuse_if_running(chat.lane)):
        return repeated
    is_named = bool(chat.title)
    speaker = answering_speaker(chat, above, text=entered.content, speaker_id=speaker_id)
    if is_without_message:
        sources = source_search.for_retry(chat, above or "", person, speaker_id=speaker_id)
    else:
        sources = source_search.for_message(chat, entered.content, above, person, speaker_id=speaker.id if speaker else None)
    options = replace(options, given=sources, speaker=speaker, shared=entered.shared, person=person, is_chosen=bool(answered_by))

    def store(session: Session) -> list[PendingGeneration]:
        rows.locked(session, Chat, id)
        refuse_if_beside(chat)
        (chat.model, chat.preset_id), chat.title = choice, chat.title or titles.first_words(entered.content)
        parent_id = queries.branch_point(chat, after)
        question = (parent_id or "") if is_without_message else new_question(chat, parent_id, entered, by=person)
        return new_answers(session, chat, question, models or [answered_by], sent_as=sent_as, options=options)

    draft = id if options.is_typed else None
    generation = store_and_start_all(store, person, answers=len(models) or 1, lane=chat.lane, sent_as=sent_as, draft=draft)
    if not (is_named or is_without_message):
        announcements.announce(chat, "title", id)
    return generation


def continue_answer(message: Message, *, by: str = "", must_be_cut: bool = False) -> Generation:
    """Continues an answer in the same message: one that was cut, or the last of its branch. An empty one is generated again."""
    chat, last = queries.chat_of(message), queries.last_generation(message)
    was_cut = last and not last.is_active and (last.status != "completed" or last.reason in CUT_REASONS)
    if not was_cut and (must_be_cut or not _stands_last(chat, message)):
        raise Conflict("This answer is complete, so there is nothing to continue.")
    person = by or (last.user_id if last else None) or person_of(chat)
    model = last.model_asked if last else model_to_ask(chat, by=person)
    providers().for_model(model, person=person, for_visitor=bool(chat.visitor_hash))
    column = chat.column_of(message.id)
    generations.refuse_if_busy(chat.lane, column)
    options = AnswerOptions(given=source_search.for_continuation(chat, message, person), column=column)

    def store(session: Session) -> PendingGeneration:
        lock_chat(session, chat, message.id, column)
        path = paths.messages_within(session, message.id)
        pending = new_generation(chat, message, path, model=model, continues_id=last.id if last else None, options=options)
        if not message.content:
            message.sources = list(pending.prompt.sources)
        message.outside = places_text(pending.prompt.outside)
        return pending

    return store_and_start(store, person, lane=chat.lane)


def regenerate(message: Message, *, model: str = "", by: str = "", without_facts: Sequence[str] = ()) -> Generation:
    """Generates another version of an answer, optionally by another model or without some facts, or the missing answer."""
    chat, question_id = queries.chat_of(message), _question_of(message)
    person, column = by or person_of(chat), chat.column_of(message.id)
    if column and not model and (last := queries.last_generation(message)):
        model = last.model_asked
    is_chosen = bool(model)
    model = model_to_ask(chat, model, by=person)
    generations.refuse_if_busy(chat.lane, column)
    text = "" if message.role == "assistant" else message.content
    speaker = answering_speaker(chat, question_id, text=text, before=message.speaker_id)
    sources = source_search.for_retry(chat, question_id, person, speaker_id=speaker.id if speaker else None)
    is_again, answer_id = message.role == "assistant", message.id
    options = AnswerOptions(given=sources, speaker=speaker, is_again=is_again, person=person, is_chosen=is_chosen, column=column)
    options = replace(options, without_facts=frozenset(without_facts))

    def store(session: Session) -> PendingGeneration:
        lock_chat(session, chat, answer_id if column else question_id, column)
        return new_answer(session, chat, question_id, model=model, options=options)

    return store_and_start(store, person, lane=chat.lane)


def edit(message: Message, text: str, *, key: str = "", by: str = "", models: Sequence[str] = ()) -> Generation:
    """Stores an edited message as a new version next to the original, and generates an answer to it, or several side by side."""
    chat = queries.chat_of(message)
    person = by or person_of(chat)
    entered = message_input_below(text, chat, message.parent_id, by=person)
    if message.role != "user":
        raise Invalid("Only a person's message can be edited and answered again.", field="message")
    model, models = model_to_ask(chat, by=person), models_to_ask(models, chat, by=person)
    sent_as = generations.request_hash(person, key, f"{message.id}\0{entered.written}")
    if repeated := generations.repeated_or_refused(sent_as, lambda: generations.refuse_if_busy(chat.lane)):
        return repeated
    before = speaker_after(message) if chat.is_group else None
    speaker = answering_speaker(chat, message.parent_id, text=entered.content, before=before)
    sources = source_search.for_message(
        chat, entered.content, message.parent_id, person, speaker_id=speaker.id if speaker else None
    )
    options = AnswerOptions(given=sources, speaker=speaker, shared=entered.shared, person=person)

    def store(session: Session) -> list[PendingGeneration]:
        lock_chat(session, chat, message.id)
        question = new_question(chat, message.parent_id, entered, by=person, edits=message)
        return new_answers(session, chat, question, models or [model], sent_as=sent_as, options=options)

    return store_and_start_all(store, person, answers=len(models) or 1, lane=chat.lane, sent_as=sent_as)


def _stands_last(chat: Chat, message: Message) -> bool:
    """Returns whether the message is the last of the chat and can be continued; a greeting replies to nothing and can't."""
    return bool(message.role == "assistant" and message.id == chat.head_id and message.parent_id and message.content)


def _question_of(message: Message) -> str:
    if message.role == "assistant" and message.parent_id:
        return message.parent_id
    if message.role == "assistant" or queries.is_answered(message):
        raise Invalid("Only an answer can be tried again.")
    return message.id


def checked_text(text: str) -> str:
    """Normalizes a message for storage; raises `Invalid` if it is empty or too long."""
    content = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if not content.strip():
        raise Invalid("Write something first.", field="message")
    refuse_if_too_long(content)
    return content


def refuse_if_too_long(content: str, *, field: str = "message") -> None:
    """Raises `Invalid` if a message has more characters than the limit of all pages and interfaces."""
    limit = int(setting("limits.message_chars"))
    if limit and len(content) > limit:
        over = plural(len(content) - limit, "character")
        raise Invalid(f"That is {over} too long. The limit for one message is {number(limit)}.", field=field)


def message_input(
    text: str,
    chat: Chat | None = None,
    *,
    role: str = "user",
    cited: Sequence[int] = (),
    speaker_id: str | None = None,
    variables: Variables | None = None,
) -> MessageInput:
    """Validates and renders a message with its macros filled in; a long one yields to other greenlets while rendering.

    In an answer only names are filled in; `cited` are the numbers of its sources, and `speaker_id` is its character in a group.
    The result's `variables` include those set by the message.
    """
    names, written = names_in(chat, speaker_id, variables=variables) if chat else Names(), checked_text(text)
    filled = names.fill(written) if role == "user" else names.fill_names(written)
    content = checked_text(filled) if filled != written else written
    if role == "user":
        html = renderings.render_person_text(content)
    else:
        pictures = storage.pictures_in(chat.id, content) if chat else {}
        html = renderings.render_markdown(content, cited=cited, pictures=pictures)
    return MessageInput(content, html, written, variables)


def message_input_below(text: str, chat: Chat, parent_id: str | None, *, by: str) -> MessageInput:
    """Validates a person's message below `parent_id`; only the chat's owner has variables."""
    return message_input(text, chat, variables=variables_below(parent_id, chat) if by == chat.owner_id else None)


def person_of(chat: Chat) -> str:
    """Returns the id of the chat's owner, or the hash of its visitor's cookie."""
    return chat.owner_id or chat.visitor_hash or ""


def lock_chat(session: Session, chat: Chat, message_id: str, column: int = 0) -> None:
    """Locks the chat before something is added below this message; fails if the message was deleted since it was read.

    With a `column` the message is the answer there, and must still be in it.
    """
    rows.locked(session, Chat, chat.id)
    if queries.deleted_among([message_id]) or column != (column and chat.column_of(message_id)):
        raise Conflict(CHAT_CHANGED)
    refuse_if_beside(chat, column)


def refuse_if_beside(chat: Chat, column: int = 0) -> None:
    """Raises `Busy` while answers that stand side by side are written: the database only forbids two in one column."""
    if chat.column_ids:
        generations.refuse_if_busy(chat.lane, column)


def new_question(
    chat: Chat, parent_id: str | None, entered: MessageInput, *, by: str = "", edits: Message | None = None
) -> Message:
    """Builds a person's message below its parent, a version of the one that it `edits`; a visitor's has no author."""
    message = _message(chat, parent_id, "user", entered)
    message.author_id = None if chat.visitor_hash else by or chat.owner_id
    message.speaker_name = person_name(chat, message.author_id or "") if chat.is_group else ""
    message.variables = changed_values(entered.variables)
    message.outside = written_by(message.author_id, chat.owner_id, edits.outside if edits else "")
    return message


def new_answers(
    session: Session,
    chat: Chat,
    question: Message | str,
    models: Sequence[str],
    *,
    sent_as: str | None = None,
    options: AnswerOptions = DEFAULT_OPTIONS,
) -> list[PendingGeneration]:
    """Stores empty answers below their question like `new_answer`, each by one of the models: several stand side by side."""
    if len(models) == 1:
        return [new_answer(session, chat, question, model=models[0], sent_as=sent_as, options=options)]
    # While columns are written, nothing else is.
    generations.refuse_if_busy(chat.lane)
    chat.column_ids, pending = [], list[PendingGeneration]()
    for column, model in enumerate(models, 1):
        # The first identifies the request.
        request = None if pending else sent_as
        its_options = replace(options, column=column, is_chosen=True)
        pending.append(new_answer(session, chat, question, model=model, sent_as=request, options=its_options))
        question = question.id if isinstance(question, Message) else question
    return pending


def new_answer(
    session: Session,
    chat: Chat,
    question: Message | str,
    *,
    model: str = "",
    sent_as: str | None = None,
    options: AnswerOptions = DEFAULT_OPTIONS,
) -> PendingGeneration:
    """Stores an empty answer below its question as the head of the chat, and builds the generation that will fill it.

    `question` is a new message, which is stored too, or the id of an existing one.
    """
    new = [question] if isinstance(question, Message) else []
    message = _message(chat, new[0].id if new else str(question) or None, "assistant", speaker=options.speaker)
    above = new[0].parent_id if new else str(question)
    # Before the request is built, which includes the files.
    attachment_service.attach(session, chat.id, [question.content for question in new], new[0].author_id or "" if new else "")
    new_messages = [
        paths.PathMessage(stored.id, stored.role, stored.content, stored.speaker_name or "", outside=stored.outside or "")
        for stored in (*new, message)
    ]
    path = [*(paths.messages_within(session, above) if above else ()), *new_messages]
    pending = new_generation(chat, message, path, model=model or chat.model, sent_as=sent_as, options=options, question=question)
    message.sources, message.variables = list(pending.prompt.sources), changed_values(pending.variables)
    message.outside = places_text(pending.prompt.outside)
    # Inserts both messages in one statement, before the chat refers to one of them.
    rows.store(session, *new, message)
    head_id, column_ids = _head_and_columns(chat, message.id, options.column)
    head = {"head_id": head_id, "column_ids": column_ids, "changed_at": utc_now(), "title": chat.title}
    head |= {"model": chat.model, "preset_id": chat.preset_id}
    is_shared = rows.change(session, chat, returning=IS_SHARED, **head)
    return replace(pending, is_shared=bool(is_shared))


def _head_and_columns(chat: Chat, id: str, column: int) -> tuple[str, list[str]]:
    """Returns the chat's head and columns with a new answer, which replaces the one in its column, if it is in a column."""
    if not column:
        return id, []
    column_ids = [*chat.column_ids, *[""] * (column - len(chat.column_ids))]
    before, column_ids[column - 1] = column_ids[column - 1], id
    has_head = bool(chat.head_id) and chat.head_id != before and chat.head_id in column_ids
    return (chat.head_id or id) if has_head else id, column_ids


def new_generation(
    chat: Chat,
    message: Message,
    path: Sequence[paths.PathMessage],
    *,
    model: str,
    sent_as: str | None = None,
    continues_id: str | None = None,
    options: AnswerOptions = DEFAULT_OPTIONS,
    question: Message | str | None = None,
) -> PendingGeneration:
    """Builds a generation for the last message of a path; one that continues another begins where the text ends.

    `question` is the message that a new answer replies to, possibly not stored yet; only then are variables set by the prompt
    saved.
    """
    if chat.visitor_hash:
        limit_visitors()
    if chat.fold_count and message.content:
        # On another branch, this answer can be in a fold, which would lack what is written now.
        path_folds.drop(db.session(), chat, but_on=[one.id for one in path[:-1]], down_to=message.id)
    choice = RuleChoice(model) if continues_id else choice_by_rule(chat, path, model, options.person, options.is_chosen)
    model = choice.model
    variables = variables_below(question or message.parent_id, chat, is_personal=options.is_personal)
    variables = replace(variables, shared=options.shared) if options.shared and options.is_personal else variables
    tools = options.tools or AnswerTools(keys_in(chat))
    prompt = _prompt(chat, path, model, tools, speaker_id=message.speaker_id, variables=variables, options=options)
    generation = Generation(
        id=new_id(),
        kind=chat.kind,
        lane=chat.lane,
        column_number=options.column,
        message_id=message.id,
        user_id=chat.owner_id,
        model_asked=model,
        connection=the_connections().slug_of(model),
        when_unwatched=options.when_unwatched or (VISITORS_POLICY if chat.visitor_hash else "detach"),
        owner=the_engine().worker.id,
        sent_as=sent_as,
        continues_id=continues_id,
        text_offset=len(message.content),
        prompt=prompt.as_record(),
        led_by=prompt.versions.label,
        rule=choice.label,
    )
    request, speaker_id = request_of(generation, path, given=options.given), message.speaker_id or chat.character_id or ""
    request = replace(request, folded=partial(source_search.shorter_request, the_engine(), generation.id, **_rebuilding(options)))
    pending = PendingGeneration(
        chat, generation, request, prompt, speaker_id=speaker_id, variables=variables if question is not None else None
    )
    if the_models().draws(model):
        refuse_unless_drawable(request, options.person or person_of(chat))
        return pending
    calling = partial(source_with_tools, the_engine(), chat, message, generation, tools=tools)
    pending = replace(pending, source=lambda ladder, request: calling(request, ladder))
    return pending if message.content else _wrapped(pending, message, options)


def _prompt(
    chat: Chat,
    path: Sequence[paths.PathMessage],
    model: str,
    tools: AnswerTools,
    *,
    speaker_id: str | None,
    variables: Variables,
    options: AnswerOptions,
) -> RecordedPrompt:
    """Returns the prompt to be recorded: of a model that draws, the message that it answers."""
    if the_models().draws(model):
        return prompt_of_picture(path)
    return prompt_for(
        chat,
        path,
        model,
        history_limit=options.context_limit,
        given=options.given,
        is_personal=options.is_personal,
        speaker_id=speaker_id,
        occasion="continue" if path[-1].content else "again" if options.is_again else "answer",
        variables=variables,
        tool_count=len(tools.keys),
        without_facts=options.without_facts,
    )


def _wrapped(pending: PendingGeneration, message: Message, options: AnswerOptions) -> PendingGeneration:
    """Has an answer that begins wait for the chat's files, and removes the speaker's name that a model puts before it."""
    speaker, answer = message.speaker_name, pending.source

    def source(ladder: MakeSource, request: ModelRequest) -> EventSource:
        inner = answer(ladder, request)
        if rebuilt:
            inner = source_search.SourceAfterFiles(the_engine(), pending.chat.id, rebuilt, partial(answer, ladder), inner)
        return PrefixStripper(speaker, inner) if speaker else inner

    rebuilt: Callable[[], ModelRequest] | None = None
    if long_files.not_indexed(pending.chat):
        rebuilt = partial(source_search.request_with_files, pending.generation.id, **_rebuilding(options))
    return replace(pending, source=source)


def _rebuilding(options: AnswerOptions) -> source_search.PromptOptions:
    limit, is_personal = options.context_limit, options.is_personal
    return source_search.PromptOptions(history_limit=limit, is_personal=is_personal, without_facts=options.without_facts)


def _message(
    chat: Chat, parent_id: str | None, role: str, entered: MessageInput = NO_INPUT, *, speaker: Speaker | None = None
) -> Message:
    return Message(
        id=new_id(),
        chat_id=chat.id,
        parent_id=parent_id,
        role=role,
        content=entered.content,
        html=entered.html,
        html_version=0 if entered is NO_INPUT else markdown.VERSION,
        speaker_id=speaker.id if speaker else None,
        speaker_name=speaker.name if speaker else "",
    )
