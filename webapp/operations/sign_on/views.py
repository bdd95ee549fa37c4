"""/admin/sign-on: the providers that people sign in at, and whether passwords do, too."""

from flask import Blueprint, Response, url_for

from webapp.base.changes import access_changed
from webapp.base.languages import gettext as _
from webapp.base.words import plural
from webapp.models.upstream.sign_in import SignInFailed
from webapp.operations.sign_on import service, sign_ins
from webapp.operations.sign_on.forms import ProviderForm
from webapp.operations.sign_on.service import provider
from webapp.people.accounts.guards import admin_only, audit_author, own_address
from webapp.settings.forms import SettingsForm
from webapp.web.htmx import redirect, render

bp = Blueprint("sign_on", __name__, url_prefix="/admin/sign-on")


@bp.get("")
@admin_only
def index() -> Response:
    return _index()


@bp.post("")
@admin_only
def update() -> Response:
    form = SettingsForm(bp.url_prefix or "")
    if form.wrong:
        return _index(form, status=422)
    return redirect(url_for(".index"), form.save(author=audit_author()))


@bp.get("/new")
@admin_only
def new() -> Response:
    return ProviderForm.fresh(signs_out=True, is_enabled=True).shown("operations/sign_on/new.html")


@bp.post("/new")
@admin_only
def create() -> Response:
    form = ProviderForm.opened()
    with form.attempt():
        row = service.add(form.entered, author=audit_author())
        return redirect(url_for(".show", id=row.id), _("Added. Enter its addresses below at the provider, then test it."))
    return form.shown("operations/sign_on/new.html")


@bp.get("/<id>")
@admin_only
def show(id: str) -> Response:
    return _page(id, ProviderForm.for_provider(provider(id)))


@bp.post("/<id>")
@admin_only
def change(id: str) -> Response:
    form = ProviderForm.opened().with_stored(provider(id))
    with form.attempt():
        service.change(id, form.entered, author=audit_author())
        return redirect(url_for(".show", id=id), _("Saved."))
    return _page(id, form)


@bp.post("/<id>/test")
@admin_only
def test(id: str) -> Response:
    try:
        count = service.test(id)
    except SignInFailed as failure:
        return _page(id, ProviderForm.for_provider(provider(id)), trouble=failure.message)
    words = f"It replies, and has {plural(count, 'key')}. Now sign in with it, in another browser."
    return redirect(url_for(".show", id=id), words)


@bp.post("/<id>/delete")
@admin_only
def delete(id: str) -> Response:
    service.delete(id, author=audit_author())
    return redirect(url_for(".index"), _("Deleted. Everyone who signed in with it has been signed out."))


@bp.post("/identities/<id>/remove")
@admin_only
def disconnect(id: str) -> Response:
    person = sign_ins.person_of(id)
    person_id = person.id
    sign_ins.disconnect(person, id, author=audit_author())
    access_changed(person_id)
    return redirect(url_for("people.show", id=person_id), _("Disconnected and signed out wherever it was used."))


def addresses(id: str) -> dict[str, str]:
    """Returns what is entered at a provider."""
    paths = {
        "Redirect URI": url_for("sign_ins.come_back", id=id),
        "Back-channel logout": url_for("sign_ins.log_out", id=id),
        "After signing out": url_for("accounts.login"),
    }
    return {words: own_address(path) for words, path in paths.items()}


def _index(form: SettingsForm | None = None, *, status: int = 200) -> Response:
    form = form or SettingsForm(bp.url_prefix or "")
    return render("operations/sign_on/index.html", status=status, form=form, providers=service.providers())


def _page(id: str, form: ProviderForm, *, trouble: str = "") -> Response:
    return form.shown("operations/sign_on/show.html", provider=provider(id), addresses=addresses(id), trouble=trouble)
