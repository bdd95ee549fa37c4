"""The tools of a chat as pages show them: a list with switches, and those that a person has allowed there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.chat.calls.choosing import allowed_in, are_offered
from webapp.chat.record.leader import is_led
from webapp.chat.record.presets import preset_of
from webapp.chat.record.tables import Chat
from webapp.models.connections.models import the_models
from webapp.people.accounts.tables import User
from webapp.tools.built_in.search_web import SEARCH_WEB
from webapp.tools.offers import tools_of
from webapp.tools.policies import policies_for
from webapp.tools.tool import Policy, Tool

# What is used freely needs no word.
POLICIES = {"allow": "", "ask": "Asks first", "deny": "Off"}
OFF = "Blocked by an admin or your own settings."
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
class AllowedInChat:
    """A tool that a person has allowed in a chat."""

    key: str
    title: str


def tools_values(chat: Chat, user: User, query: str = "") -> dict[str, Any]:
    """Returns the template context of the list: all tools of a person, or those that a search finds."""
    every = _tools(user, chat.tools)
    words = query.casefold().split()
    preset = preset_of(chat)
    matching = [tool for tool in every if all(word in f"{tool.title} {tool.about}".casefold() for word in words)]
    return {
        "tools": matching,
        "preset": preset,
        "of_preset": [tool.title for tool in every if preset and tool.key in preset.tools and not tool.reason],
        "has_search": len(every) >= SEARCHED_FROM,
        "toolless_model": _toolless(chat.model),
        "has_web_search": any(tool.key == SEARCH_WEB.key and not tool.reason for tool in every),
    }


def new_chat_values(user: User | None, chosen: Sequence[str] | None, model: str) -> dict[str, Any]:
    """Returns the template context of the tools that a new chat can begin with: the first of those that can be used now.

    Those of the person's settings are on until they choose, whether the `model` can use them or not. The web search has a switch
    of its own.
    """
    if not user or not are_offered(None):
        return {}
    usable = [tool for tool in _tools(user, user.tools if chosen is None else chosen) if not tool.reason]
    usable.sort(key=lambda tool: not tool.is_on)
    listed = [tool for tool in usable if tool.key != SEARCH_WEB.key]
    web_search = next((tool for tool in usable if tool.key == SEARCH_WEB.key), None)
    return {
        "new_tools": listed[:MOST_FOR_NEW],
        "more_new_tools": max(0, len(listed) - MOST_FOR_NEW),
        "toolless_model": _toolless(model),
        "web_search": web_search,
        "has_web_search": web_search is not None,
    }


def web_search_in(chat: Chat) -> ShownTool | None:
    """Returns the switch of the web search for the chat's owner, if they can use it; without a query if no one can."""
    if not are_offered(chat) or SEARCH_WEB.unavailable():
        return None
    policy = policies_for(db.session.get(User, chat.owner_id)).of(SEARCH_WEB)
    return _shown(SEARCH_WEB, policy, is_on=SEARCH_WEB.key in chat.tools) if policy != "deny" else None


def allowed(chat: Chat | None, user: User | None) -> list[AllowedInChat]:
    """Returns what this person has allowed in the chat; without a query in a chat without tools.

    What leads a chat can name further tools.
    """
    if chat is None or user is None or not (chat.tools or is_led(chat)):
        return []
    if not (keys := [key for key, _text in allowed_in(chat.id, user.id)]):
        return []
    tools = tools_of(user)
    return [AllowedInChat(key, tools[key].words if key in tools else key) for key in keys]


def _tools(user: User, chosen: Sequence[str]) -> list[ShownTool]:
    policies = policies_for(user)
    return [_shown(tool, policies.of(tool), is_on=tool.key in chosen) for tool in tools_of(user).values()]


def _shown(tool: Tool, policy: Policy, *, is_on: bool) -> ShownTool:
    is_off = policy == "deny"
    words = _(ASKS_YOU if tool.is_question and not is_off else POLICIES[policy])
    reason = _(OFF) if is_off else _(tool.unavailable())
    return ShownTool(tool.key, tool.words, tool.sentence, words, reason, is_on and not reason)


def _toolless(model: str) -> str:
    """Returns the name of a model that is known to be unable to call tools."""
    return "" if the_models().known(model).is_able("tools") else the_models().display_name(model)
