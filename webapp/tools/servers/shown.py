"""Tool servers as pages show them: in a list, on a page of their own with every tool, and in *Health*."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from webapp.base.db import db
from webapp.base.languages import gettext as _, ngettext
from webapp.base.visible_text import one_line, visible
from webapp.base.words import plural
from webapp.people.accounts.tables import User
from webapp.rendering.difference import DiffLine, difference
from webapp.settings.secrets.encryption import DecryptionError
from webapp.settings.service import setting
from webapp.tools.policies import EVERYONE
from webapp.tools.servers import keys, queries
from webapp.tools.servers.known import KNOWN, KnownServer
from webapp.tools.servers.service import key_of
from webapp.tools.servers.tables import ServerTool, ToolContent, ToolServer, ToolSignIn
from webapp.tools.tables import ToolPolicy
from webapp.tools.tool import Hints, Policy
from webapp.web.health_facts import Chapter, HealthFact

SIGN_INS = {"none": "no sign-in", "bearer": "with a token", "oauth": "each person signs in"}
STATES = {"new": "Not accepted yet", "changed": "Changed", "gone": "No longer offered", "accepted": ""}
SHOWN_LEFT_OUT = 30


@dataclass(frozen=True, slots=True)
class ShownServer:
    """A line of a list; `tone` is ok, bad or empty, `waiting` how many of its tools are new or have changed."""

    id: str
    name: str
    address: str
    how: str
    tone: str
    state: str
    at: datetime | None
    trouble: str
    waiting: int


@dataclass(frozen=True, slots=True)
class ShownServerTool:
    """A tool on its server's page. With `changes`, it isn't what was accepted: each part as it was and as it is now."""

    name: str
    key: str
    title: str
    about: str
    hints: str
    arguments: str
    state: str
    state_words: str
    hash: str
    policy: str
    usual: Policy
    changes: tuple[tuple[str, list[DiffLine]], ...] = ()


@dataclass(frozen=True, slots=True)
class OwnSignIn:
    """A server where each person signs in, as that person sees it."""

    id: str
    name: str
    words: str
    is_signed_in: bool


def lines(servers: Sequence[ToolServer]) -> list[ShownServer]:
    counts = queries.counts([server.id for server in servers])
    return [_line(server, *counts.get(server.id, (0, 0))) for server in servers]


def line(server: ToolServer) -> ShownServer:
    return lines([server])[0]


def _line(server: ToolServer, accepted: int, waiting: int) -> ShownServer:
    how = " · ".join(filter(None, (server.address, SIGN_INS[server.sign_in], plural(accepted, "tool"))))
    if not server.is_enabled:
        return ShownServer(server.id, server.name, server.address, how, "", "turned off", None, "", waiting)
    if server.trouble:
        return ShownServer(
            server.id, server.name, server.address, how, "bad", "not working", server.listed_at, server.trouble, waiting
        )
    if server.listed_at is None:
        return ShownServer(server.id, server.name, server.address, how, "", "not listed yet", None, "", waiting)
    return ShownServer(server.id, server.name, server.address, how, "ok", "works", server.listed_at, "", waiting)


def unconnected(servers: Iterable[ShownServer]) -> list[KnownServer]:
    """Returns the apps that many use, without those that are among these servers."""
    addresses = {server.address.rstrip("/") for server in servers}
    return [app for app in KNOWN.values() if app.url.rstrip("/") not in addresses]


def tools(server: ToolServer) -> list[ShownServerTool]:
    """Returns every tool of a server, those first that wait to be accepted."""
    rows = queries.tools_of_server(db.session(), server.id)
    keys_of = {row.name: key_of(server, row.name) for row in rows}
    query = select(ToolPolicy.tool, ToolPolicy.policy).where(ToolPolicy.whose == EVERYONE, ToolPolicy.tool.in_(keys_of.values()))
    decided = {row[0]: row[1] for row in db.session.execute(query)}
    order = ("changed", "new", "accepted", "gone")
    shown = [_tool(row, keys_of[row.name], decided.get(keys_of[row.name], "")) for row in rows]
    return sorted(shown, key=lambda tool: order.index(tool.state))


def _tool(row: ServerTool, key: str, policy: str) -> ShownServerTool:
    content = row.listed or row.accepted
    # Each row has been listed or accepted.
    assert content
    hints = Hints(**content["hints"])
    return ShownServerTool(
        row.name,
        key,
        one_line(content["title"], 100) or row.name,
        visible(content["description"]).strip(),
        hint_words(hints),
        argument_words(content),
        row.state,
        STATES[row.state],
        row.listed_hash,
        policy,
        "allow" if hints.is_read_only else "ask",
        _changes(row.accepted, row.listed) if row.state == "changed" and row.accepted and row.listed else (),
    )


def hint_words(hints: Hints) -> str:
    """Says in words what a tool says of itself, which is its server's claim."""
    does = _("Only reads") if hints.is_read_only else _("Can delete data") if hints.is_destructive else _("Adds data")
    again = "" if hints.is_read_only else _("safe to repeat") if hints.is_idempotent else _("not safe to repeat")
    world = _("reaches other services") if hints.is_open_world else ""
    return " · ".join(filter(None, (does, again, world)))


def argument_words(content: ToolContent) -> str:
    """Returns the names of a tool's arguments."""
    properties = content["schema"].get("properties")
    names = list(properties) if isinstance(properties, Mapping) else []
    return ", ".join(one_line(str(name), 60) for name in names[:20]) + (" …" if len(names) > 20 else "")


def _changes(before: ToolContent, now: ToolContent) -> tuple[tuple[str, list[DiffLine]], ...]:
    old, new = _parts(before), _parts(now)
    return tuple((name, difference(old[name], new[name])) for name in old if old[name] != new[name])


def _parts(content: ToolContent) -> dict[str, str]:
    parts = {
        "Title": content["title"],
        "Description": content["description"],
        "Arguments": json.dumps(content["schema"], indent=1, ensure_ascii=False, sort_keys=True),
        "What it says of itself": hint_words(Hints(**content["hints"])),
    }
    return {name: visible(text) for name, text in parts.items()}


def header_names(server: ToolServer) -> list[str]:
    """Returns the names of the stored headers; their values are never shown."""
    try:
        return list(keys.opened_secrets(server).headers)
    except DecryptionError:
        return []


def secret_trouble(server: ToolServer) -> str:
    """Returns why the stored token or headers can't be used; empty if they can."""
    try:
        keys.opened_secrets(server)
    except DecryptionError as error:
        return error.message
    return ""


def site_lines() -> list[ShownServer]:
    return lines(queries.site_servers())


def own_lines(me: User) -> list[ShownServer]:
    return lines(queries.own_servers(me))


def may_have_own() -> bool:
    return bool(setting("tools.personal_servers"))


def own_sign_ins(me: User) -> list[OwnSignIn]:
    """Returns the servers where this person can sign in."""
    return [own_sign_in(server, row) for server, row in queries.usable(me) if server.sign_in == "oauth" and server.is_enabled]


def own_sign_in(server: ToolServer, row: ToolSignIn | None) -> OwnSignIn:
    if not (row and row.tokens):
        return OwnSignIn(server.id, server.name, "You aren't signed in, so its tools can't be used.", False)
    if row.ended:
        return OwnSignIn(server.id, server.name, "Your sign-in has ended. Sign in again to use its tools.", False)
    return OwnSignIn(server.id, server.name, "You are signed in. Its tools act in your name.", True)


def chapter() -> Chapter:
    """The site's tool servers in *Health*; those of people are counted, not named."""
    facts = [_fact(server) for server in site_lines()]
    is_in_trouble = ToolServer.owner_id.is_not(None), ToolServer.trouble != "", ToolServer.is_enabled
    count = db.session.scalar(select(func.count(ToolServer.id)).where(*is_in_trouble)) or 0
    if count:
        facts.append(HealthFact(_("Personal"), ngettext("%(num)s app not working.", "%(num)s apps not working.", count), "warn"))
    return Chapter("Apps", facts or [HealthFact(_("Connected"), _("None."))])


def _fact(server: ShownServer) -> HealthFact:
    if server.trouble:
        return HealthFact(
            server.name, server.trouble, "warn", _("Only its own tools are unavailable. You can test it on its page.")
        )
    waits = f" {plural(server.waiting, 'tool')} to accept." if server.waiting else ""
    return HealthFact(server.name, f"{server.state[:1].upper()}{server.state[1:]}.{waits}", "ok" if server.tone == "ok" else "")


def left_out(server: ToolServer) -> Iterable[str]:
    return server.left_out[:SHOWN_LEFT_OUT]
