"""The tools of a chat as pages show them: a list with switches, and those that a person has allowed there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.chat.calls.choosing import allowed_in, are_offered
from webapp.chat.record.tables import Chat
from webapp.models.connections.models import providers
from webapp.people.accounts.tables import User
from webapp.tools.offers import all_tools
from webapp.tools.tool import Tool

POLICIES = {"allow": "Used without asking", "ask": "Asks first", "deny": "Not allowed here"}
ASKS_YOU = "Waits for your answer"
# With fewer, a search is in the way.
SEARCHED_FROM = 7
# All others are in the chat's own list.
MOST_FOR_NEW = 12


@dataclass(frozen=True, slots=True)
class ShownTool:
    """A tool with its switch; `reason` says why it can't be used now."""

    key: str
    title: str
    about: str
    policy: str
    reason: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """A tool that a person has allowed in a chat."""

    key: str
    title: str


def tools_values(chat: Chat, query: str = "") -> dict[str, Any]:
    """Returns the template context of the list: all tools, or those that a search finds."""
    every = [_shown(tool, is_on=tool.key in chat.tools) for tool in all_tools().values()]
    words = query.casefold().split()
    matching = [tool for tool in every if all(word in f"{tool.title} {tool.about}".casefold() for word in words)]
    return {
        "tools": matching,
        "has_search": len(every) >= SEARCHED_FROM,
        "toolless_model": _toolless(chat.model),
    }


def for_new_chat(chosen: Sequence[str]) -> Sequence[ShownTool]:
    """Returns the tools that a new chat can begin with: those that can be used now, if they are few enough for a short list."""
    if not are_offered(None):
        return ()
    tools = [_shown(tool, is_on=tool.key in chosen) for tool in all_tools().values()]
    return [tool for tool in tools if not tool.reason][:MOST_FOR_NEW]


def allowed(chat: Chat | None, user: User | None) -> list[Allowed]:
    """Returns what this person has allowed in the chat; without a query in a chat without tools."""
    if chat is None or user is None or not chat.tools:
        return []
    tools = all_tools()
    return [Allowed(key, tools[key].title if key in tools else key) for key in allowed_in(chat.id, user.id)]


def _shown(tool: Tool, *, is_on: bool) -> ShownTool:
    sentence, dot, _ = tool.description.partition(". ")
    policy = ASKS_YOU if tool.is_question else POLICIES[tool.policy]
    return ShownTool(tool.key, tool.title, f"{sentence}." if dot else sentence, policy, tool.unavailable(), is_on)


def _toolless(model: str) -> str:
    """Returns the name of a model that is known to be unable to call tools."""
    listed = providers().model(model)
    is_unable = listed is not None and listed.abilities is not None and "tools" not in listed.abilities
    return providers().display_name(model) if is_unable else ""
