"""Checks a stream of server-sent events by its response headers and its bytes as they arrived. Pure."""

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FIELDS = ("data", "event", "id", "retry")
BEAT_SECONDS = 15.0
GRACE_SECONDS = 2.0
# Reads that end within an event are tolerated up to this share: the network can split events, too.
TORN_SHARE = 0.1
BUFFERED = "X-Accel-Buffering isn't “no”: nginx would buffer it, unless it is nginx that has taken it out."
FAULTS = {
    "bom": ("bad", "It starts with a byte order mark."),
    "cr": ("bad", "It contains carriage returns: lines should end with LF only."),
    "nul": ("bad", "It contains NUL characters."),
    "utf8": ("bad", "It isn't valid UTF-8."),
    "open": ("bad", "It ends in the middle of an event, which readers then discard."),
    "ascii": ("note", "Its data isn't pure ASCII: a reader that decodes each chunk separately may get partial characters."),
    "space": ("note", "`data:` isn't followed by a space, which simple readers expect."),
    "lines": ("note", "An event has several data lines, which simple readers treat as several events."),
    "field": ("bad", "It has lines that aren't fields in the standard."),
    "json": ("note", "Some data isn't JSON."),
    "ids": ("note", "Its events have no id, so a client that reconnects can't resume."),
    "order": ("bad", "Its ids don't increase."),
    "torn": ("bad", "Events arrive in pieces: they aren't written at once, or something in between splits them."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem; `bad` violates the standard or breaks streaming, a `note` is valid, but a problem for some readers."""

    level: Literal["bad", "note"]
    sentence: str


def of_head(status: int, headers: Mapping[str, str]) -> list[Finding]:
    """Returns the problems in the status and headers of the response."""
    lower_headers = {name.lower(): value.lower() for name, value in headers.items()}
    kind, cache = (
        lower_headers.get("content-type", ""),
        {word.strip() for word in lower_headers.get("cache-control", "").split(",")},
    )
    wrong = {
        f"The status is {status}, not 200.": status != 200,
        f"The content type is {kind or 'missing'}, not text/event-stream.": kind.partition(";")[0].strip() != "text/event-stream",
        "It may be cached on the way: Cache-Control lacks no-store or no-cache.": not {"no-store", "no-cache"} & cache,
        "It is compressed, so it arrives in bursts.": lower_headers.get("content-encoding", "identity") != "identity",
        "It has a Content-Length, so it isn't a stream.": "content-length" in lower_headers,
    }
    notes = {
        BUFFERED: lower_headers.get("x-accel-buffering") != "no",
        "Cache-Control lacks no-transform: something in between may compress it.": "no-transform" not in cache,
    }
    findings = [Finding("bad", sentence) for sentence, is_so in wrong.items() if is_so]
    return [*findings, *(Finding("note", sentence) for sentence, is_so in notes.items() if is_so)]


class Linter:
    """Checks the bytes of a stream as they arrive, with their times; `events` counts complete events."""

    def __init__(self, began_at: float) -> None:
        self.events = self.comments = self.reads = self.torn = 0
        self.longest_silence = 0.0
        self._seen: set[str] = set()
        self._read_at, self._rest = began_at, ""
        self._text = codecs.getincrementaldecoder("utf-8")("strict")
        self._last_id = -1
        self._has_id = False

    def feed(self, piece: bytes, at: float) -> None:
        """Takes the next bytes."""
        self._pause(at)
        self.reads += 1
        self.torn += not piece.endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))
        text = self._decoded(piece)
        if self.reads == 1 and text.startswith("\ufeff"):
            self._seen.add("bom")
        self._seen |= {name for name, sign in (("cr", "\r"), ("nul", "\0")) if sign in text}
        *blocks, self._rest = (self._rest + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n\n")
        for block in blocks:
            self._take(block.split("\n"))

    def finish(self, at: float, *, is_over: bool) -> list[Finding]:
        """Returns all problems; `is_over` means that the server ended the stream."""
        self._pause(at)
        seen = set(self._seen)
        seen |= {"open"} if is_over and self._rest.strip("\n") else set()
        seen |= {"torn"} if self.torn > max(1, self.reads * TORN_SHARE) else set()
        seen |= {"ids"} if self.events and not self._has_id else set()
        findings = [Finding(*FAULTS[name]) for name in FAULTS if name in seen]  # type: ignore[arg-type]  # the levels are the two
        if self.longest_silence > BEAT_SECONDS + GRACE_SECONDS:
            words = f"It was silent for {self.longest_silence:.0f} s: no heartbeat within {BEAT_SECONDS:.0f} s."
            findings.append(Finding("bad", words))
        return findings if self.events or self.comments else [*findings, Finding("bad", "Nothing arrived.")]

    def summary(self) -> str:
        """Returns a sentence with the counts."""
        counts = f"{self.events} events and {self.comments} comments in {self.reads} reads"
        return f"{counts}, {self.torn} of which ended in the middle of an event; longest silence {self.longest_silence:.1f} s"

    def _pause(self, at: float) -> None:
        self.longest_silence, self._read_at = max(self.longest_silence, at - self._read_at), at

    def _decoded(self, piece: bytes) -> str:
        try:
            return self._text.decode(piece)
        except UnicodeDecodeError:
            self._seen.add("utf8")
            self._text.reset()
            return piece.decode("utf-8", "replace")

    def _take(self, lines: list[str]) -> None:
        fields = [line.partition(":") for line in lines if line and not line.startswith(":")]
        self.comments += any(line.startswith(":") for line in lines)
        self._note("field", any(name not in FIELDS for name, _, _ in fields))
        for name, _, value in fields:
            if name == "id":
                self._take_id(value.removeprefix(" "))
        if data := [value for name, _, value in fields if name == "data"]:
            self._take_data(data)

    def _take_data(self, lines: list[str]) -> None:
        self.events += 1
        text = "\n".join(line.removeprefix(" ") for line in lines)
        self._note("lines", len(lines) > 1)
        self._note("space", not all(line.startswith(" ") for line in lines))
        self._note("ascii", not text.isascii())
        self._note("json", not _is_json(text))

    def _take_id(self, id: str) -> None:
        self._has_id = True
        if id.isascii() and id.isdigit():
            self._note("order", int(id) < self._last_id)
            self._last_id = int(id)

    def _note(self, name: str, is_so: bool) -> None:
        if is_so:
            self._seen.add(name)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        # The end marker of OpenAI's streams and of compatible ones.
        return text == "[DONE]"
    return True
