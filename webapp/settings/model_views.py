"""Models: what there is, what it costs, and which of it people are offered."""

from functools import partial

from flask import Blueprint, Response, flash, request, url_for

from webapp.errors import Conflict, Invalid
from webapp.generations.models import providers
from webapp.providers.base import Model
from webapp.settings import connections, shown
from webapp.settings.connection_views import who
from webapp.settings.forms import ModelsForm
from webapp.settings.service import set_settings, setting
from webapp.web.guards import admin_only
from webapp.web.htmx import redirect

bp = Blueprint("models", __name__, url_prefix="/admin/models")
# A longer list is searched, not read.
MOST_SHOWN = 50


@bp.get("")
@admin_only
def index() -> Response:
    form = ModelsForm()
    form.default.data, form.fallbacks.data = setting("models.default"), "\n".join(setting("models.fallbacks"))
    return _page(form)


@bp.post("")
@admin_only
def update() -> Response:
    form = ModelsForm()
    with form.attempt():
        fallbacks = (form.fallbacks.data or "").split()
        _refuse_unknown([form.default.data or ""], "default")
        _refuse_unknown(fallbacks, "fallbacks")
        set_settings({"models.default": form.default.data or "", "models.fallbacks": "\n".join(fallbacks)}, **who())
        return _saved("Saved.")
    return _page(form)


@bp.post("/allowed")
@admin_only
def allow() -> Response:
    """Ticks count for the models that were shown; all others stay as they were."""
    was_shown, ticked = request.form.getlist("shown"), request.form.getlist("allowed")
    kept = [each for each in setting("models.allowed") if each not in was_shown]
    allowed = list(dict.fromkeys([*kept, *ticked]))
    set_settings({"models.allowed": "\n".join(allowed)}, **who())
    return _saved(f"{len(allowed)} may be chosen." if allowed else "All models may be chosen.")


@bp.post("/refresh")
@admin_only
def refresh() -> Response:
    counts = []
    for each in [each for each in providers().connections() if each.is_usable]:
        counts.append(connections.refresh(each.slug, partial(providers().provider, each.slug)))
    if not counts:
        raise Conflict("There is no connection yet that could list its models.")
    return _saved(f"{sum(counts)} models listed.")


def _refuse_unknown(names: list[str], field: str) -> None:
    for name in names:
        if name and not (name.startswith("demo/") or providers().is_known(name)):
            raise Invalid(f"No connection lists “{name[:80]}”. Refresh the list, or look at the spelling.", field=field)


def _saved(words: str) -> Response:
    providers().forget()
    flash(words)
    return redirect(url_for(".index"))


def _page(form: ModelsForm) -> Response:
    providers().forget()
    query, allowed = request.args.get("q", "").strip(), setting("models.allowed")
    models = providers().listed()
    found = sorted((each for each in models if _matches(each, query)), key=lambda each: each.id not in allowed)
    return form.shown(
        "admin/models.html",
        models=found[:MOST_SHOWN],
        rest_count=len(found) - len(found[:MOST_SHOWN]),
        all_models=models,
        allowed=allowed,
        query=query,
        price=shown.price,
        read_at=min((each.models_at for each in providers().connections() if each.is_usable and each.models_at), default=None),
        default_in_effect=providers().default(),
    )


def _matches(model: Model, query: str) -> bool:
    text = f"{model.id} {model.name}".lower()
    return all(word in text for word in query.lower().split())
