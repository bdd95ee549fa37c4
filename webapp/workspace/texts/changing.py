"""Changing a part of a text by a sentence: a model rewrites that part, and a person accepts the change or dismisses it.

It is a generation of its own, in the lane of the text, with limits, budgets and fallbacks as an answer; plans have their parts
written by the same `generations.begin`.
"""

from dataclasses import replace

from pydantic import Field
from sqlalchemy import delete as deletion
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.db import write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.inputs import Input
from webapp.chat.files.tables import BY_CHANGE
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.prompt.built_in import TEXT_CHANGE_KEY
from webapp.chat.record.model_choice import model_to_ask
from webapp.chat.record.tables import Chat
from webapp.engine import generations, side_requests
from webapp.engine.engine import the_engine
from webapp.engine.kinds import Kind
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ModelRequest, RequestParameters
from webapp.models.rules import service as model_rules
from webapp.models.rules.rules import Occasion
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts
from webapp.prompts.active_prompts import PromptVersions, RenderedPrompt
from webapp.streaming.transcript import Transcript
from webapp.workspace.texts import parts, queries, service
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.service import Outdated, TextInput
from webapp.workspace.texts.tables import ENDED, READY, TextChange

MOST_WISH = 2_000
NO_PART = "Choose the part that is to be changed: this text has no such place."
OPEN = "There is a change of this text already: accept it or dismiss it first."
NOTHING = "There is no change of this text."
MOVED = "The part was changed meanwhile, so the new one no longer fits. Dismiss the change and ask again."
NOTES = {
    "user": "It was stopped before it finished.",
    "server_restart": "The server was restarted while this was being written.",
    "budget": "It ended because its budget is used up.",
    "content_filter": "The provider's content filter stopped it.",
}
CUT = "The model reached its length limit."
EMPTY = "The model returned nothing for this part."


class WishInput(Input):
    """The part of a text that is to be rewritten, in characters, and what is wished for."""

    start: int = Field(ge=0, le=10**9, description="Where the part begins.")
    end: int = Field(ge=0, le=10**9, description="Where it ends: the first character after it.")
    wish: str = Field(min_length=1, max_length=MOST_WISH, description="What is to be different.")
    version: int | None = Field(None, ge=1, le=10**9, description="The version that the places are of; left out, the newest.")


def change(chat: Chat, now: TextVersion, entered: WishInput, *, by: User) -> TextChange:
    """Has a model rewrite a part of the newest version of a text; the text stays as it is until the change is accepted."""
    text, wish = now.text(), entered.wish.strip()
    if entered.version and entered.version != now.number:
        raise Outdated(now)
    if not wish:
        raise Invalid("Say what is to be different.", field="wish")
    if not entered.start < entered.end <= len(text) or not text[entered.start : entered.end].strip():
        raise Invalid(NO_PART, field="part")
    if (earlier := queries.change_of(now.text_id)) and earlier.state != ENDED:
        generations.refuse_if_busy(earlier.lane)
        raise Conflict(OPEN)
    row = TextChange(text_id=now.text_id, chat_id=chat.id, version=now.number, start=entered.start, end=entered.end, wish=wish)
    row.by_id = by.id
    prompt = active_prompts.render(TEXT_CHANGE_KEY)
    request = _request(prompt, prompt.version.model or the_models().writer(model_to_ask(chat, by=by.id), by.id), row, text)
    versions = PromptVersions.from_rendered(prompt)
    person, text_id = by.id, now.text_id

    def store(session: Session) -> list[tuple[Generation, EventSource]]:
        rows.locked(session, User, person)
        session.execute(deletion(TextChange).where(TextChange.text_id == text_id, TextChange.state == ENDED))
        return [_stored(session, row, request, versions)]

    generations.begin(person, [topic_names.of_text(text_id)], store)
    return _change(text_id)


def again(chat: Chat, now: TextVersion, *, by: User) -> TextChange:
    """Asks once more for a change that has ended, where its part is now."""
    before = _change(now.text_id)
    start, end = _place(before, now, by)
    return change(chat, now, WishInput(start=start, end=end, wish=before.wish, version=now.number), by=by)


def stop(text_id: str) -> None:
    """Stops a change that is being written; does nothing if none is."""
    side_requests.stop(_change(text_id).lane)


def accept(now: TextVersion, *, by: User) -> TextVersion:
    """Makes the text with the new part its next version, whatever was changed elsewhere in it."""
    row = _change(now.text_id)
    if row.state != READY:
        raise Conflict(NOTHING)
    start, end = _place(row, now, by)
    text = now.text()
    new = f"{text[:start]}{new_part(row, by)}{text[end:]}"
    entered, text_id = TextInput(text=new, version=now.number), now.text_id
    version = service.save(now, entered, by=by, how=BY_CHANGE, also=lambda session: _forget(session, text_id))
    if version.number == now.number:
        dismiss(text_id)
    return version


def dismiss(text_id: str) -> None:
    """Forgets a change, and stops it if it is still being written; the text stays as it is."""
    side_requests.stop(topic_names.of_text(text_id))
    with write() as session:
        _forget(session, text_id)


def new_part(row: TextChange, reader: User) -> str:
    """Returns the part as the model has written it."""
    return parts.rewritten(row.written, _base(row, reader).text(), row.start, row.end)


def old_part(row: TextChange, reader: User) -> str:
    return _base(row, reader).text()[row.start : row.end]


def _forget(session: Session, text_id: str) -> None:
    session.execute(deletion(TextChange).where(TextChange.text_id == text_id))


def _base(row: TextChange, reader: User) -> TextVersion:
    """Returns the version that the change is of, which is kept as long."""
    if version := queries.version(row.text_id, row.version, reader.id):
        return version
    raise NotFound("The version that this change is of is gone. Dismiss the change and ask again.")


def _place(row: TextChange, now: TextVersion, by: User) -> tuple[int, int]:
    """Returns where the part is in the newest version."""
    place = parts.moved(_base(row, by).text(), row.start, row.end, now.text())
    if not place:
        raise Conflict(MOVED)
    return place


def _change(text_id: str) -> TextChange:
    if row := queries.change_of(text_id):
        return row
    raise Conflict(NOTHING)


def _request(prompt: RenderedPrompt, model: str, row: TextChange, text: str) -> ModelRequest:
    before, after = parts.around(text, row.start, row.end)
    asked = "\n\n".join(
        (
            f"Before the part:\n<before>\n{before}\n</before>",
            f"The part:\n<part>\n{text[row.start : row.end]}\n</part>",
            f"After the part:\n<after>\n{after}\n</after>",
            f"What is wished for: {row.wish}",
        )
    )
    parameters: RequestParameters = {**providers().parameters(model), **prompt.parameters}
    return PromptBuilder(prompt.sections).build(model, [("user", asked)], **parameters)


def _stored(session: Session, row: TextChange, request: ModelRequest, versions: PromptVersions) -> tuple[Generation, EventSource]:
    engine, person = the_engine(), row.by_id or ""
    session.add(row)
    session.flush()
    occasion = Occasion(CHANGE.name, sum(map(len, request.texts())), is_chosen=not model_rules.is_usual(request.model))
    choice = model_rules.chosen(request.model, occasion, person=person)
    request = replace(request, model=choice.model)
    generation = Generation(
        kind=CHANGE.name,
        lane=row.lane,
        user_id=person,
        model_asked=choice.model,
        connection=the_connections().slug_of(choice.model),
        owner=engine.worker.id,
        # Without the text, which is deleted with its chat.
        prompt=versions.as_record(),
        led_by=versions.label,
        rule=choice.label,
    )
    generations.store_within_limits(engine, session, generation, request)
    row.generation_id = generation.id
    return generation, generations.ladder(engine, request, person=person)


def _finish(session: Session, generation: Generation, transcript: Transcript, _projection: object) -> None:
    """Keeps what was written, also of a change that was stopped or cut off by a kill."""
    row = session.get(TextChange, topic_names.text_in(generation.lane), populate_existing=True)
    if not row or row.generation_id != generation.id:
        # It was dismissed while it was being written, or its chat was deleted.
        return
    row.written = transcript.text
    is_complete = generation.status == "completed" and generation.reason == "stop" and bool(row.written.strip())
    row.state = READY if is_complete else ENDED
    row.note = "" if is_complete else _note(generation, row)


def _note(generation: Generation, row: TextChange) -> str:
    if generation.status == "completed" and not row.written.strip():
        return EMPTY
    return NOTES.get(generation.reason) or generation.error or CUT


CHANGE = Kind("text", "Changes of texts", finish=_finish)
