"""/settings/connections: a person's own connections, which no one else sees, uses or pays for."""

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.models.connections import queries, shown, usual_servers
from webapp.models.connections.cache import the_connections
from webapp.models.connections.forms import ConnectionForm
from webapp.models.connections.own import OFF, SETTING
from webapp.models.connections.service import ConnectionNotAnswering
from webapp.models.own_connections import service
from webapp.models.own_connections.forms import NewOwnConnectionForm
from webapp.people.accounts.guards import audit_author, current_user, signed_in
from webapp.settings.service import setting
from webapp.web.htmx import redirect, render

bp = Blueprint("own_connections", __name__, url_prefix="/settings/connections")
# The page of a person says that they have some.
bp.add_app_template_global(queries.own_count, "own_connection_count")


@bp.get("")
@signed_in
def index() -> Response:
    the_connections().forget()
    mine = [models.live for models in the_connections().own.of_person(current_user().id)]
    return render(
        "models/own/list.html",
        connections=[(shown.connection(live), the_connections().own.closed_because(live)) for live in mine],
        is_off=setting(SETTING) == OFF,
        may_add=bool(service.offered_servers()) or service.may_have_servers(),
    )


@bp.get("/new")
@signed_in
def new() -> Response:
    offered = {server.slug: server for server in service.offered_servers()}
    if server := offered.get(request.args.get("offered", "")):
        return _new_page(NewOwnConnectionForm.for_offered(server))
    usual = usual_servers.BY_SLUG.get(request.args.get("server", ""))
    if not usual and offered and "server" not in request.args:
        return _new_page(NewOwnConnectionForm.for_offered(next(iter(offered.values()))))
    return _new_page(NewOwnConnectionForm.starting(usual))


@bp.post("")
@signed_in
def create() -> Response:
    form, kind = NewOwnConnectionForm(), request.form.get("kind", "")
    with form.attempt():
        slug = service.add(kind, form.own, author=audit_author())
        return _to(slug, _("Connection added. Its models are now in your model list."))
    return _new_page(form)


@bp.get("/<slug>")
@signed_in
def edit(slug: str) -> Response:
    return _page(slug, ConnectionForm())


@bp.post("/<slug>")
@signed_in
def update(slug: str) -> Response:
    service.mine(slug, current_user().id)
    form = ConnectionForm()
    with form.attempt():
        service.change(slug, form.entered, author=audit_author())
        if "test" in request.form:
            return test(slug)
        return _to(slug, _("Saved. Now test the key.") if form.entered.key else _("Saved."))
    return _page(slug, form)


@bp.post("/<slug>/test")
@signed_in
def test(slug: str) -> Response:
    service.check(slug, author=audit_author())
    return _to(slug)


@bp.post("/<slug>/on")
@signed_in
def enable(slug: str) -> Response:
    service.set_enabled(slug, True, author=audit_author())
    return _to(slug, _("Turned on."))


@bp.post("/<slug>/off")
@signed_in
def disable(slug: str) -> Response:
    service.set_enabled(slug, False, author=audit_author())
    return _to(slug, _("Turned off. Its settings are kept, but its models aren't available."))


@bp.get("/<slug>/delete")
@signed_in
def ask_to_delete(slug: str) -> Response:
    return render("models/own/delete.html", live=service.mine(slug, current_user().id))


@bp.post("/<slug>/delete")
@signed_in
def delete(slug: str) -> Response:
    service.delete(slug, author=audit_author())
    return redirect(url_for(".index"), _("Connection and key deleted."))


def _to(slug: str, words: str = "") -> Response:
    return redirect(url_for(".edit", slug=slug), words)


def _new_page(form: NewOwnConnectionForm) -> Response:
    return form.ready().shown(
        "models/own/new.html",
        offered=service.offered_servers(),
        servers=usual_servers.PROVIDERS if service.may_have_servers() else (),
        is_unanswered=isinstance(form.refusal, ConnectionNotAnswering),
    )


def _page(slug: str, form: ConnectionForm) -> Response:
    live = service.mine(slug, current_user().id)
    return form.about(live, live.starting_model).shown(
        "models/own/show.html",
        live=live,
        line=shown.connection(live),
        closed=the_connections().own.closed_because(live),
        key_words=shown.key_words(live),
        most_models=service.MOST_MODELS,
    )
