"""Every setting, as data. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["whole", "number", "switch", "choice", "text", "list"]
Value = bool | int | float | str | tuple[str, ...]

SWITCHES = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
MOST_CHARACTERS = 2000
MOST_IN_LIST = 20_000


@dataclass(frozen=True)
class Setting:
    """One setting; `config` names what an operator may have set instead, which is divided by `per`.

    A number with the default "" may be left empty.
    """

    name: str
    title: str
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

    @property
    def bounds(self) -> str:
        """Which values it takes, in words; empty where anything goes."""
        if self.kind not in ("whole", "number"):
            return ""
        return f"{self.least:,} to {self.most:,}" + (", or empty" if self.default == "" else "")

    def parse(self, text: str) -> Value:
        """The value that a person means; raises ValueError with a sentence."""
        text = text.strip()
        if self.kind in ("whole", "number"):
            return "" if text == self.default == "" else self._number(text)
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
        most = MOST_IN_LIST if self.kind == "list" else MOST_CHARACTERS
        if len(text) > most or not text.replace("\n", "").replace("\r", "").isprintable():
            raise ValueError(f"{self.name} is plain text of {most} characters at most.")
        return text


def shortest(number: float) -> int | float:
    """60 for 60.0, and 0.5 for itself."""
    return int(number) if number == int(number) else number


def _seconds(
    name: str, title: str, default: int, sentence: str, *, most: int = 86_400, config: str = "", per: int = 1
) -> Setting:
    return Setting(name, title, "number", default, f"{sentence} 0 means no limit.", most=most, config=config, per=per)


def _limit(name: str, title: str, default: int, sentence: str, *, most: int = 1_000_000) -> Setting:
    return Setting(name, title, "whole", default, f"{sentence} 0 means no limit.", most=most)


def _switch(name: str, title: str, sentence: str) -> Setting:
    return Setting(name, title, "switch", True, sentence)


def _choice(name: str, title: str, choices: tuple[str, ...], default: str, sentence: str) -> Setting:
    return Setting(name, title, "choice", default, sentence, choices=choices)


_STREAM = (
    _switch("stream.enabled", "Show answers as they are written", "Otherwise an answer is shown when it is complete."),
    _seconds("stream.first_byte_seconds", "Wait for a start, in seconds", 60, "How long a model may take to begin, each time."),
    _seconds(
        "stream.ladder_seconds", "Wait for all tries, in seconds", 120, "How long they may take together until the first text."
    ),
    _seconds("stream.stall_seconds", "Longest silence, in seconds", 60, "How long a model may fall silent within an answer."),
    _seconds(
        "stream.total_seconds",
        "Longest answer, in seconds",
        3600,
        "The longest time for one answer.",
        most=1_000_000,
        config="streaming_timeout_ms",
        per=1000,
    ),
    _seconds(
        "stream.idle_listener_seconds",
        "Go on without a listener, in seconds",
        300,
        "How long an answer that is only written for a listener goes on with nobody there.",
    ),
    Setting(
        "stream.journal_ms",
        "Save within so many milliseconds",
        "whole",
        250,
        "How soon running answers are saved: what a power cut may cost.",
        least=10,
        most=10_000,
    ),
    Setting(
        "stream.coalesce_ms",
        "Send together, in milliseconds",
        "whole",
        30,
        "Text that arrives within this time is sent to browsers together.",
        most=1000,
    ),
    Setting(
        "stream.read_size",
        "Bytes per reading",
        "whole",
        65_536,
        "Most bytes read from a model at a time.",
        least=1,
        most=2**24,
        config="streaming_chunk_size",
    ),
)
_LIMITS = (
    _limit("limits.streams_per_minute", "Answers per minute", 20, "Answers that a person may start per minute, on average."),
    Setting(
        "limits.streams_burst",
        "Answers in quick succession",
        "whole",
        10,
        "Answers that a person may start one right after the other, following a pause; the limit per minute counts for more.",
        least=1,
        most=1_000_000,
    ),
    _limit(
        "limits.concurrent_streams", "Answers side by side", 3, "Answers that may be on their way for a person at any moment."
    ),
    _limit("limits.sse_per_chat", "Open pages of a chat", 8, "Open pages of one chat for each person; the oldest is let go."),
    _limit("limits.sse_per_user", "Open pages of a person", 16, "Open pages of all chats for each person; the oldest is let go."),
    _limit("limits.message_chars", "Length of a message", 200_000, "Characters in a message.", most=10**7),
    _limit("limits.answer_chars", "Length of an answer", 2_000_000, "Characters of an answer, which ends there.", most=10**7),
    _limit("limits.plans_per_month", "Plans per month", 0, "Plans that a person may have written in a month."),
)
_KEEPING = (
    _limit("trash.days", "Keep deleted chats, in days", 30, "Days after which what was deleted is gone for good.", most=36_500),
    _limit("audit.days", "Keep the audit log, in days", 365, "Days after which its entries are gone for good.", most=36_500),
    _choice(
        "restart.policy",
        "After a restart",
        ("continue", "ask", "never"),
        "continue",
        "Whether answers that a restart has interrupted go on by themselves, or wait for Continue (ask, never).",
    ),
)
_DEMO = (
    _choice(
        "demo.fallback",
        "The demo answers",
        ("off", "when_no_key", "always"),
        "when_no_key",
        "When the demo may answer in place of a model, labelled as what it is.",
    ),
    _switch("demo.visitors", "Demo for visitors", "Whether people without an account may try the demo."),
)
_MODELS = (
    Setting(
        "models.default",
        "Default model",
        "text",
        "",
        "The model of a new chat; empty: the connection's own.",
        config="openrouter_model",
    ),
    Setting("models.fallbacks", "Fallbacks", "list", (), "Models to ask when one fails, in this order."),
    Setting(
        "models.titles",
        "Titles of chats",
        "text",
        "",
        "The model that names a chat after its first answer, perhaps a cheaper one; empty: the chat's own; off: its first words.",
    ),
    Setting("models.allowed", "Allowed models", "list", (), "The only models that people may choose; empty: all."),
    Setting(
        "models.temperature",
        "Temperature",
        "number",
        "",
        "How freely models choose their words; empty: as each model is made.",
        most=2,
        config="openrouter_temperature",
    ),
    Setting(
        "models.max_tokens",
        "Longest answer, in tokens",
        "whole",
        "",
        "Where a model is told to end; empty: where it likes.",
        least=1,
        most=10**7,
        config="openrouter_max_tokens",
    ),
)
SECTIONS: Mapping[str, tuple[Setting, ...]] = {
    "Models": _MODELS,
    "Answers on their way": _STREAM,
    "Limits": _LIMITS,
    "Demo": _DEMO,
    "Keeping": _KEEPING,
}
SETTINGS: Mapping[str, Setting] = {each.name: each for section in SECTIONS.values() for each in section}
# What is looked at once, if ever: pages fold it.
FINER = {each.name for each in _STREAM[1:]} | {
    "limits.sse_per_chat",
    "limits.sse_per_user",
    "limits.message_chars",
    "limits.answer_chars",
    "models.temperature",
    "models.max_tokens",
}
