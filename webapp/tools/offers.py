"""The tools that an answer can use: each with its name for the model, and its policy for this person."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.tools.names import safe_names
from webapp.tools.policies import policies_for
from webapp.tools.tool import MoreTools, Policy, Tool
from webapp.web.feature import brought


@dataclass(frozen=True)
class Offer:
    """A tool as a model is offered it, by a name that every provider takes; `is_free` frees it of the outside rule.

    `is_allowed_here` says that the person has allowed it in the chat.
    """

    tool: Tool
    name: str
    policy: Policy
    is_free: bool = False
    is_allowed_here: bool = False

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
            is_allowed_here=(key, tool.hash) in in_chat,
        )
        for key, (tool, policy) in usable.items()
    ]
