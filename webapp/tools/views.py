"""/admin/tools: the tools there are and what each may do, where the web is searched, and how far answers go with tools."""

from flask import Blueprint, Response, request, url_for
from wtforms import PasswordField

from webapp.base.languages import gettext as _
from webapp.engine.engine import the_engine
from webapp.people.accounts.guards import admin_only, audit_author, found
from webapp.settings.forms import SettingsForm
from webapp.settings.service import setting
from webapp.streaming.stop import Stop
from webapp.tools import search_connections, service, shown
from webapp.tools.built_in import python_install
from webapp.tools.offers import built_in_tools
from webapp.tools.tool import ToolFailed
from webapp.web.forms import Form
from webapp.web.htmx import redirect, render

bp = Blueprint("tools", __name__, url_prefix="/admin/tools")
WEB, PICTURES = "/admin/tools/web", "/admin/tools/pictures"
TRIED = "water mill"


class KeyForm(Form):
    """An empty key leaves the stored one."""

    key = PasswordField(
        "Key",
        description="Stored encrypted, and only ever sent to the service above.",
        render_kw={"autocomplete": "new-password", "maxlength": 500},
    )


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
    return redirect(url_for(".index"), form.save(author=audit_author()))


@bp.post("/switch")
@admin_only
def switch() -> Response:
    """Turns the tools of a group on, as they usually are, or off."""
    tools = found(shown.tools_in(request.form.get("group", "")) or None)
    service.switch(tools, is_on=bool(request.form.get("on")), author=audit_author())
    return redirect(url_for(".index"))


@bp.post("/choose")
@admin_only
def choose() -> Response:
    """Decides about one tool, of those that come with Millrace."""
    tool = found(built_in_tools().get(request.form.get("key", "")))
    service.choose(tool, service.policy_in(request.form.get("policy", ""), "policy"), author=audit_author())
    return redirect(url_for(".index"))


@bp.post("/python")
@admin_only
def install_python() -> Response:
    python_install.install(author=audit_author())
    return redirect(url_for(".index"), _("Installed. Models can run Python now."))


@bp.get("/web")
@admin_only
def web() -> Response:
    return _web_page()


@bp.post("/web")
@admin_only
def update_web() -> Response:
    """Saves which service is asked and its key, and searches for something there."""
    form, key_form = SettingsForm(WEB), KeyForm.opened()
    if form.wrong:
        return _web_page(form, key_form, status=422)
    with key_form.attempt():
        before = search_connections.chosen()
        words = form.save(author=audit_author())
        search_connections.leave_address(before, author=audit_author())
        if key := (key_form.key.data or "").strip():
            search_connections.set_key(key, author=audit_author())
        return redirect(url_for(".web"), _found() if setting(search_connections.KIND) != "none" else words)
    return _web_page(form, key_form, status=422)


@bp.post("/web/key/delete")
@admin_only
def delete_key() -> Response:
    search_connections.forget_key(author=audit_author())
    return redirect(url_for(".web"), _("Key deleted."))


@bp.get("/pictures")
@admin_only
def pictures() -> Response:
    return _pictures_page(SettingsForm(PICTURES))


@bp.post("/pictures")
@admin_only
def update_pictures() -> Response:
    form = SettingsForm(PICTURES)
    if form.wrong:
        return _pictures_page(form, status=422)
    return redirect(url_for(".pictures"), form.save(author=audit_author()))


def _found() -> str:
    """Searches for something, and says what was found or why nothing was."""
    try:
        hits = search_connections.search(TRIED, 3, stop=Stop(the_engine().signal))
    except ToolFailed as failure:
        return _("Saved, but a test failed: %(why)s", why=_(failure.message))
    if not hits:
        return _("Saved. A test search for “%(words)s” found nothing.", words=TRIED)
    return _(
        "Saved, and it works. A test search for “%(words)s” found: %(titles)s",
        words=TRIED,
        titles=" · ".join(hit.title for hit in hits),
    )


def _page(form: SettingsForm | None = None, *, status: int = 200) -> Response:
    form = form or SettingsForm(bp.url_prefix or "")
    return render(
        "tools/index.html",
        status=status,
        form=form,
        is_open=bool(form.wrong or request.args.get("setting")),
        cards=shown.cards(),
        are_on=setting("tools.enabled"),
        most_calls=setting("tools.calls"),
        most_seconds=setting("tools.seconds"),
    )


def _web_page(form: SettingsForm | None = None, key_form: KeyForm | None = None, *, status: int = 200) -> Response:
    return render(
        "tools/web.html",
        status=status,
        form=form or SettingsForm(WEB),
        key_form=key_form or KeyForm.fresh(),
        has_key=bool(search_connections.stored()),
        kinds=search_connections.KINDS,
    )


def _pictures_page(form: SettingsForm, *, status: int = 200) -> Response:
    return render("tools/pictures.html", status=status, form=form, update_url=url_for(".update_pictures"))
