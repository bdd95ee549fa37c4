"""A picture for a program: asked for once, and kept as a file of the person or, if it is for one, of a chat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.ids import new_id
from webapp.base.inputs import AnyId, Input, Line
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files import storage
from webapp.chat.files.tables import IMAGE, StoredFile
from webapp.engine import generations, side_requests
from webapp.engine.drawing import MOST_ORIGINALS, MOST_PROMPT, DrawingSource
from webapp.engine.engine import Engine, the_engine
from webapp.engine.single_requests import refusal
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.models.providers.base import AttachedImage, ModelRequest, PictureRequest, ProviderError, Turn
from webapp.people.accounts import creation_limit
from webapp.streaming.events import Event, Pictured
from webapp.streaming.stop import Stop

KIND = side_requests.kind("picture", "Pictures", lambda *_: None, lambda _: None)
# More than a provider waits for a picture, and then for its content.
MOST_SECONDS = 240.0
NOT_SET_UP = "No model for pictures is set. Name one, or ask an admin to choose one."
NOT_A_PICTURE = "Only pictures can be changed, and this file is none."
STILL_MADE = "The picture of the first request with this key is still being made. Ask for it again in a moment."
FAILED = "The first request with this key made no picture. Use another key to ask once more: it may have been paid for."
NOT_KEPT = "What the model made can't be kept, though it may have been paid for."
NAME = "picture"
# Where the record of a request says which file its picture became.
FILE_ID = "file_id"


class PictureInput(Input):
    """What a picture shows, and the pictures that it is made from, if any."""

    prompt: str = Field(min_length=1, max_length=MOST_PROMPT, description="What the picture shows, or what is to be changed.")
    model: Line = Field("", description="A model that makes pictures; left out, the one that an admin chose.")
    size: str = Field(
        "", pattern=r"^([1-9][0-9]{1,4}x[1-9][0-9]{1,4})?$", description="Width and height, such as `1024x1024`, if it matters."
    )
    chat_id: AnyId | None = Field(None, description="A chat that you can write in: the picture becomes one of its files.")
    file_ids: list[AnyId] = Field([], max_length=MOST_ORIGINALS, description="Pictures to be changed, if any.")


@dataclass(frozen=True, slots=True)
class MadePicture:
    """A picture that was made, when, and what it used."""

    file: StoredFile
    created_at: datetime
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None


class OnePicture:
    """A `Run`'s source of a picture for a caller that waits; once `is_over` is set, `content` or `failure` holds its result."""

    is_between = False

    def __init__(self, engine: Engine, source: DrawingSource) -> None:
        self._source, self.is_over = source, engine.signal()
        self.content, self.failure = b"", ProviderError("stall", "The model didn't answer in time.")

    def events(self, stop: Stop) -> Iterator[Event]:
        try:
            for event in self._source.events(stop):
                if isinstance(event, Pictured):
                    self.content = event.content
                else:
                    yield event
        except ProviderError as error:
            self.failure = error
            raise
        finally:
            self.is_over.set()

    def check_timeout(self) -> str:
        return ""


def make(person: str, entered: PictureInput, originals: Sequence[StoredFile], *, key: str = "") -> MadePicture:
    """Returns a new picture; a repeated request with the same key returns the first one's, and never asks a model again."""
    sent_as = generations.request_hash(person, key, f"picture\0{entered.model_dump_json()}")
    if earlier := generations.generation_of_request(sent_as):
        return _made_earlier(earlier)
    request = _request(person, entered, originals)
    # Before anything is paid for.
    creation_limit.count(person)
    attachment_service.refuse_without_room(person)
    engine, id = the_engine(), new_id()
    asking = OnePicture(engine, DrawingSource(engine, request, person))

    def store(session: Session) -> list[tuple[Generation, OnePicture]]:
        slug = the_connections().slug_of(request.model)
        names = {"kind": KIND.name, "lane": f"{KIND.name}:{id}", "model_asked": request.model, "connection": slug}
        generation = generations.queue(session, id=id, user_id=person, owner=engine.worker.id, sent_as=sent_as, **names)
        turn = Turn("user", request.prompt, request.originals)
        engine.admission.gate.admit(session, generation, ModelRequest(request.model, (turn,)), "")
        return [(generation, asking)]

    engine.admission.refuse_if_too_many_side_requests(person)
    try:
        generations.begin(person, [f"{KIND.name}:{id}"], store)
    except (Conflict, IntegrityError):
        if earlier := generations.generation_of_request(sent_as):
            return _made_earlier(earlier)
        raise
    # Holds no database connection while it waits.
    db.session.rollback()
    asking.is_over.wait(MOST_SECONDS)
    if not asking.content and (live := engine.live.get(id)):
        live.run.stop.request("client_gone")
    # What was used is stored with the end, and so is that there is nothing.
    engine.wait(lambda: id not in engine.live, generations.ENDING_SECONDS)
    if not asking.content:
        raise refusal(asking.failure, field="prompt")
    file = _kept(person, entered.chat_id, asking.content)
    with write() as session:
        session.execute(update(Generation).where(Generation.id == id).values(prompt={FILE_ID: file.id}))
    return _made(db.session.get_one(Generation, id, populate_existing=True), file)


def _request(person: str, entered: PictureInput, originals: Sequence[StoredFile]) -> PictureRequest:
    model = entered.model or the_models().model_for(PICTURE_MODEL)
    if not model:
        raise Invalid(NOT_SET_UP, field="model")
    if not entered.prompt.strip():
        raise Invalid("Say what the picture shows.", field="prompt")
    providers().refuse_unless_choosable(model, person=person)
    if any(file.kind != IMAGE for file in originals):
        raise Invalid(NOT_A_PICTURE, field="file_ids")
    pictures = tuple(AttachedImage(file.media_type, storage.path_of(file.hash), file.name) for file in originals)
    return PictureRequest(model, entered.prompt, entered.size, pictures)


def _kept(person: str, chat_id: str | None, content: bytes) -> StoredFile:
    """Stores the picture; one that is refused has been paid for, and this says so."""
    try:
        if chat_id:
            return attachment_service.add_picture(person, chat_id, NAME, content)
        return attachment_service.store_picture(person, NAME, content)
    except Invalid as error:
        raise Invalid(f"{NOT_KEPT} {error.message}", field="prompt") from error


def _made_earlier(generation: Generation) -> MadePicture:
    file = storage.file(generation.prompt.get(FILE_ID, ""))
    if file:
        return _made(generation, file)
    raise Conflict(STILL_MADE if generation.is_active else FAILED)


def _made(generation: Generation, file: StoredFile) -> MadePicture:
    return MadePicture(file, generation.created_at, generation.input_tokens, generation.output_tokens, generation.cost)
