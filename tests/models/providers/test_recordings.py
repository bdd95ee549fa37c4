"""Dictation at OpenAI-compatible servers: what they are sent, what they return, and which files are recordings."""

import math
import struct
import wave
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.handle import Upstream as Fake
from tests.upstream.server import TRANSCRIPTIONS
from webapp.models.providers.base import ProviderError, Recording, Transcribed
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.recordings import FLAC, MP3, MP4, OGG, WAV, WEBM, AudioFormat, format_of, transcribed_in
from webapp.models.upstream import Upstream
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop

STARTS: list[tuple[bytes, AudioFormat | None]] = [
    (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81", WEBM),
    (b"\0\0\0\x1cftypM4A ", MP4),
    (b"OggS\0\x02\0\0\0\0\0\0", OGG),
    (b"RIFF\x24\0\0\0WAVE", WAV),
    (b"fLaC\0\0\0\x22", FLAC),
    (b"ID3\x04\0\0\0\0\0\0\0\0", MP3),
    (b"\xff\xfb\x90\x64\0\0\0\0\0\0\0\0", MP3),
    # AAC without a container, a picture, a page, and pieces of a start.
    (b"\xff\xf1\x50\x80\0\0\0\0\0\0\0\0", None),
    (b"RIFF\x24\0\0\0WEBP", None),
    (b"\x89PNG\r\n\x1a\n\0\0\0\0", None),
    (b"<!doctype html", None),
    (b"\xff", None),
    (b"Ogg", None),
    (b"", None),
]
REPLIES: list[tuple[dict[str, Any], Transcribed | None]] = [
    ({"text": " Hello \0there. \n"}, Transcribed("Hello there.", Usage())),
    ({"text": "", "usage": {"type": "duration", "seconds": 9}}, Transcribed("", Usage())),
    ({"text": "a", "usage": {"input_tokens": 14, "output_tokens": 3}}, Transcribed("a", Usage(14, 3))),
    ({"text": "a", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}, Transcribed("a", Usage(1, 2))),
    ({"text": "a", "usage": {"cost": Decimal("0.003")}}, Transcribed("a", Usage(None, None, "0.003"))),
    ({"text": "a", "usage": [1]}, Transcribed("a", Usage())),
    ({"text": None}, None),
    ({"text": ["a"]}, None),
    ({"segments": []}, None),
]
# What is wrong with a reply, and the words of the error.
WRONG = [
    ({"html": "<html>Sign in</html>"}, "web page"),
    ({"json": ["a"]}, "something that isn't"),
    ({"json": {"words": []}}, "didn't return what was said"),
    ({"json": {"text": "x" * 1_100_000}}, "larger than"),
    ({"text": "Hello"}, "something that isn't"),
    ({"status": 400, "json": {"error": {"message": "Invalid language 'xx'."}}}, "Invalid language"),
    ({"steps": [{"close": "rst"}]}, "connection"),
]
Transcribe = Callable[..., Transcribed]


def spoken(seconds: float = 0.2, *, silence: float = 0.0, rate: int = 16_000) -> bytes:
    """Returns a WAV file with a tone, and silence after it."""
    tone = [round(12_000 * math.sin(440 * math.tau * number / rate)) for number in range(int(seconds * rate))]
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{len(tone)}h", *tone) + bytes(2 * int(silence * rate)))
    return file.getvalue()


@pytest.fixture
def transcribe(fake: Fake, outgoing: Upstream, stop: Stop, tmp_path: Path) -> Transcribe:
    (tmp_path / "a").write_bytes(spoken())
    provider = OpenAIProvider("openai", fake.base_url, "sk-test", outgoing, trust="operator")

    def transcribe(language: str = "") -> Transcribed:
        return provider.transcribe("whisper-1", Recording(tmp_path / "a", "audio/wav", "recording.wav", language), stop)

    return transcribe


@pytest.mark.parametrize(("head", "audio_format"), STARTS)
def test_a_recording_is_known_by_its_first_bytes(head: bytes, audio_format: AudioFormat | None) -> None:
    assert format_of(head) == audio_format


@pytest.mark.parametrize(("value", "transcribed"), REPLIES)
def test_replies_are_read(value: dict[str, Any], transcribed: Transcribed | None) -> None:
    assert transcribed_in(value) == transcribed


def test_the_file_is_sent_as_in_a_form(fake: Fake, transcribe: Transcribe) -> None:
    fake.always({"json": {"text": "Hello."}}, at=TRANSCRIPTIONS)
    assert transcribe("de").text == "Hello."
    (entry,) = fake.log()
    assert entry["headers"]["authorization"] == "Bearer sk-test"
    for part in ('name="model"\r\n\r\nwhisper-1', 'name="language"\r\n\r\nde', 'name="response_format"\r\n\r\njson'):
        assert part in entry["body"]
    assert 'name="file"; filename="recording.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF' in entry["body"]


def test_a_language_that_is_not_known_is_not_sent(fake: Fake, transcribe: Transcribe) -> None:
    fake.always({"json": {"text": "Hello."}}, at=TRANSCRIPTIONS)
    transcribe()
    assert "language" not in fake.log()[0]["body"]


@pytest.mark.parametrize(("behaviour", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_reply_that_is_none_is_refused(fake: Fake, transcribe: Transcribe, behaviour: dict[str, Any], words: str) -> None:
    fake.always(behaviour, at=TRANSCRIPTIONS)
    with pytest.raises(ProviderError, match=words):
        transcribe()


def test_a_stop_ends_the_wait(fake: Fake, transcribe: Transcribe, stop: Stop) -> None:
    fake.always({"steps": [{"hang": True}]}, at=TRANSCRIPTIONS)
    stop.request("client_gone")
    with pytest.raises(ProviderError, match="stopped"):
        transcribe()
