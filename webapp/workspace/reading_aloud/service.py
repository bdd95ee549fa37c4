"""Reading aloud by a model: who can have it, and the speech of a text or, in pieces, of a whole answer."""

import re
import time
from collections.abc import Iterable, Iterator
from functools import partial
from math import ceil

from pydantic import Field

from webapp.base.current import BUCKETS, PerApp
from webapp.base.errors import Conflict, Forbidden, Invalid, TooMany, Unavailable
from webapp.base.inputs import Input
from webapp.base.throttle import Throttle
from webapp.engine import side_requests, single_requests
from webapp.engine.engine import Engine, the_engine
from webapp.engine.single_requests import Leaving, SingleRequest
from webapp.engine.state.admission import SIDE_SHARE
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import check_unlisted, providers
from webapp.models.connections.purposes import READING_MODEL
from webapp.models.providers import voices
from webapp.models.providers.base import ProviderError, Spoken
from webapp.models.providers.demo import NO_VOICE
from webapp.people.accounts.permissions import may
from webapp.people.accounts.roles import TEAM
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

KIND = side_requests.kind("speech", "Reading aloud", lambda *_: None, lambda _: None)
VOICE = "voice.reading_voice"
WHERE = "Administration → Models → Voice"
# The one that is heard, the next, and one that was stopped just before.
MOST_AT_ONCE = 3
# A person hears a sentence in two seconds or more.
THROTTLE = PerApp(lambda: Throttle(burst=40, seconds=1.5, now=time.monotonic, name="speech"))
MOST_VOICE = 100
# OpenAI's models have no usual voice.
OF_OPENAI, USUAL_VOICE = re.compile(r"\b(?:tts-1|gpt-[\w.-]+-tts)\b"), "alloy"
NO_MODEL = f"No model for reading aloud is set. Admins choose one in {WHERE}."
NO_GUESTS = "Guests can't use the server's voice."
NOTHING = "There is nothing to read in this text."
FULL = "Too many texts are being read aloud. Please try again in a moment."
# Formats of which several one after the other are one.
JOINABLE = ("audio/mpeg", "audio/aac", "audio/ogg")


class SpeechInput(Input):
    """A sentence of a page that is to be heard."""

    text: str = Field(min_length=1, max_length=600, description="What is to be heard.")


def is_offered(user: User) -> bool:
    """Returns whether a person can have answers read by the server's voice."""
    model = the_models().model_for(READING_MODEL)
    if not (model and user.role in TEAM and may(user, "chat")):
        return False
    try:
        check_unlisted(model, NO_VOICE)
    except Invalid:
        return False
    return True


def speak(text: str, *, by: User, voice: str = "", audio_format: str = "mp3") -> Spoken:
    """Returns the speech of a text; raises `Unavailable` with the reason if there is none."""
    _refuse_unless_offered(by)
    if not text.strip():
        raise Invalid(NOTHING)
    return _spoken(text, by.id, voice=voice, audio_format=audio_format)


def speak_sentence(text: str, *, by: User) -> Spoken:
    """Returns the speech of what a page asks for, which is shorter than what programs may send."""
    _refuse_unless_offered(by)
    return speak(SpeechInput.entered({"text": text}).text, by=by)


def speak_in_pieces(texts: Iterable[str], *, by: User, leaving: Leaving) -> Iterator[Spoken]:
    """Yields the speech of texts one after the other, as long as they can be joined; each is asked for when it is taken.

    It works outside of a request. What fails after the first ends it, as a response that has begun can't tell.
    """
    _refuse_unless_offered(by)
    engine, person = the_engine(), by.id
    for number, text in enumerate(texts):
        with engine.in_app():
            try:
                spoken = _spoken(text, person, leaving=leaving)
            except (Unavailable, TooMany):
                if number:
                    return
                raise
        yield spoken
        if spoken.media_type not in JOINABLE:
            return


def _refuse_unless_offered(user: User) -> None:
    if user.role not in TEAM:
        raise Forbidden(NO_GUESTS)
    if not the_models().model_for(READING_MODEL):
        raise Conflict(NO_MODEL)


def _spoken(text: str, person: str, *, voice: str = "", audio_format: str = "mp3", leaving: Leaving | None = None) -> Spoken:
    model = the_models().model_for(READING_MODEL)
    provider, name = providers().provider_of(model), providers().name_of(model)
    _refuse_if_too_many(the_engine(), person)
    voice = voice or str(setting(VOICE)) or (USUAL_VOICE if OF_OPENAI.search(name) else "")
    ask = partial(provider.speak, name, text, voice, audio_format=audio_format)
    request = SingleRequest(KIND.name, model, provider.name, person, text, ask)
    try:
        return single_requests.replied(request, seconds=voices.SECONDS, leaving=leaving)
    except ProviderError as error:
        raise Unavailable(error.message, retry_after=ceil(error.retry_after or 0)) from error


def _refuse_if_too_many(engine: Engine, person: str) -> None:
    people = [live.person for live in engine.live.values() if live.kind == KIND.name]
    most = max(MOST_AT_ONCE, engine.admission.max_streams // SIDE_SHARE) if engine.admission.max_streams else 0
    if people.count(person) >= MOST_AT_ONCE or (most and len(people) >= most):
        raise TooMany(FULL, retry_after=2)
    if wait_seconds := THROTTLE.get().take(person, BUCKETS.get()):
        raise TooMany(FULL, retry_after=ceil(wait_seconds))
