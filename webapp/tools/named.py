"""The tools that a character or a prompt names: authors choose among their own, and each person gets those that they may use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from webapp.base.errors import Invalid
from webapp.people.accounts.tables import User
from webapp.tools.names import KEY_CHARS, MOST_NAMED
from webapp.tools.offers import tools_of
from webapp.tools.policies import policies_for
from webapp.tools.tool import Tool

ToolKeys = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=KEY_CHARS)]],
    Field(max_length=MOST_NAMED, description="Keys of tools. Those that you can't use, and that others have chosen, stay."),
]


@dataclass(frozen=True, slots=True)
class NamedTools:
    """The tools that something names: those that a person can use, and the keys of the others."""

    usable: Sequence[Tool] = ()
    others: Sequence[str] = ()

    @property
    def keys(self) -> list[str]:
        return [tool.key for tool in self.usable]


NO_TOOLS = NamedTools()


def named_tools(user: User, keys: Sequence[str]) -> NamedTools:
    """Returns the tools of these keys; without any, there is no query."""
    if not keys:
        return NO_TOOLS
    known = {tool.key: tool for tool in tools_to_name(user)}
    return NamedTools([known[key] for key in keys if key in known], [key for key in keys if key not in known])


def tools_to_name(user: User) -> list[Tool]:
    """Returns the tools that a person can name: all that they are allowed to use, also those that can't be used now."""
    policies = policies_for(user)
    return [tool for tool in tools_of(user).values() if policies.of(tool) != "deny"]


def checked_keys(user: User, chosen: Iterable[str], current: Sequence[str]) -> list[str]:
    """Returns what is named after a person's choice, each once; raises `Invalid` for a tool that isn't theirs to name.

    Those before that they can't use stay, as they can't choose about them.
    """
    keys, kept = list(dict.fromkeys(chosen)), named_tools(user, current).others
    if strange := named_tools(user, [key for key in keys if key not in kept]).others:
        raise Invalid(f"There is no tool {strange[0][:80]} that you can use.", field="tools")
    if len(every := list(dict.fromkeys([*keys, *kept]))) > MOST_NAMED:
        raise Invalid(f"Choose at most {MOST_NAMED} tools.", field="tools")
    return every
