"""What the shell brings to the search over everything: pages, settings, and the look of pages."""

from functools import partial

from flask import url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.people.preferences import THEMES
from webapp.people.search import SearchHit, SearchQuery, SearchSource
from webapp.settings import search as settings_search
from webapp.web.feature import NAVIGATION
from webapp.web.navigation import GO_TO, NavEntry
from webapp.workspace.frame.preferences_views import PARTS, PreferencesForm
from webapp.workspace.frame.views import is_sidebar_hidden

MOST_SETTINGS, MOST_PAGES = 5, 6


def settings(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns a person's own settings and, for admins, those of the server."""
    if not query.words:
        return []
    form = PreferencesForm()
    own = [
        SearchHit(
            title=form[name].label.text,
            path=url_for("preferences.show", part=part, _anchor=form[name].id),
            icon="settings",
            detail=_("Your settings"),
        )
        for part, names in PARTS.items()
        for name in names
        if query.begins(form[name].label.text)
    ]
    servers = [
        SearchHit(title=_(setting.title), path=setting.url, icon="sliders-horizontal", detail=_(section))
        for section, setting in (settings_search.matching(query.text) if user.is_admin else ())
        # Not those that mention the words somewhere in their sentence, as the administration's own search does.
        if query.begins(_(setting.title), setting.title, section, setting.name.replace(".", " ").replace("_", " "))
    ]
    return [*own, *servers][:MOST_SETTINGS]


def pages(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns the pages for everyone."""
    return _pages(user, query, is_for_all=True)


def admin_pages(user: User, query: SearchQuery) -> list[SearchHit]:
    return _pages(user, query, is_for_all=False)


def looks(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns the other themes, and whether the sidebar is shown."""
    sidebar = _("Show the sidebar") if is_sidebar_hidden() else _("Hide the sidebar")
    themes = [
        SearchHit(
            title=_("%(name)s theme", name=_(name)),
            path=url_for("preferences.set_theme"),
            icon="settings",
            sends={"theme": theme},
        )
        for theme, name in THEMES.items()
        if theme != user.theme and query.begins(_(name), name, "theme color mode appearance")
    ]
    toggle = SearchHit(title=sidebar, path="/sidebar", icon="menu", sends={"show": "1" if is_sidebar_hidden() else "0"})
    return [*themes, *([toggle] if query.begins(sidebar) else [])]


def _pages(user: User, query: SearchQuery, *, is_for_all: bool) -> list[SearchHit]:
    """Returns pages by their names, then by their other search words."""
    groups = NAVIGATION.get().palette(partial(may, user))
    entries = [
        (heading, entry)
        for heading, group in groups.items()
        if (heading == GO_TO) is is_for_all
        for entry in group
        if query.begins(_(entry.title), entry.title, entry.also)
    ]
    entries.sort(key=lambda pair: not query.begins(_(pair[1].title)))
    return [
        SearchHit(title=_(entry.title), path=entry.path, icon=entry.icon, detail=_place(entry, heading))
        for heading, entry in entries[: MOST_PAGES if query.words else None]
    ]


def _place(entry: NavEntry, heading: str) -> str:
    """Returns where a page is, to tell it apart from others of its name."""
    return _("Your settings") if entry.is_own else "" if heading == GO_TO else _(heading)


SOURCES = (
    SearchSource(heading="Settings", rank=50, find=settings),
    SearchSource(heading="Actions", rank=62, find=looks),
    SearchSource(heading=GO_TO, rank=70, find=pages),
    SearchSource(heading="Administration", rank=80, find=admin_pages),
)
