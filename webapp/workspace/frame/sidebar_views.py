"""The links of the sidebar, the tabs that they lead to, and /settings/sidebar, where each person chooses among them."""

from functools import partial

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import current_user, signed_in, viewer_or_none
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.people.preferences import hide_links
from webapp.web.feature import NAVIGATION
from webapp.web.htmx import redirect, render
from webapp.web.navigation import SIDEBAR, NavEntry, SidebarLink

bp = Blueprint("sidebar", __name__)


@bp.app_template_global()
def links() -> list[SidebarLink]:
    """Returns the sidebar's links to pages of the features, without those that the person hides."""
    me = viewer_or_none()
    return [link for link in _links(me) if link.name not in hidden_links()] if me else []


@bp.app_template_global()
def hidden_links() -> list[str]:
    """Returns the names of the sidebar's links that the current person hides."""
    me = viewer_or_none()
    return me.hidden_links.split(",") if me else []


@bp.app_template_global()
def page_tabs() -> list[NavEntry]:
    """Returns the pages that are tabs of the current one; none if it has no others."""
    me = viewer_or_none()
    links = _links(me) if me else []
    tabs = next((link.tabs for link in links if request.path in [tab.path for tab in link.tabs]), [])
    return list(tabs) if len(tabs) > 1 else []


@bp.get("/settings/sidebar")
@signed_in
def own_sidebar() -> Response:
    return render("workspace/frame/own_sidebar.html", choices=_choices(current_user()), hidden=hidden_links())


@bp.post("/settings/sidebar")
@signed_in
def choose() -> Response:
    """Hides every link that was not selected; with `all`, shows them all again."""
    me = current_user()
    shown = SIDEBAR if "all" in request.form else request.form.getlist("shown")
    hide_links(me, [name for name in _choices(me) if name not in shown])
    return redirect(url_for(".own_sidebar"), _("Saved."))


def _links(me: User) -> list[SidebarLink]:
    return NAVIGATION.get().sidebar(partial(may, me))


def _choices(me: User) -> dict[str, str]:
    """Returns the title of each link that this person can have, by its name."""
    titles = {link.name: link.title for link in _links(me)}
    return {name: titles.get(name, name) for name in SIDEBAR if name in titles or name in ("New chat", "Search")}
