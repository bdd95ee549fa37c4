"""Views for every page: the help sheet, the search, and the manifest that makes it an app on a phone."""

import json
from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import (
    COOKIE_SECONDS,
    admin_only,
    anybody,
    came_from,
    current_user,
    found,
    signed_in,
    viewer_or_none,
)
from webapp.people.search import SearchQuery, printable, search as search_everything
from webapp.people.search_words import parse
from webapp.people.shortcuts import FIXED
from webapp.settings import search as settings_search
from webapp.web.assets import asset
from webapp.web.cookies import keep_secret, secret_in
from webapp.web.feature import NAVIGATION
from webapp.web.htmx import is_htmx, page_path, redirect, render
from webapp.web.navigation import NavEntry
from webapp.workspace.list.narrowing import narrowing

bp = Blueprint("search", __name__)
# The background colour of the light theme; browsers need it before they have read a style sheet.
PAPER = "#fcfaf7"
MOST_QUERY = 200
# Key in the request's environ: the request that changes the cookie must already render the new state.
HIDDEN = "millrace.sidebar_hidden"
ICONS = (("192", "any"), ("512", "any"), ("512", "maskable"))
SHORTCUTS = {"New chat": "/", "Search": "/search", "Chats": "/chats"}


@bp.app_template_global()
def areas() -> dict[NavEntry, list[NavEntry]]:
    """Returns the areas of the administration with their pages."""
    return NAVIGATION.get().areas()


@bp.app_template_global()
def admin_page() -> NavEntry | None:
    """Returns the admin page that this request is for; None for other pages, and for people who aren't admins."""
    me = viewer_or_none()
    return NAVIGATION.get().admin_page(request.path) if me and me.is_admin else None


@bp.get("/help")
@anybody
def help_sheet() -> Response:
    return render("workspace/frame/_help.html" if is_htmx() else "workspace/frame/help.html", is_floating=is_htmx(), fixed=FIXED)


@bp.get("/search")
@signed_in
def search() -> Response:
    """Shows the search; as a fragment, what is floating over a page or, for a query, only its results."""
    entered = printable(request.args.get("q", ""))
    query = entered.strip()
    if query and not is_htmx():
        return redirect(url_for("list.index", q=query))
    me = current_user()
    groups, faults = search_everything(me, SearchQuery(query, page_path())), narrowing(me, parse(query)).faults
    template = "search.html" if not is_htmx() else "_results.html" if "q" in request.args else "_search.html"
    context: dict[str, Any] = {"query": query, "entered": entered, "groups": groups, "faults": faults}
    return render(f"workspace/frame/search/{template}", is_floating=is_htmx(), **context)


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
    template = "workspace/frame/_found.html" if is_htmx() else "workspace/frame/admin.html"
    return render(template, query=query, entries=NAVIGATION.get().matching(query), settings=settings_search.matching(query))


@bp.get("/admin/areas/<name>")
@admin_only
def admin_area(name: str) -> Response:
    area = found(next((area for area in areas() if area.title.lower() == name), None))
    return render("workspace/frame/admin_area.html", area=area, entries=areas()[area])


@bp.get("/manifest.webmanifest")
@anybody
def manifest() -> Response:
    icons = [_icon(size, purpose) for size, purpose in ICONS]
    icons.append({"src": asset("mark.svg"), "sizes": "any", "type": "image/svg+xml"})
    colours = {"background_color": PAPER, "theme_color": PAPER}
    body = {"id": "/", "name": "Millrace", "short_name": "Millrace", "start_url": "/", "display": "standalone"}
    body |= {"scope": "/", "description": _("Chat with language models; answers are never lost.")}
    shortcuts = [{"name": _(name), "url": url, "icons": icons[:1]} for name, url in SHORTCUTS.items()]
    return Response(json.dumps({**body, **colours, "icons": icons, "shortcuts": shortcuts}), mimetype="application/manifest+json")


def _icon(size: str, purpose: str) -> dict[str, str]:
    name = f"vendor/icon-{size}{'-maskable' if purpose == 'maskable' else ''}.png"
    return {"src": asset(name), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
