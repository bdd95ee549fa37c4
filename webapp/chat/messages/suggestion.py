"""Suggestions: the model drafts the person's next message in a roleplay chat, to be edited, sent or deleted."""

from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.db import db
from webapp.base.errors import Conflict, Invalid, Unavailable
from webapp.chat.group.members import person_name, recent_speakers
from webapp.chat.messages import drafts
from webapp.chat.prompt import answer_prompt
from webapp.chat.prompt.built_in import SUGGESTION_KEY
from webapp.chat.record import paths
from webapp.chat.record.model_choice import model_to_ask
from webapp.chat.record.tables import Chat
from webapp.engine import generations, side_requests
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.models.connections.naming import DEMO
from webapp.models.prompt_sections import Section
from webapp.models.providers.base import ModelRequest, RequestParameters
from webapp.prompts import active_prompts
from webapp.streaming.transcript import Transcript

PURPOSE = "suggestion"
MOST_TOKENS, POLL_SECONDS = 600, 0.05
# The request comes after everything else in the prompt, in the role `user`: the person steps out of the scene.
LAST = Section("", role="user", depth=0, rank=300)
BEGUN = "My message begins with the words below. Write it whole, these words first."
# The texts being waited for, by generation id; contains None if the generation was stopped.
_texts: dict[str, list[str | None]] = {}


def is_offered(chat: Chat) -> bool:
    """Returns whether the chat has a scene to play and a model that can write for it, which the demo model can't."""
    return bool((chat.character_id or chat.is_group) and chat.owner_id) and not chat.model.startswith(DEMO)


def suggest(chat: Chat, typed: str = "") -> str:
    """Waits for the model to write the owner's next message, beginning with the text typed so far, and saves it as a draft.

    If stopped, returns the text typed so far.
    """
    if not is_offered(chat):
        raise Invalid("The model writes for you only in chats with a character, and the demo can't.", field="message")
    engine, person, id, typed = the_engine(), chat.owner_id or "", chat.id, typed.strip()
    generations.refuse_if_busy(chat.lane)
    side_request = side_requests.SideRequest(PURPOSE, _lane(chat), person, _request(chat, typed))
    name, draft = person_name(chat), drafts.draft_in(person, id)
    written = _texts[side_request.id] = []
    try:
        _request_suggestion(side_request)
        # Releases the database connection while waiting for the model.
        db.session.rollback()
        while side_request.id in engine.live:
            engine.pause(POLL_SECONDS)
    finally:
        del _texts[side_request.id]
    text = typed if None in written else _from("".join(filter(None, written)), name, typed)
    if not text and None not in written:
        raise Unavailable("The model gave no answer. Please try again.")
    # A draft that was changed in the meantime takes precedence.
    if drafts.draft_in(person, id) == draft:
        drafts.save(person, text, id)
    return text


def is_asked(chat: Chat) -> bool:
    """Returns whether any worker is writing a suggestion for this chat."""
    return generations.active_ids(_lane(chat)) is not None


def stop(chat: Chat) -> None:
    """Stops a suggestion that is being written, in whichever worker it runs."""
    if running := generations.active_generation(_lane(chat)):
        generations.stop_and_wait(running)


def _lane(chat: Chat) -> str:
    return f"{PURPOSE}:{chat.id}"


def _request_suggestion(side_request: side_requests.SideRequest) -> None:
    try:
        side_requests.request_again(side_request)
    except IntegrityError as error:
        raise Conflict("A message for this chat is already being written.") from error


def _request(chat: Chat, typed: str) -> ModelRequest:
    prompt = active_prompts.render(SUGGESTION_KEY)
    model = prompt.version.model or model_to_ask(chat)
    begun_sections = [replace(LAST, title="Begun", text=f"{BEGUN}\n\n{typed}", rank=LAST.rank + 1)] if typed else []
    sections = [*(replace(LAST, title=section.title, text=section.text) for section in prompt.sections), *begun_sections]
    path = paths.messages_to(chat.head_id) if chat.head_id else []
    # In a group, the prompt describes the character that spoke last.
    spoke = recent_speakers(chat, chat.head_id)[-1:] if chat.is_group else []
    parameters: RequestParameters = {"max_tokens": MOST_TOKENS, **prompt.parameters}
    return answer_prompt.side_request(
        chat, path, model, sections, speaker_id="".join(spoke), occasion="suggestion", own_parameters=parameters
    )


def _from(text: str, name: str, typed: str) -> str:
    """Cleans up the model's text: removes a leading name, and prepends what was typed if it is missing."""
    text = text.strip().removeprefix(f"{name}:").lstrip()
    return text if not text or text.startswith(typed) else f"{typed} {text}"


def _finish(_session: Session, generation: Generation, transcript: Transcript, _projection: object) -> None:
    if (written := _texts.get(generation.id)) is not None:
        written.append(None if generation.status == "stopped" else transcript.text)


def _changed(_generation: Generation) -> None:
    """Notifies no pages: only the waiting request needs the result."""


SUGGESTION = side_requests.kind(PURPOSE, "Suggested messages", _finish, _changed)
