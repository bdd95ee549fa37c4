"""The rights of each role, in one table that guards, services, the people page and the documentation use. Pure."""

from dataclasses import dataclass

ROLES = ("owner", "admin", "member", "guest")
TEAM = ROLES[:3]
ADMINS = ROLES[:2]


@dataclass(frozen=True)
class Right:
    name: str
    sentence: str
    roles: tuple[str, ...]


RIGHTS = (
    Right("chat", "Chat with the allowed models and keep chats", ROLES),
    Right("make plans", "Create plans", TEAM),
    Right("see people", "See other people", TEAM),
    Right("administer", "Manage connections, models, settings and groups; view usage and the audit log", ADMINS),
    Right("manage people", "Invite, disable and delete members and guests, and change their roles", ADMINS),
    Right("manage admins", "Do the same for admins and owners", ("owner",)),
)
# The highest level of shared documents that a person can see.
CLEARANCES = (0, 1, 2, 3)
# The scopes of a token: the label of each, and the right that its user needs.
SCOPES = {
    "read": ("Read chats and everything in them", "chat"),
    "chat": ("Send messages, stop and continue answers", "chat"),
    "plans": ("Create plans", "make plans"),
    "knowledge": ("Add, change and delete documents and collections", "chat"),
    "workflows": ("Run workflows, and create them as an admin", "chat"),
    "tools": ("Work from MCP clients, and connect tool servers", "chat"),
    "metrics": ("Read metrics, and nothing else", "administer"),
    "admin": ("Admin access", "administer"),
}


def may(role: str, right: str) -> bool:
    return any(role in row.roles for row in RIGHTS if row.name == right)


def manageable(role: str) -> tuple[str, ...]:
    """Returns the roles that a person with this role can manage and assign."""
    if may(role, "manage admins"):
        return ROLES
    return ROLES[2:] if may(role, "manage people") else ()


def invitable(role: str) -> tuple[str, ...]:
    """Returns the roles that an invite can give: only an existing account can become an owner."""
    return tuple(other for other in manageable(role) if other != "owner")


def allowed_scopes(role: str) -> tuple[str, ...]:
    """Returns the scopes that a token of a person with this role can have."""
    return tuple(name for name, (_, right) in SCOPES.items() if may(role, right))
