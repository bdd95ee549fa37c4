"""/admin/models: available models, their prices, and which of them people can choose."""

from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Conflict, NotFound
from webapp.base.languages import gettext as _, ngettext
from webapp.models.connections import contexts, naming, own_names, service as connections, shown, suggested_models
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import is_own
from webapp.models.connections.forms import ModelForm
from webapp.models.connections.listing import named_in_settings
from webapp.models.connections.models import matching, the_models
from webapp.models.connections.naming import DEMO
from webapp.models.connections.providers import providers
from webapp.models.makers import Maker, maker_named
from webapp.models.providers.base import Model
from webapp.people.accounts.guards import admin_only, audit_author
from webapp.settings.forms import SettingsForm
from webapp.settings.service import set_settings, setting
from webapp.web.htmx import redirect, render

bp = Blueprint("models", __name__, url_prefix="/admin/models")
# A longer list is searched rather than scrolled.
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A chosen model as people read it, whether it is listed or not."""

    id: str
    name: str
    maker: Maker | None


@bp.app_template_global()
def shown_model(id: str, field: str = "") -> ModelChoice:
    """Returns a model as people read it, or what the field has in its place."""
    if words := shown.NO_MODEL.get(field, {}).get(id):
        return ModelChoice(id, _(words), None)
    return ModelChoice(id, the_models().display_name(id), maker_named(the_models().maker(id)))


@bp.get("")
@admin_only
def index() -> Response:
    return _page(SettingsForm(bp.url_prefix or ""))


@bp.post("")
@admin_only
def update() -> Response:
    form = SettingsForm(bp.url_prefix or "")
    if form.is_sorting:
        return _page(form)
    return _page(form, status=422) if form.wrong else _saved(form.save(author=audit_author()))


@bp.post("/allowed")
@admin_only
def allow() -> Response:
    """Applies the checkboxes to the models that were shown; other models keep their state unless every model is allowed."""
    was_shown, ticked = request.form.getlist("shown"), request.form.getlist("allowed")
    others = [name for name in setting("models.allowed") if name not in was_shown and "every" not in request.form]
    added = request.form.get("added", "").strip()
    allowed = list(dict.fromkeys([*others, *ticked, *filter(None, [added])]))
    set_settings({"models.allowed": "\n".join(allowed)}, author=audit_author())
    return _saved(
        ngettext("%(num)s model available.", "%(num)s models available.", len(allowed))
        if allowed
        else _("All models are available.")
    )


@bp.get("/model")
@admin_only
def show() -> Response:
    model = _listed(request.args.get("id", ""))
    entered = {"name": the_connections().built_in().own_names.get(model.id, ""), "context_length": contexts.given(model.id)}
    return _model_page(model, ModelForm.fresh(**entered))


@bp.post("/model")
@admin_only
def rename() -> Response:
    model, form = _listed(request.values.get("id", "")), ModelForm()
    with form.attempt():
        entered = form.entered
        had_name = model.id in the_connections().built_in().own_names
        own_names.rename(model.id, entered, author=audit_author())
        contexts.give(model.id, entered.context_length, author=audit_author())
        return _saved(_("The model's name was reset.") if had_name and not entered.name else _("Saved."))
    return _model_page(model, form)


@bp.post("/refresh")
@admin_only
def refresh() -> Response:
    counts = []
    for connection in the_connections().usable():
        counts.append(connections.refresh(connection.slug, partial(providers().provider, connection.slug), author=audit_author()))
    if not counts:
        raise Conflict("No connection can list models yet.")
    return _saved(ngettext("%(num)s model listed.", "%(num)s models listed.", sum(counts)))


def _listed(id: str) -> Model:
    the_connections().forget()
    if not is_own(id) and (model := the_models().model(id)):
        return model
    raise NotFound("That model no longer exists.")


def _model_page(model: Model, form: ModelForm) -> Response:
    server = the_connections().of_model(model.id)
    form.name.render_kw = {**(form.name.render_kw or {}), "placeholder": the_models().usual_name(model.id)}
    return form.shown(
        "models/model.html",
        model=model,
        maker=maker_named(model.maker),
        exact=shown.exact(model, server),
        abilities=shown.abilities(model),
        price=shown.price_words(model, server),
    )


def _saved(words: str) -> Response:
    the_connections().forget()
    return redirect(url_for(".index"), words)


def _page(form: SettingsForm, *, status: int = 200) -> Response:
    the_connections().forget()
    query, allowed, missing = request.args.get("q", "").strip(), setting("models.allowed"), _missing()
    models = [*the_models().listed(), *the_models().unlisted()]
    gone = [Model(name, name) for name in missing if name in allowed]
    is_allowed = frozenset(allowed)
    matches = sorted(matching((*gone, *models), query), key=lambda model: model.id not in is_allowed)
    return render(
        "models/models.html",
        status=status,
        form=form,
        models=matches[:MOST_SHOWN],
        rest_count=len(matches) - len(matches[:MOST_SHOWN]),
        all_models=models,
        allowed_count=sum(model.id in is_allowed for model in models),
        allowed=allowed,
        missing=missing,
        left_out=sum(connection.left_out for connection in the_connections().usable()),
        is_proposed=suggested_models.is_in_effect(),
        streams=setting("stream.enabled"),
        query=query,
        price=shown.price,
        maker_named=maker_named,
        read_at=min(
            (connection.models_at for connection in the_connections().usable() if connection.models_at),
            default=None,
        ),
        placeholders={"models.default": the_models().default()},
    )


def _missing() -> list[str]:
    """Returns the models that settings name, but that their connection does not list."""
    named = dict.fromkeys(named_in_settings())
    return [name for name in named if name and not name.startswith(DEMO) and naming.is_missing(name, the_connections().team())]
