"""Every setting, as data. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["whole", "number", "switch", "choice", "text", "list"]
Value = bool | int | float | str | tuple[str, ...]

SWITCHES = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Setting:
    """One setting; `config` names what an operator may have set instead, which is divided by `per`."""

    name: str
    kind: Kind
    default: Value
    sentence: str
    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = ()
    config: str = ""
    per: int = 1

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]

    def parse(self, text: str) -> Value:
        """The value that a person means; raises ValueError with a sentence."""
        text = text.strip()
        if self.kind in ("whole", "number"):
            return self._number(text)
        if self.kind == "list":
            return tuple(part for part in re.split(r"[,\s]+", self._text(text)) if part)
        if self.kind == "text":
            return self._text(text)
        if self.kind == "switch" and text.lower() in SWITCHES:
            return SWITCHES[text.lower()]
        if self.kind == "choice" and text in self.choices:
            return text
        raise ValueError(f"{self.name} is one of: {', '.join(self.choices or ('true', 'false'))}.")

    def show(self, value: Value) -> str:
        """The value as text that `parse` understands."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return ", ".join(value) if isinstance(value, tuple) else str(value)

    def _number(self, text: str) -> int | float:
        expected = f"{self.name} is a {'whole ' if self.kind == 'whole' else ''}number from {self.least} to {self.most}."
        if not re.fullmatch(r"\d{1,12}" if self.kind == "whole" else r"\d{1,12}(\.\d{1,6})?", text, re.ASCII):
            raise ValueError(expected)
        number = shortest(float(text))
        if not self.least <= number <= self.most:
            raise ValueError(expected)
        return number

    def _text(self, text: str) -> str:
        if len(text) > MOST_CHARACTERS or not text.replace("\n", "").replace("\r", "").isprintable():
            raise ValueError(f"{self.name} is plain text of {MOST_CHARACTERS} characters at most.")
        return text


def shortest(number: float) -> int | float:
    """60 for 60.0, and 0.5 for itself."""
    return int(number) if number == int(number) else number


def _seconds(name: str, default: int, sentence: str, *, most: int = 86_400, config: str = "", per: int = 1) -> Setting:
    return Setting(name, "number", default, sentence, most=most, config=config, per=per)


def _limit(name: str, default: int, sentence: str, *, most: int = 1_000_000) -> Setting:
    return Setting(name, "whole", default, f"{sentence} 0 means no limit.", most=most)


def _switch(name: str, sentence: str) -> Setting:
    return Setting(name, "switch", True, sentence)


def _choice(name: str, choices: tuple[str, ...], default: str, sentence: str) -> Setting:
    return Setting(name, "choice", default, sentence, choices=choices)


_ALL = (
    _switch("stream.enabled", "Whether answers are shown while they are being written."),
    _seconds("stream.first_byte_seconds", 60, "How long a model may take to begin, each time it is asked. 0 means no limit."),
    _seconds("stream.ladder_seconds", 120, "How long all tries together may take until the first text. 0 means no limit."),
    _seconds("stream.stall_seconds", 60, "How long a model may fall silent within an answer. 0 means no limit."),
    _seconds(
        "stream.total_seconds",
        3600,
        "The longest time for one answer. 0 means no limit.",
        most=1_000_000,
        config="streaming_timeout_ms",
        per=1000,
    ),
    _seconds(
        "stream.idle_listener_seconds",
        300,
        "How long an answer that is only written for a listener goes on with nobody there. 0 means no limit.",
    ),
    Setting("stream.journal_ms", "whole", 250, "Milliseconds between two savings of running answers.", least=10, most=10_000),
    Setting("stream.coalesce_ms", "whole", 30, "Milliseconds of text that are sent to browsers together.", most=1000),
    Setting(
        "stream.read_size",
        "whole",
        65_536,
        "Most bytes read from a model at a time.",
        least=1,
        most=2**24,
        config="streaming_chunk_size",
    ),
    _limit("limits.streams_per_minute", 20, "Answers that a person may start per minute, on average."),
    Setting("limits.streams_burst", "whole", 10, "Answers a person may start at once after a pause.", least=1, most=1_000_000),
    _limit("limits.concurrent_streams", 3, "Answers written for a person at the same time."),
    _limit("limits.sse_per_chat", 8, "Open pages of one chat for each person; the oldest is let go."),
    _limit("limits.sse_per_user", 16, "Open pages of all chats for each person; the oldest is let go."),
    _limit("limits.message_chars", 200_000, "Characters in a message.", most=10_000_000),
    _limit("limits.answer_chars", 2_000_000, "Characters in an answer, which ends there.", most=10_000_000),
    _limit("limits.plans_per_month", 0, "Plans that a person may have written in a month."),
    _limit("trash.days", 30, "Days after which deleted chats are gone for good.", most=36_500),
    _choice("restart.policy", ("continue", "ask", "never"), "continue", "What becomes of interrupted answers after a restart."),
    _choice("demo.fallback", ("off", "when_no_key", "always"), "when_no_key", "When the demo may answer in place of a model."),
    _switch("demo.visitors", "Whether people without an account may try the demo."),
    Setting("models.default", "text", "", "The model of a new chat; empty: the connection's own.", config="openrouter_model"),
    Setting("models.fallbacks", "list", (), "Models to ask when one fails, in this order."),
    Setting("models.allowed", "list", (), "The only models that people may choose; empty: all."),
)
SETTINGS: Mapping[str, Setting] = {each.name: each for each in _ALL}
