"""/admin/tools: the tools there are, where the web is searched, and how far answers go with tools."""

from flask import Blueprint, Response, url_for
from wtforms import PasswordField

from webapp.engine.engine import the_engine
from webapp.people.accounts.guards import admin_only, audit_author
from webapp.settings.forms import SettingsForm
from webapp.streaming.stop import Stop
from webapp.tools import search_connections
from webapp.tools.offers import built_in_tools
from webapp.tools.policies import policies_for
from webapp.tools.tool import ToolFailed
from webapp.web.forms import Form
from webapp.web.htmx import redirect, render

bp = Blueprint("tools", __name__, url_prefix="/admin/tools")
TRIED = "water mill"


class KeyForm(Form):
    key = PasswordField("Key", render_kw={"autocomplete": "new-password", "required": True, "maxlength": 500})


@bp.get("")
@admin_only
def index() -> Response:
    return _page()


@bp.post("")
@admin_only
def update() -> Response:
    form = SettingsForm(bp.url_prefix or "")
    if form.wrong:
        return _page(form, status=422)
    return _done(form.save(author=audit_author()))


@bp.post("/key")
@admin_only
def enter_key() -> Response:
    form = KeyForm.opened()
    with form.attempt():
        search_connections.set_key((form.key.data or "").strip(), author=audit_author())
        return _done("Key saved.")
    return _page(key_form=form, status=422)


@bp.post("/key/delete")
@admin_only
def delete_key() -> Response:
    search_connections.forget_key(author=audit_author())
    return _done("Key deleted.")


@bp.post("/test")
@admin_only
def test() -> Response:
    """Searches for something, and shows what is found or why nothing is."""
    try:
        hits = search_connections.search(TRIED, 3, stop=Stop(the_engine().signal))
    except ToolFailed as failure:
        return _page(trouble=failure.message)
    return _page(hits=[hit.title for hit in hits])


def _done(words: str) -> Response:
    return redirect(url_for(".index"), words)


def _page(
    form: SettingsForm | None = None,
    *,
    key_form: KeyForm | None = None,
    trouble: str = "",
    hits: list[str] | None = None,
    status: int = 200,
) -> Response:
    tools = built_in_tools()
    return render(
        "tools/index.html",
        status=status,
        form=form or SettingsForm(bp.url_prefix or ""),
        key_form=key_form or KeyForm.fresh(),
        has_key=bool(search_connections.stored()),
        tools=tools.values(),
        web_search=tools["search_web"],
        policies=policies_for(None),
        trouble=trouble,
        hits=hits,
        tried=TRIED,
    )
