"""Speech in OpenAI's format: the request for it, and how its audio is recognised. Pure."""

from webapp.base.untrusted_json import JsonObject

PATH = "/audio/speech"
# What browsers play, by the names that requests have for it. Not `pcm`, which nothing tells from other bytes.
FORMATS = {"mp3": "audio/mpeg", "opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/flac", "aac": "audio/aac"}
# The most that OpenAI's models take at once.
MOST_CHARS = 4_096
# A second of speech has about 15 characters and, uncompressed, 50 KB.
LEAST_BYTES, BYTES_A_CHAR = 2 * 1024 * 1024, 4 * 1024
# Longer than a slow computer takes for the longest text.
SECONDS = 90.0
# So many bytes tell the format.
HEAD_BYTES = 12


def payload(model: str, text: str, voice: str, audio_format: str) -> JsonObject:
    return {"model": model, "input": text, "response_format": audio_format, **({"voice": voice} if voice else {})}


def most_bytes(text: str) -> int:
    """Returns how many bytes the speech of this text can have."""
    return max(LEAST_BYTES, BYTES_A_CHAR * len(text))


def media_type_of(content: bytes) -> str:
    """Returns the media type of audio, whatever format was asked for; empty if it is none of `FORMATS`."""
    if content.startswith(b"RIFF") and content[8:12] == b"WAVE":
        return "audio/wav"
    starts = {b"ID3": "audio/mpeg", b"OggS": "audio/ogg", b"fLaC": "audio/flac"}
    if kind := next((kind for start, kind in starts.items() if content.startswith(start)), ""):
        return kind
    # Frames without a head: eleven bits mark each, and the next ones tell MP3 from AAC.
    if len(content) < HEAD_BYTES or content[0] != 0xFF or content[1] & 0xE0 != 0xE0:
        return ""
    return {0x02: "audio/mpeg", 0x00: "audio/aac"}.get(content[1] & 0x06, "")
