"""The tools that an answer can use: each with its name for the model, its policy for this person, and the outside rule."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from webapp.tools.names import safe_names
from webapp.tools.tool import Policy, Tool
from webapp.web.feature import brought

ADDRESS = re.compile(r"https?://[^\s\"'<>]+")
# What ends a sentence, and not an address.
ENDS = ".,;:!?)]}"


@dataclass(frozen=True)
class Offer:
    """A tool as a model is offered it, by a name that every provider takes."""

    tool: Tool
    name: str
    policy: Policy

    @cached_property
    def schema(self) -> str:
        return json.dumps(self.tool.schema, ensure_ascii=False)


def all_tools() -> dict[str, Tool]:
    """Returns every tool there is, by its key."""
    return {tool.key: tool for tool in brought(Tool)}


def offers_of(keys: Iterable[str], allowed: Iterable[str] = ()) -> list[Offer]:
    """Returns the tools of these keys that can be used now; `allowed` are those that a person has allowed in the chat."""
    tools = [tool for key, tool in all_tools().items() if key in set(keys) and not tool.unavailable()]
    names = safe_names(tool.key for tool in tools)
    return [Offer(tool, names[tool.key], _policy(tool, allowed)) for tool in tools]


def _policy(tool: Tool, allowed: Iterable[str]) -> Policy:
    return "allow" if tool.policy == "ask" and tool.key in allowed else tool.policy


def asks_because(offer: Offer, arguments: Mapping[str, Any], outside: Sequence[str], known: str) -> str:
    """Returns why a call must ask although its policy allows it: outside text has been read, and the call could carry text out.

    A call that reads from the world may go to an address that a person or a tool has given, but none that the model composed.
    """
    if not outside or offer.tool.is_question:
        return ""
    hints = offer.tool.hints
    if hints.is_read_only and not hints.is_open_world:
        return ""
    texts = list(_texts(arguments))
    # Whole addresses: by the length of a part of one, a model could carry something out.
    if hints.is_read_only and texts and {*texts} <= {address.rstrip(ENDS) for address in ADDRESS.findall(known)}:
        return ""
    places = list(dict.fromkeys(outside))
    named = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    return f"This answer has read text from {named}. Should it be able to send this?"


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)
