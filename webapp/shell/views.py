"""Views for every page: the help sheet, the command palette, and the manifest that makes it an app on a phone."""

import json
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from webapp.chat.list import shown as list_shown
from webapp.chat.list.search import titles_of
from webapp.people.accounts.guards import COOKIE_SECONDS, admin_only, anybody, came_from, current_user, signed_in, viewer_or_none
from webapp.people.accounts.roles import may
from webapp.people.accounts.tables import User
from webapp.people.preferences import THEMES
from webapp.settings import catalog
from webapp.web.assets import asset
from webapp.web.cookies import keep_secret, secret_in
from webapp.web.feature import NAVIGATION
from webapp.web.htmx import is_htmx, redirect, render
from webapp.web.navigation import NavEntry

bp = Blueprint("everywhere", __name__)
# The background colour of the light theme; browsers need it before they have read a style sheet.
PAPER = "#fcfaf7"
MOST_QUERY = 200
MOST_RECENT, MOST_TITLES = 6, 12
# Key in the request's environ: the request that changes the cookie must already render the new state.
HIDDEN = "millrace.sidebar_hidden"
ICONS = (("192", "any"), ("512", "any"), ("512", "maskable"))


@bp.app_template_global()
def tabs() -> dict[str, list[NavEntry]]:
    """Returns the pages of the administration."""
    return NAVIGATION.get().tabs()


@bp.app_template_global()
def admin_page() -> NavEntry | None:
    """Returns the admin page that this request is for; None for other pages, and for people who aren't admins."""
    me = viewer_or_none()
    return NAVIGATION.get().admin_page(request.path) if me and me.is_admin else None


@bp.get("/help")
@anybody
def help_sheet() -> Response:
    return render("shell/_help.html" if is_htmx() else "shell/help.html", is_floating=is_htmx())


@bp.get("/palette")
@signed_in
def palette() -> Response:
    me, query = current_user(), request.args.get("q", "")
    label, chats = _chats(me, query)
    context: dict[str, Any] = {"query": query, "label": label, "chats": chats, "themes": THEMES}
    if is_htmx() and "q" in request.args:
        return render("shell/_palette_chats.html", **context)
    groups = NAVIGATION.get().palette(partial(may, me.role))
    return render("shell/_palette.html" if is_htmx() else "shell/palette.html", groups=groups, **context)


@bp.app_template_global()
def is_sidebar_hidden() -> bool:
    """Returns whether this browser hides the sidebar; on a phone it is a drawer anyway."""
    return request.environ.get(HIDDEN, secret_in("sidebar") == "hidden") is True


@bp.post("/sidebar")
@signed_in
def toggle_sidebar() -> Response:
    is_hidden = request.environ[HIDDEN] = request.form.get("show") != "1"
    response = render("layouts/_sidebar_toggle.html") if is_htmx() else redirect(came_from())
    return keep_secret(response, "sidebar", "hidden" if is_hidden else "", seconds=COOKIE_SECONDS if is_hidden else 0)


@bp.get("/admin")
@admin_only
def admin() -> Response:
    query = request.args.get("q", "").strip()[:MOST_QUERY]
    template = "shell/_found.html" if is_htmx() else "shell/admin.html"
    return render(template, query=query, entries=NAVIGATION.get().matching(query), settings=catalog.matching(query))


@bp.get("/manifest.webmanifest")
@anybody
def manifest() -> Response:
    icons = [_icon(size, purpose) for size, purpose in ICONS]
    icons.append({"src": asset("mark.svg"), "sizes": "any", "type": "image/svg+xml"})
    colours = {"background_color": PAPER, "theme_color": PAPER}
    body = {"id": "/", "name": "Millrace", "short_name": "Millrace", "start_url": "/", "display": "standalone"}
    return Response(json.dumps({**body, **colours, "icons": icons}), mimetype="application/manifest+json")


def _chats(me: User, query: str) -> tuple[str, list[tuple[str, str]]]:
    """Returns the chats whose titles contain the query; without a query, the newest few."""
    if query.strip():
        return "Chats", [(hit.chat_id, hit.title) for hit in titles_of(me.id, query, limit=MOST_TITLES)]
    newest = [(label, chats) for label, chats in list_shown.sidebar(me) if label != "Pinned"]
    label, chats = newest[0] if newest else ("", [])
    return label, [(chat.id, chat.title) for chat in chats[:MOST_RECENT]]


def _icon(size: str, purpose: str) -> dict[str, str]:
    name = f"vendor/icon-{size}{'-maskable' if purpose == 'maskable' else ''}.png"
    return {"src": asset(name), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
