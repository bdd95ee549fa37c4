"""The rights of each role, which are fixed, and the permissions, which admins can change for roles and groups. Pure.

Guards, services, pages and the documentation use these tables; `may` in `permissions.py` says who has which.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ROLES = ("owner", "admin", "member", "guest")
TEAM = ROLES[:3]
ADMINS = ROLES[:2]


@dataclass(frozen=True)
class Right:
    name: str
    sentence: str
    roles: tuple[str, ...]
    # Of a permission, in a word or two.
    title: str = ""


RIGHTS = (
    Right("see people", "See other people", TEAM),
    Right("administer", "Manage connections, models, settings and groups; view usage and the audit log", ADMINS),
    Right("manage people", "Invite, disable and delete members and guests, and change their roles", ADMINS),
    Right("manage admins", "Do the same for admins and owners", ("owner",)),
)
# To use a feature; the roles are those of a new installation.
PERMISSIONS = (
    Right("chat", "Send messages and get answers", ROLES, "Chat"),
    Right("models", "Choose models", ROLES, "Models"),
    Right("upload", "Attach files to messages", ROLES, "Upload files"),
    Right("knowledge", "Create and search document collections", ROLES, "Knowledge"),
    Right("characters", "Create characters, personas and lorebooks, and chat with them", ROLES, "Characters"),
    Right("plans", "Create plans", TEAM, "Plans"),
    Right("workflows", "Run workflows", ROLES, "Workflows"),
    Right("schedules", "Schedule prompts, workflows and plans", ROLES, "Schedules"),
    Right("tools", "Let models use tools, and connect apps", ROLES, "Tools"),
    Right("links", "Create links for people without an account", ROLES, "Links"),
    Right("own_keys", "Use their own keys and servers", ROLES, "Personal keys"),
    Right("api", "Use API tokens", ROLES, "API"),
)
BY_NAME = {row.name: row for row in (*RIGHTS, *PERMISSIONS)}
# The highest level of shared documents that a person can see.
CLEARANCES = (0, 1, 2, 3)
# The scopes of a token: the label of each, and the right or permission that its user needs, if any.
SCOPES = {
    "read": ("Read chats and everything in them", ""),
    "chat": ("Send messages, stop and continue answers", ""),
    "plans": ("Create plans", "plans"),
    "knowledge": ("Add, change and delete documents and collections", "knowledge"),
    "workflows": ("Run workflows, and create them as an admin", "workflows"),
    "mcp": ("Use from MCP clients only", "tools"),
    "tools": ("Connect apps and approve their tools; use from MCP clients", "tools"),
    "metrics": ("Read metrics only", "administer"),
    "admin": ("Admin access", "administer"),
}


def is_allowed(name: str, role: str, *, by_role: Mapping[str, bool], by_groups: Iterable[Mapping[str, bool]]) -> bool:
    """Returns whether someone has a right or a permission, by what admins have changed for their role and their groups.

    Owners have all, rights are fixed, and what a group says goes before what the role says. If groups differ, the one that
    denies decides. Groups are asked only where they can change something.
    """
    by_default = role in BY_NAME[name].roles
    if role == "owner" or BY_NAME[name] in RIGHTS:
        return by_default or role == "owner"
    said = [of_group[name] for of_group in by_groups if name in of_group]
    return all(said) if said else by_role.get(name, by_default)


def manageable(role: str) -> tuple[str, ...]:
    """Returns the roles that a person with this role can manage and assign."""
    if role in _roles("manage admins"):
        return ROLES
    return ROLES[2:] if role in _roles("manage people") else ()


def invitable(role: str) -> tuple[str, ...]:
    """Returns the roles that an invite can give: only an existing account can become an owner."""
    return tuple(other for other in manageable(role) if other != "owner")


def _roles(right: str) -> tuple[str, ...]:
    return next(row.roles for row in RIGHTS if row.name == right)
