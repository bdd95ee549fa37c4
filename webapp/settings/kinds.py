"""The definition of a setting: its kind, its bounds, and how its text is parsed. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["whole", "number", "switch", "choice", "text", "list"]
Value = bool | int | float | str | tuple[str, ...]

# Words to write in capitals, and a name with capitals of its own.
SHORT, NAMES = {"json", "starttls", "tls"}, {"duckduckgo": "DuckDuckGo", "searxng": "SearXNG"}
SWITCHES = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
# The page of settings, by their names or the first part of these, where it is not named like that.
PAGES = {
    "models": "/admin/models",
    "connections": "/admin/models",
    "context": "/admin/models",
    "memory": "/admin/models",
    "models.rules": "/admin/rules",
    "mail": "/admin/mail",
    "sign_in": "/admin/sign-on",
    "tools": "/admin/tools",
    **dict.fromkeys(("tools.search_kind", "tools.search_address"), "/admin/tools/web"),
    "tools.picture_model": "/admin/tools/pictures",
    "stream": "/admin/settings/streaming",
    "dialects": "/admin/settings/streaming",
    "prompts": "/admin/settings/assistant",
    "team": "/admin/settings/budgets",
    "languages": "/admin/settings/accounts",
    **dict.fromkeys(("chats", "trash", "uploads", "traces", "audit", "insights.days", "restart"), "/admin/settings/retention"),
}
MOST_CHARACTERS = 2000
MOST_IN_LIST = 20_000


@dataclass(frozen=True)
class Setting:
    """One setting; `config` names the environment's value, which is divided by `per` and applies if none is stored.

    A number with the default "" can be left empty.
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
    def page(self) -> str:
        """The path of the only page that sets it."""
        return PAGES.get(self.name) or PAGES.get(self.section, f"/admin/settings/{self.section}")

    @property
    def url(self) -> str:
        """The URL of its field, which is then highlighted and focused."""
        return f"{self.page}?setting={self.name}"

    @property
    def labels(self) -> dict[str, str]:
        """The choices as people write them."""
        return {choice: _label(choice) for choice in self.choices}

    @property
    def bounds(self) -> str:
        """The accepted range as text; empty if there is none."""
        if self.kind not in ("whole", "number"):
            return ""
        return f"{self.least:,} to {self.most:,}" + (", or empty" if self.default == "" else "")

    def parse(self, text: str) -> Value:
        """Parses the entered text; raises ValueError with a sentence."""
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
        raise ValueError(f"{self.name} must be one of: {', '.join(self.choices or ('true', 'false'))}.")

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


def _label(choice: str) -> str:
    return choice.upper() if choice in SHORT else NAMES.get(choice, choice.replace("_", " ").capitalize())


def as_text(value: Value | list[str]) -> str:
    """Formats the value as text that `parse` accepts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple | list) else str(value)


def shortest(number: float) -> int | float:
    """Returns 60 for 60.0, and 0.5 unchanged."""
    return int(number) if number == int(number) else number
