"""Dictation in OpenAI's format: the request for a transcript, what its reply says, and how recordings are recognised."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from webapp.base.untrusted_json import dict_of
from webapp.models.providers.base import Recording, Transcribed
from webapp.models.providers.values import TextCleaner, cost_of, count_of, openai_usage
from webapp.models.upstream import Multipart, MultipartFile
from webapp.streaming.events import Usage

PATH = "/audio/transcriptions"
# Of an hour of speech, the text has about 60 KB.
MOST_REPLY_BYTES = 1024 * 1024
# So many bytes tell the format.
HEAD_BYTES = 12


class AudioFormat(NamedTuple):
    """How a server is told what a recording is: some judge by its ending."""

    media_type: str
    ending: str


WEBM, MP4, OGG = AudioFormat("audio/webm", "webm"), AudioFormat("audio/mp4", "m4a"), AudioFormat("audio/ogg", "ogg")
WAV, FLAC, MP3 = AudioFormat("audio/wav", "wav"), AudioFormat("audio/flac", "flac"), AudioFormat("audio/mpeg", "mp3")
STARTS = {b"\x1a\x45\xdf\xa3": WEBM, b"OggS": OGG, b"fLaC": FLAC, b"ID3": MP3}


def format_of(head: bytes) -> AudioFormat | None:
    """Returns what a recording is by its first bytes, whatever it is called; None if it isn't audio that servers can read."""
    if head[4:8] == b"ftyp":
        return MP4
    if head.startswith(b"RIFF"):
        return WAV if head[8:12] == b"WAVE" else None
    # A frame of MPEG audio without a head: eleven bits mark it, and the layer isn't the reserved one, which is AAC's.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return MP3
    return next((audio_format for start, audio_format in STARTS.items() if head.startswith(start)), None)


def form(model: str, recording: Recording) -> Multipart:
    fields = [("model", model), ("response_format", "json")]
    fields += [("language", recording.language)] if recording.language else []
    return Multipart(fields, [MultipartFile("file", recording.path, recording.media_type, recording.name)])


def transcribed_in(value: Mapping[str, Any]) -> Transcribed | None:
    """Parses a reply; returns None if it has no text. Silence has an empty one."""
    text = value.get("text")
    if not isinstance(text, str):
        return None
    return Transcribed(TextCleaner().take(text).strip(), _usage(value.get("usage")))


def _usage(value: Any) -> Usage:
    # Some models are paid by the second: their tokens are not counted.
    reported = dict_of(value)
    tokens = count_of(reported.get("input_tokens")), count_of(reported.get("output_tokens"))
    return Usage(*tokens, cost_of(reported.get("cost"))) if any(tokens) else openai_usage(reported) or Usage()
