"""Connections: the list, and the page of each."""

from functools import partial

from flask import Blueprint, Response, current_app, flash, url_for

from webapp.accounts.audit import About
from webapp.generations.models import providers
from webapp.settings import connections, neighbour, shown
from webapp.settings.checklist import checklist, refused_connections
from webapp.settings.forms import ConnectionForm, NewConnectionForm
from webapp.settings.neighbour import Neighbour
from webapp.web.guards import admin_only, client_address, current_user
from webapp.web.htmx import redirect, render

bp = Blueprint("connections", __name__, url_prefix="/admin/connections")
# Every page of the administration says it.
bp.add_app_template_global(refused_connections)


def who() -> About:
    """Whose doing it is, for the audit log."""
    return About(actor=current_user(), address=client_address())


@bp.get("")
@admin_only
def index() -> Response:
    providers().forget()
    lines = [shown.connection(each) for each in providers().connections()]
    found = the_neighbour()
    models = () if neighbour.is_connected(found) else found.models()
    return render("admin/connections.html", connections=lines, neighbour=found, found_models=models)


@bp.get("/new")
@admin_only
def new() -> Response:
    return _new_page(NewConnectionForm())


@bp.post("")
@admin_only
def create() -> Response:
    form = NewConnectionForm()
    with form.attempt():
        slug = connections.create(form.kind.data or "", form.wish, **who())
        return _saved(slug, "Added. Test it, and its models can be chosen.")
    return _new_page(form)


@bp.post("/found")
@admin_only
def connect_found() -> Response:
    slug = neighbour.connect(the_neighbour(), **who())
    connections.check(slug, partial(providers().provider, slug), **who())
    return _saved(slug, "Connected. Its models can be chosen now.")


@bp.get("/<slug>")
@admin_only
def edit(slug: str) -> Response:
    return _page(slug, ConnectionForm())


@bp.post("/<slug>")
@admin_only
def update(slug: str) -> Response:
    form = ConnectionForm()
    with form.attempt():
        connections.change(slug, form.wish, **who())
        return _saved(slug, "Saved. Now test the key." if form.wish.key else "Saved.")
    return _page(slug, form)


@bp.post("/<slug>/test")
@admin_only
def test(slug: str) -> Response:
    connections.check(slug, partial(providers().provider, slug), **who())
    return _saved(slug)


@bp.post("/<slug>/on")
@admin_only
def enable(slug: str) -> Response:
    connections.set_enabled(slug, True, **who())
    return _saved(slug, "Switched on.")


@bp.post("/<slug>/off")
@admin_only
def disable(slug: str) -> Response:
    connections.set_enabled(slug, False, **who())
    return _saved(slug, "Switched off. Everything is kept, but its models cannot be chosen.")


@bp.post("/<slug>/forget")
@admin_only
def forget_key(slug: str) -> Response:
    connections.forget_key(slug, **who())
    return _saved(slug, "The stored key is deleted.")


@bp.post("/<slug>/delete")
@admin_only
def delete(slug: str) -> Response:
    connections.delete(slug, **who())
    providers().forget()
    flash("Deleted, with its key.")
    return redirect(url_for(".index"))


def the_neighbour() -> Neighbour:
    found: Neighbour = current_app.extensions.setdefault("neighbour", Neighbour(providers().upstream))
    return found


def _saved(slug: str, words: str = "") -> Response:
    providers().forget()
    if words:
        flash(words)
    return redirect(url_for(".edit", slug=slug))


def _new_page(form: NewConnectionForm) -> Response:
    return form.shown("admin/connection_new.html")


def _page(slug: str, form: ConnectionForm) -> Response:
    providers().forget()
    live = providers().connection(slug)
    known = next((each for each in live.models if each.id == live.starting_model), None)
    form.about(live, shown.model_line(known) if known else "")
    return form.shown(
        "admin/connection.html",
        live=live,
        line=shown.connection(live),
        key_words=shown.key_words(live),
        is_first=checklist(current_user()) is not None,
    )
