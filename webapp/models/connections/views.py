"""/admin/connections: the list of connections, and the page of each."""

from collections.abc import Sequence
from functools import partial

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.models.connections import keys, listing, own, service as connections, shown, usual_servers
from webapp.models.connections.cache import the_connections
from webapp.models.connections.forms import ConnectionForm, NewConnectionForm
from webapp.models.connections.local_servers import LOCAL_SERVERS, FoundServer
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.people.accounts.guards import admin_only, audit_author
from webapp.settings.service import setting
from webapp.web.htmx import redirect, render

bp = Blueprint("connections", __name__, url_prefix="/admin/connections")
# Every admin page warns about refused keys.
bp.add_app_template_global(shown.refused_connections)


@bp.get("")
@admin_only
def index() -> Response:
    the_connections().forget()
    lines = [shown.connection(connection) for connection in the_connections().team()]
    return render("models/connections.html", connections=lines, found_servers=LOCAL_SERVERS.get().first_look())


@bp.get("/new")
@admin_only
def new() -> Response:
    usual = usual_servers.BY_SLUG.get(request.args.get("server", ""))
    if usual and usual.kind == keys.BUILT_IN:
        return redirect(url_for(".edit", slug=keys.BUILT_IN))
    return _new_page(NewConnectionForm.starting(usual))


@bp.post("")
@admin_only
def create() -> Response:
    form, kind = NewConnectionForm(), request.form.get("kind", "")
    with form.attempt():
        if "anyway" in request.form:
            slug = connections.create(kind, form.entered, author=audit_author())
            return _saved(slug, _("Connection added. Test it to make its models available."))
        slug = connections.add(kind, form.entered, providers().candidate, author=audit_author())
        return _saved(slug, _("Connection added. Its models are now available."))
    return _new_page(form)


@bp.post("/search")
@admin_only
def search() -> Response:
    return _new_page(NewConnectionForm.starting(None), neighbours=LOCAL_SERVERS.get().search())


@bp.get("/<slug>")
@admin_only
def edit(slug: str) -> Response:
    return _page(slug, ConnectionForm())


@bp.post("/<slug>")
@admin_only
def update(slug: str) -> Response:
    form = ConnectionForm()
    with form.attempt():
        connections.change(slug, form.entered, author=audit_author())
        if "test" in request.form:
            return test(slug)
        return _saved(slug, _("Saved. Now test the key.") if form.entered.key else _("Saved."))
    return _page(slug, form)


@bp.post("/<slug>/test")
@admin_only
def test(slug: str) -> Response:
    connections.check(slug, partial(providers().provider, slug), author=audit_author())
    return _saved(slug)


@bp.post("/<slug>/on")
@admin_only
def enable(slug: str) -> Response:
    connections.set_enabled(slug, True, author=audit_author())
    return _saved(slug, _("Turned on."))


@bp.post("/<slug>/off")
@admin_only
def disable(slug: str) -> Response:
    connections.set_enabled(slug, False, author=audit_author())
    return _saved(slug, _("Turned off. Its settings are kept, but its models aren't available."))


@bp.post("/<slug>/offer")
@admin_only
def offer(slug: str) -> Response:
    """Offers the connection's server for people's own keys, or with an empty `is_offered` no longer."""
    is_offered = bool(request.form.get("is_offered"))
    connections.offer(slug, is_offered=is_offered, author=audit_author())
    words = _("Personal keys allowed.") if is_offered else _("Personal keys are no longer used for this server.")
    return _saved(slug, words)


@bp.get("/<slug>/forget")
@admin_only
def ask_to_forget_key(slug: str) -> Response:
    return _question(slug, is_key=True)


@bp.post("/<slug>/forget")
@admin_only
def forget_key(slug: str) -> Response:
    connections.forget_key(slug, author=audit_author())
    return _saved(slug, _("Key deleted."))


@bp.get("/<slug>/delete")
@admin_only
def ask_to_delete(slug: str) -> Response:
    return _question(slug, is_key=False)


@bp.post("/<slug>/delete")
@admin_only
def delete(slug: str) -> Response:
    connections.delete(slug, author=audit_author())
    the_connections().forget()
    return redirect(url_for(".index"), _("Connection and key deleted."))


def _saved(slug: str, words: str = "") -> Response:
    the_connections().forget()
    return redirect(url_for(".edit", slug=slug), words)


def _question(slug: str, *, is_key: bool) -> Response:
    the_connections().forget()
    return render("models/connection_delete.html", live=the_connections().connection(slug), is_key=is_key)


def _new_page(form: NewConnectionForm, neighbours: Sequence[FoundServer] | None = None) -> Response:
    is_unanswered = isinstance(form.refusal, connections.ConnectionNotAnswering)
    return form.about_key().shown(
        "models/connection_new.html", servers=usual_servers, neighbours=neighbours, is_unanswered=is_unanswered
    )


def _page(slug: str, form: ConnectionForm) -> Response:
    the_connections().forget()
    live = the_connections().connection(slug)
    return form.about(live, the_models().starting_model(live)).shown(
        "models/connection.html",
        live=live,
        line=shown.connection(live),
        key_words=shown.key_words(live),
        has_own_keys=setting(own.SETTING) != own.OFF,
        left_out=listing.left_out_text(live.left_out),
        left_out_hint=listing.HINT,
    )
