"""Speech: what a server is asked, audio told by its first bytes, and everything else refused with a sentence."""

import io
import wave
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from tests.models.providers.received import KEY
from tests.upstream.handle import Upstream as Fake
from tests.upstream.server import SPEECH
from webapp.models.providers import voices
from webapp.models.providers.anthropic import AnthropicProvider
from webapp.models.providers.base import ProviderError, Spoken
from webapp.models.providers.demo import DemoProvider
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.upstream import Upstream
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop

MP3 = b"\xff\xfb\x90\x00" + bytes(60)


def tone(seconds: float = 0.2) -> bytes:
    """Returns a short WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(int(16_000 * seconds)))
    return file.getvalue()


def sends(content: bytes, *more: dict[str, Any], kind: str = "audio/mpeg", **how: Any) -> dict[str, Any]:
    """Returns the behaviour of an upstream that sends these bytes."""
    return {"steps": [{"send64": b64encode(content).decode()}, *more], "headers": {"Content-Type": kind}, **how}


@pytest.fixture
def speak(provider: OpenAIProvider, stop: Stop) -> Callable[..., Spoken]:
    return lambda text="Hello.", voice="alloy", **how: provider.speak("some/voice", text, voice, stop, **how)


def test_a_text_is_sent_with_its_voice_and_the_audio_comes_back(fake: Fake, speak: Callable[..., Spoken]) -> None:
    fake.always(sends(MP3), at=SPEECH)
    assert speak() == Spoken(MP3, "audio/mpeg", Usage())
    speak("Again.", "", audio_format="opus")
    first, second = fake.log()
    assert first["headers"]["authorization"] == f"Bearer {KEY}"
    assert first["body"] == {"model": "some/voice", "input": "Hello.", "voice": "alloy", "response_format": "mp3"}
    assert second["body"] == {"model": "some/voice", "input": "Again.", "response_format": "opus"}


def test_openrouter_tells_the_id_by_which_the_cost_is_asked_for_later(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    fake.always(sends(MP3, headers={"X-Generation-Id": "gen-tts-1"}), at=SPEECH)
    provider = OpenRouterProvider(KEY, outgoing, base_url=fake.base_url, trust="operator")
    assert provider.speak("some/voice", "Hello.", "", stop).usage == Usage(upstream_id="gen-tts-1")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"ID3\x04" + bytes(20), "audio/mpeg"),
        (MP3, "audio/mpeg"),
        (b"\xff\xf3\x48\xc4" + bytes(20), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (b"\xff\xf9\x50\x80" + bytes(20), "audio/aac"),
        (b"OggS\x00\x02" + bytes(20), "audio/ogg"),
        (b"fLaC\x00" + bytes(20), "audio/flac"),
        (tone(), "audio/wav"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(20), ""),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(20), ""),
        (b"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", ""),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), ""),
        (b"\xff\xfb", ""),
        (b"", ""),
    ],
)
def test_audio_is_known_by_its_first_bytes(content: bytes, kind: str) -> None:
    assert voices.media_type_of(content) == kind


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ({"html": "<!doctype html><p>Welcome"}, "invalid", "returned a web page"),
        (sends(b"<html>" + bytes(200)), "invalid", "returned a web page"),
        (sends(b"not audio at all"), "invalid", "didn't return audio"),
        (sends(b""), "invalid", "didn't return audio"),
        ({"json": {"error": {"message": "No such voice", "code": 400}}}, "invalid", "No such voice"),
        ({"json": {"data": "nothing"}}, "invalid", "didn't return audio"),
        ({"status": 401, "json": {"error": {"message": "Bad key"}}}, "auth", "rejected the key"),
        ({"status": 404, "json": {"error": {"message": "Not found"}}}, "invalid", ""),
        (sends(MP3, {"close": "rst"}), "cut", "was lost"),
        (
            sends(MP3 + bytes(70_000), {"send64": b64encode(bytes(64 * 1024)).decode(), "for_ever": True}),
            "invalid",
            "larger than",
        ),
    ],
)
def test_anything_else_is_refused(
    fake: Fake, speak: Callable[..., Spoken], behaviour: dict[str, Any], code: str, words: str
) -> None:
    fake.always(behaviour, at=SPEECH)
    with pytest.raises(ProviderError) as refused:
        speak()
    assert refused.value.code == code
    assert words in str(refused.value)


def test_how_much_it_may_be_follows_from_the_text() -> None:
    assert voices.most_bytes("Hello.") == 2 * 1024 * 1024
    assert voices.most_bytes("a" * voices.MOST_CHARS) == 16 * 1024 * 1024


def test_others_have_no_voices(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    for provider in (AnthropicProvider(KEY, outgoing, base_url=fake.base_url), DemoProvider()):
        with pytest.raises(ProviderError, match="has no voice"):
            provider.speak("some/voice", "Hello.", "", stop)
