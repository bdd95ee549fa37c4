"""The audit log as people read it, in their language; what is stored, and its export, stay as they were written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from webapp.base.audit import AuditEntry
from webapp.base.ids import LENGTH
from webapp.base.languages import gettext as _
from webapp.settings.catalog import SETTINGS
from webapp.settings.service import value_words
from webapp.web.feature import brought

# Every action that a log can have, for the catalogues.
ACTIONS: Sequence[str] = (
    "accepted an invite",
    "accepted tools",
    "added a connection",
    "added a connection of their own",
    "added a device for notices",
    "added a provider",
    "added a webhook for notices",
    "added an account",
    "added an encryption key",
    "added email for notices",
    "added to a group",
    "asked for a backup",
    "changed a clearance",
    "changed a connection",
    "changed a connection of their own",
    "changed a name",
    "changed a password",
    "changed a provider",
    "changed a role",
    "changed a setting",
    "changed a tool server",
    "changed an alert",
    "changed a budget",
    "changed an email",
    "changed an experiment",
    "changed how long chats are kept",
    "changed permissions",
    "changed the home page",
    "changed the webhook for notices",
    "chose a prompt version",
    "chose the collections of a prompt",
    "chose the tools of a prompt",
    "chose the tools of a token",
    "confirmed by sign-on",
    "connected a sign-on",
    "connected a tool server",
    "created a budget",
    "created a group",
    "created a link",
    "created a password link",
    "created a prompt",
    "created a sign-in link",
    "created a token",
    "created an account by sign-on",
    "created an encryption key",
    "created an invite",
    "created new recovery codes",
    "created the owner",
    "decided about a tool",
    "deleted a budget",
    "deleted a connection",
    "deleted a connection of their own",
    "deleted a group",
    "deleted a key",
    "deleted a plan type",
    "deleted a prompt",
    "deleted a provider",
    "deleted a tool server",
    "deleted a workflow",
    "deleted an account",
    "deleted an experiment",
    "deleted the mail password",
    "deleted the search key",
    "disabled an account",
    "enabled an account",
    "ended a session",
    "ended all other sessions",
    "entered a key",
    "entered a wrong code",
    "entered a wrong password",
    "entered the mail password",
    "entered the search key",
    "has no credit left",
    "installed the Python interpreter",
    "limited a tool",
    "made a new secret for the webhook for notices",
    "made too many attempts",
    "muted an alert",
    "named a model",
    "no longer offers a connection for own keys",
    "offered a connection for own keys",
    "published a prompt",
    "published a workflow",
    "re-encrypted a key",
    "rejected a key",
    "removed a device for notices",
    "removed a sign-on",
    "removed a webhook for notices",
    "removed email for notices",
    "removed from a group",
    "removed old encryption keys",
    "removed the suggested models",
    "renamed a group",
    "reported a sign-in",
    "reset a prompt",
    "reset a setting",
    "reset the home page",
    "revoked a link",
    "revoked a token",
    "revoked all tokens",
    "revoked an invite",
    "saved a plan type",
    "saved a workflow",
    "searched as",
    "sent a test email",
    "set a model's context",
    "set a password with a link",
    "set the policy of a tool",
    "shared a character",
    "shared a chat",
    "shared a collection",
    "shared a lorebook",
    "shared a preset",
    "shared a project",
    "shared a prompt",
    "shared a tool server",
    "signed in",
    "signed in at a tool server",
    "signed out",
    "signed out at a tool server",
    "started an experiment",
    "stopped an experiment",
    "stopped sharing a character",
    "stopped sharing a chat",
    "stopped sharing a collection",
    "stopped sharing a lorebook",
    "stopped sharing a preset",
    "stopped sharing a project",
    "stopped sharing a prompt",
    "stopped sharing a tool server",
    "suggested models",
    "tested a connection",
    "tried to open an admin page",
    "tried to sign in",
    "turned off a connection",
    "turned off a connection of their own",
    "turned off a tool server",
    "turned off two-factor authentication",
    "turned on a connection",
    "turned on a connection of their own",
    "turned on a tool server",
    "turned on two-factor authentication",
    "unmuted an alert",
    "used a recovery code",
    "was signed out by a provider",
)
KINDS: Sequence[str] = (
    "alert",
    "backup",
    "budget",
    "character",
    "chat",
    "collection",
    "connection",
    "encryption key",
    "group",
    "identity provider",
    "invite",
    "lorebook",
    "model",
    "notice channel",
    "own connection",
    "page",
    "permissions",
    "person",
    "plan type",
    "preset",
    "project",
    "prompt",
    "session",
    "sign-in",
    "starter",
    "token",
    "tool server",
    "workflow",
)


@dataclass(frozen=True, slots=True)
class AuditObjects:
    """How the log shows objects of a kind: `words` returns the object and the detail, of both as they are stored."""

    kind: str
    words: Callable[[str, str], tuple[str, str]]


def actions_by_label(actions: Sequence[str]) -> Mapping[str, str]:
    """Returns the labels of these actions by what is stored, in the order of the labels."""
    return dict(sorted(((action, _(action)) for action in actions), key=lambda pair: pair[1].casefold()))


def words_of(entry: AuditEntry) -> str:
    """Returns the object and the detail; leaves out a random id if there is a detail, which names the object."""
    if of_kind := next((objects for objects in brought(AuditObjects) if objects.kind == entry.object_kind), None):
        thing, detail = of_kind.words(entry.object_id, entry.detail)
    else:
        is_name = len(entry.object_id) != LENGTH or not entry.detail
        thing = f"{_(entry.object_kind)} {entry.object_id}" if entry.object_id and is_name else ""
        detail = entry.detail
    return ": ".join(filter(None, (thing, detail)))


def _setting(name: str, value: str) -> tuple[str, str]:
    """Returns a setting as its page has it; one that is no longer there as it is stored."""
    setting = SETTINGS.get(name)
    return (_(setting.title), value_words(setting, value)) if setting else (name, value)


SETTING_OBJECTS = AuditObjects("setting", _setting)
