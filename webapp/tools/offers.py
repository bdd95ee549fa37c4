"""The tools that an answer can use: each with its name for the model, its policy for this person, and the outside rule."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.tools.names import safe_names
from webapp.tools.policies import policies_for
from webapp.tools.tool import MoreTools, Policy, Tool
from webapp.web.feature import brought

ADDRESS = re.compile(r"https?://[^\s\"'<>\]]+")
# What ends a sentence, and not an address.
ENDS = ".,;:!?)]}"


@dataclass(frozen=True)
class Offer:
    """A tool as a model is offered it, by a name that every provider takes; `is_free` frees it of the outside rule."""

    tool: Tool
    name: str
    policy: Policy
    is_free: bool = False

    @cached_property
    def schema(self) -> str:
        return json.dumps(self.tool.schema, ensure_ascii=False)


def built_in_tools() -> dict[str, Tool]:
    """Returns the tools that come with Millrace, by key."""
    return {tool.key: tool for tool in brought(Tool)}


def tools_of(person: User) -> dict[str, Tool]:
    """Returns every tool of a person, by key, also those that are not allowed or not available."""
    if not may(person, "tools"):
        return {}
    return built_in_tools() | {tool.key: tool for source in brought(MoreTools) for tool in source.of(person)}


def offers_for(person: User, keys: Iterable[str], allowed: Iterable[tuple[str, str]] = ()) -> list[Offer]:
    """Returns the tools of these keys that the person's answers can use now.

    `allowed` are those that they have allowed in the chat: each key with the hash of what it was.
    """
    policies, wanted, is_held = policies_for(person), set(keys), bool(setting("tools.outside_rule"))
    tools = [tool for key, tool in tools_of(person).items() if key in wanted and not tool.unavailable()]
    usable = {tool.key: (tool, policies.of(tool)) for tool in tools if policies.of(tool) != "deny"}
    names, in_chat = safe_names(usable), set(allowed)
    return [
        Offer(
            tool,
            names[key],
            "allow" if (key, tool.hash) in in_chat else policy,
            is_free=key in policies.free and not is_held,
        )
        for key, (tool, policy) in usable.items()
    ]


def asks_because(offer: Offer, arguments: Mapping[str, Any], outside: Sequence[str], known: str) -> str:
    """Returns why a call must ask although its policy allows it: outside text has been read, and the call could carry text out.

    A call that reads from the world may go to an address that a person or a tool has given, but none that the model composed;
    not with a tool of a server, which can take anything beside it. A tool server may be asked again, by what only reads, while
    all outside text is its own: what it says of itself is its claim.
    """
    if not outside or offer.tool.is_question or offer.is_free:
        return ""
    hints, server = offer.tool.hints, offer.tool.server
    if hints.is_read_only and (set(outside) == {server} if server else not hints.is_open_world):
        return ""
    if hints.is_read_only and server and not arguments:
        return ""
    texts = list(_texts(arguments))
    # Whole addresses: by the length of a part of one, a model could carry something out.
    if hints.is_read_only and not server and texts and {*texts} <= {address.rstrip(ENDS) for address in ADDRESS.findall(known)}:
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
