"""Dictation: writes down what is said in a recording, with the model for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from webapp.base.errors import Conflict, Forbidden, Invalid, TooLarge
from webapp.base.heavy.child import COPIED_BYTES
from webapp.base.heavy.turns import by_turns
from webapp.engine import side_requests
from webapp.engine.single_requests import SingleRequest, refusal, replied
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.purposes import DICTATION_MODEL
from webapp.models.providers.base import ProviderError, Recording
from webapp.models.providers.provider_http import TRANSCRIPT_SECONDS
from webapp.models.providers.recordings import FLAC, HEAD_BYTES, WAV, AudioFormat, format_of
from webapp.people.accounts import creation_limit
from webapp.people.accounts.permissions import may
from webapp.people.accounts.roles import TEAM
from webapp.people.accounts.tables import User

KIND = side_requests.kind("transcription", "Dictation", lambda *_: None, lambda _: None)
# The most that OpenAI's models take.
MOST_BYTES = 25 * 1024 * 1024
# A budget is estimated from as many tokens as OpenAI's models count, and from as many bytes as browsers record.
TOKENS_A_SECOND, BYTES_A_SECOND, OTHER_BYTES = 17, 4_000, {WAV: 32_000, FLAC: 16_000}
NOT_SET_UP = "Dictation isn't set up. Admins choose a model for it in Administration → Models → Voice."
NO_GUESTS = "Guests can't dictate."
EMPTY = "This recording is empty. Record it again."
NO_AUDIO = "This file isn't a recording that can be written down. Send WebM, MP4, M4A, Ogg, MP3, WAV or FLAC."
SILENT = "Nothing was heard. Check your microphone, and record it again."


def is_set_up() -> bool:
    """Returns whether there is a model for dictation."""
    return bool(the_models().model_for(DICTATION_MODEL))


def is_offered(person: User | None) -> bool:
    """Returns whether this person can dictate."""
    return bool(person and is_set_up() and person.role in TEAM and may(person, "chat"))


def transcribe(stream: IO[bytes], *, by: User, language: str = "") -> str:
    """Returns what is said in a recording, empty for silence; `language` is its ISO code, if it is known."""
    person, model = by.id, the_models().model_for(DICTATION_MODEL)
    if not model:
        raise Conflict(NOT_SET_UP)
    if by.role not in TEAM:
        raise Forbidden(NO_GUESTS)
    provider, name = providers().provider_of(model), providers().name_of(model)
    audio_format, size = _format(stream), stream.seek(0, 2)
    if size > MOST_BYTES:
        raise TooLarge.file(MOST_BYTES)
    creation_limit.count(person)
    tokens = TOKENS_A_SECOND * size // OTHER_BYTES.get(audio_format, BYTES_A_SECOND)
    with _on_disk(stream) as path:
        recording = Recording(path, audio_format.media_type, f"recording.{audio_format.ending}", language)
        ask = partial(provider.transcribe, name, recording)
        request = SingleRequest(KIND.name, model, provider.name, person, "", ask, other_tokens=tokens)
        try:
            return replied(request, seconds=TRANSCRIPT_SECONDS).text
        except ProviderError as failure:
            raise refusal(failure, field="file") from failure


def _format(stream: IO[bytes]) -> AudioFormat:
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if not head:
        raise Invalid(EMPTY, field="file")
    if audio_format := format_of(head):
        return audio_format
    raise Invalid(NO_AUDIO, field="file")


@contextmanager
def _on_disk(stream: IO[bytes]) -> Iterator[Path]:
    """Copies an uploaded file to one that has a path until the block ends."""
    stream.seek(0)
    with NamedTemporaryFile() as file:
        for chunk in by_turns(iter(lambda: stream.read(COPIED_BYTES), b"")):
            file.write(chunk)
        file.flush()
        yield Path(file.name)
