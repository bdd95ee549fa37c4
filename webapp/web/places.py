"""Where one can go, as the palette lists it. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """`also` holds words by which it is found too; `right` says who may go there, when not everybody may."""

    words: str
    path: str
    icon: str
    also: str = ""
    right: str = ""


EVERYBODY = (
    Place("New chat", "/", "plus", "write begin start home"),
    Place("All chats", "/chats", "message-square", "list history"),
    Place("Archive", "/chats?show=archived", "archive", "put away"),
    Place("Trash", "/chats/trash", "trash-2", "deleted restore"),
    Place("Characters", "/characters", "users", "roleplay card"),
    Place("Personas", "/personas", "users", "who you are"),
    Place("Plans", "/plans", "list-checks", "project make", "make plans"),
    Place("Import chats", "/import", "download", "chatgpt open webui upload"),
    Place("Settings", "/settings", "settings", "theme dark light model instructions"),
    Place("Your account", "/account", "users", "password email name tokens sessions delete export"),
    Place("API", "/api", "info", "programs openapi reference"),
    Place("Help", "/help", "circle-help", "keyboard shortcuts first aid"),
    Place("Documentation", "/docs", "scroll-text", "docs api examples configuration troubleshooting"),
)
ADMINS = (
    Place("Connections", "/admin/connections", "key", "provider openrouter api key test"),
    Place("Models", "/admin/models", "sliders-horizontal", "allowed fallback default price"),
    Place("Settings for everybody", "/admin/settings", "settings", "limits demo trash restart"),
    Place("Plan types", "/admin/plan-types", "sliders-horizontal", "schema"),
    Place("People", "/admin/people", "users", "invite role disable member"),
    Place("Groups", "/admin/groups", "users", "team rights"),
    Place("Usage", "/admin/usage", "activity", "cost tokens money spent"),
    Place("Keys", "/admin/keys", "key", "encryption rotate secret"),
    Place("Audit", "/admin/audit", "scroll-text", "log who did what"),
    Place("Health", "/admin/health", "activity", "self-test proxy streaming database disk version"),
)


def places(may: Callable[[str], bool], known: Iterable[str]) -> dict[str, list[Place]]:
    """By heading, what there is for somebody with these rights; only what leads somewhere, as `known` says by the path."""
    paths = set(known)
    groups = {"Go to": EVERYBODY, "Administration": ADMINS if may("administer") else ()}
    return {title: [each for each in group if _is_open(each, may, paths)] for title, group in groups.items() if group}


def _is_open(place: Place, may: Callable[[str], bool], paths: set[str]) -> bool:
    return place.path.partition("?")[0] in paths and (not place.right or may(place.right))
