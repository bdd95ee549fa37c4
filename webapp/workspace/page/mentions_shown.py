"""What a person can name in the composer by `/`, `#` or `@`, and what they have named, as chips above the text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from webapp.base.db import db
from webapp.base.errors import Forbidden, Invalid
from webapp.base.languages import gettext as _
from webapp.characters import queries as character_queries
from webapp.chat.calls import choosing
from webapp.chat.messages.forms import MessageForm
from webapp.chat.prompt import chat_collections
from webapp.chat.record.access import right_in
from webapp.chat.record.model_choice import model_named, without_command
from webapp.chat.record.tables import Chat, FollowUp
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.service import MOST_COLLECTIONS, attachable
from webapp.models.connections.models import the_models
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User
from webapp.tools.named import named_tools

PROMPT, COLLECTION, FILE, MODEL, CHARACTER, TOOL = "letter-text", "library", "scroll-text", "boxes", "drama", "wrench"
PICTURE = "image"
ABOUT = {
    COLLECTION: "Read for this chat",
    TOOL: "On in this chat",
    MODEL: "Writes this answer",
    CHARACTER: "Answers",
    PICTURE: "Creates an image",
}


@dataclass(frozen=True, slots=True)
class Mention:
    """Something that can be named. Its chip is a field of the form; without `field`, `url` returns what is put in its place."""

    icon: str
    name: str
    field: str = ""
    value: str = ""
    about: str = ""
    url: str = ""

    @property
    def chip_about(self) -> str:
        """What the chip is for."""
        return _(ABOUT[self.icon]) if self.icon in ABOUT else ""


def collection_mention(id: str, name: str) -> Mention:
    return Mention(COLLECTION, name, "knowledge", id, _("Collection"))


def model_mention(id: str, name: str, facts: str = "") -> Mention:
    return Mention(MODEL, name, "answered_by", id, facts or _("Model"))


def picture_mentions() -> list[Mention]:
    """Returns the command by which the model for pictures answers, if there is such a model."""
    about, model = _("Create or edit a picture"), the_models().model_for(PICTURE_MODEL)
    return [Mention(PICTURE, "picture", "answered_by", model, about)] if model else []


def character_mention(id: str, name: str) -> Mention:
    return Mention(CHARACTER, name, "spoken_by", id, _("Character"))


def chips(form: MessageForm, me: User | None, chat: Chat | None = None) -> list[Mention]:
    """Returns what the form names and the person can still see."""
    return [*_chips(form, me, chat)] if me and form.mentions else []


def collection_chips(me: User, ids: Sequence[str]) -> list[Mention]:
    seen = {row.id: row.name for row in knowledge_queries.collections_among(me, ids)} if ids else {}
    return [collection_mention(id, seen[id]) for id in dict.fromkeys(ids) if id in seen]


def tool_chips(me: User, keys: Sequence[str]) -> list[Mention]:
    """Returns the tools of these keys that the person can use, each as a chip that turns it on in the chat."""
    return [Mention(TOOL, tool.words, "tools", tool.key, _("Tool")) for tool in named_tools(me, keys).usable]


def named_in(chat: Chat, queued: Sequence[FollowUp]) -> dict[str, list[Mention]]:
    """Returns who queued messages are for, by message: a character that is still in the chat, and a model."""
    speaker_ids = [waiting.speaker_id for waiting in queued if waiting.speaker_id in chat.character_ids]
    speakers = character_queries.members(db.session(), chat.owner_id, speaker_ids) if speaker_ids else []
    names = {speaker.id: speaker.name for speaker in speakers}
    return {waiting.id: [*_queued_for(waiting, names)] for waiting in queued}


def _queued_for(waiting: FollowUp, names: Mapping[str, str]) -> Iterator[Mention]:
    if name := names.get(waiting.speaker_id):
        yield character_mention(waiting.speaker_id, name)
    if model := waiting.answered_by:
        yield model_mention(model, model_named(model).name)


def read_from(chat: Chat, form: MessageForm) -> Chat:
    """Attaches the collections that the form names to the chat, turns on its tools, and returns it; only its owner can do so."""
    me, ids = user_or_none(), [id for id in form.knowledge.data or () if id not in chat.collection_ids]
    if me and form.tools.data and right_in(chat, me) == "own":
        chat = choosing.turn_on(chat, me, form.tools.data)
    if not ids or not me:
        return chat
    if right_in(chat, me) != "own":
        raise Forbidden("Only the owner of this chat can choose what it reads.")
    chosen = attachable(ids, (), me)
    if len(chosen) + len(chat.collection_ids) > MOST_COLLECTIONS:
        raise Invalid(f"A chat can use up to {MOST_COLLECTIONS} collections.", field="message")
    chat_collections.add(chat, chosen)
    return db.session.get_one(Chat, chat.id)


def _chips(form: MessageForm, me: User, chat: Chat | None) -> Iterator[Mention]:
    yield from collection_chips(me, form.knowledge.data or ())
    if (model := form.answered_by.data or "") and the_models().is_choosable(model, me.id):
        is_for_pictures = model == the_models().model_for(PICTURE_MODEL)
        yield from picture_mentions() if is_for_pictures else [model_mention(model, model_named(model).name)]
    if id := form.spoken_by.data or "":
        yield from (character_mention(id, name) for name in _names_of(me, chat, id))


def _names_of(me: User, chat: Chat | None, character_id: str) -> list[str]:
    if chat:
        is_member = character_id in chat.character_ids
        return [row.name for row in character_queries.members(db.session(), chat.owner_id, [character_id])] if is_member else []
    character = character_queries.SEEN_CHARACTERS.one(me, character_id)
    return [character.name] if character else []


def take_picture_command(form: MessageForm) -> None:
    """Leaves `/picture` out of the beginning of a message, and names the model for pictures instead, as a chip does.

    Without such a model, it is only a word.
    """
    if user_or_none():
        form.message.data, model = without_command(form.message.data or "")
        form.answered_by.data = form.answered_by.data or model
