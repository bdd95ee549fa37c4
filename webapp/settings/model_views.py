"""Models: what there is, what it costs, and which of it people are offered."""

from functools import partial

from flask import Blueprint, Response, flash, request, url_for

from webapp.counts import plural
from webapp.errors import Conflict
from webapp.generations.models import DEMO, providers
from webapp.providers.base import Model
from webapp.settings import connections, proposal, shown
from webapp.settings.connection_views import who
from webapp.settings.forms import ModelsForm
from webapp.settings.service import meant, set_settings, setting
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
        form.check(default=partial(meant, "models.default"), fallbacks=partial(meant, "models.fallbacks"))
        set_settings({"models.default": form.default.data or "", "models.fallbacks": form.fallbacks.data or ""}, **who())
        return _saved("Saved.")
    return _page(form)


@bp.post("/allowed")
@admin_only
def allow() -> Response:
    """Ticks count for the models that were shown; all others stay as they were, unless every model is wanted."""
    was_shown, ticked = request.form.getlist("shown"), request.form.getlist("allowed")
    kept = [each for each in setting("models.allowed") if each not in was_shown and "every" not in request.form]
    allowed = list(dict.fromkeys([*kept, *ticked]))
    set_settings({"models.allowed": "\n".join(allowed)}, **who())
    return _saved(f"{len(allowed)} may be chosen." if allowed else "All models may be chosen.")


@bp.post("/refresh")
@admin_only
def refresh() -> Response:
    counts = []
    for each in [each for each in providers().connections() if each.is_usable]:
        counts.append(connections.refresh(each.slug, partial(providers().provider, each.slug), **who()))
    if not counts:
        raise Conflict("There is no connection yet that could list its models.")
    return _saved(f"{plural(sum(counts), 'model')} listed.")


def _saved(words: str) -> Response:
    providers().forget()
    flash(words)
    return redirect(url_for(".index"))


def _page(form: ModelsForm) -> Response:
    providers().forget()
    query, allowed, missing = request.args.get("q", "").strip(), setting("models.allowed"), _missing()
    models = [*providers().listed(), *providers().unlisted()]
    gone = [Model(name, name) for name in missing if name in allowed]
    found = sorted((each for each in (*gone, *models) if _matches(each, query)), key=lambda each: each.id not in allowed)
    return form.shown(
        "admin/models.html",
        models=found[:MOST_SHOWN],
        rest_count=len(found) - len(found[:MOST_SHOWN]),
        all_models=models,
        allowed_count=sum(each.id in allowed for each in models),
        allowed=allowed,
        missing=missing,
        is_proposed=proposal.is_in_effect(),
        streams=setting("stream.enabled"),
        query=query,
        price=shown.price,
        read_at=min((each.models_at for each in providers().connections() if each.is_usable and each.models_at), default=None),
        default_in_effect=providers().default(),
    )


def _missing() -> list[str]:
    """What the settings name and its connection does not list."""
    named = dict.fromkeys((setting("models.default"), *setting("models.fallbacks"), *setting("models.allowed")))
    return [name for name in named if name and not name.startswith(DEMO) and providers().is_missing(name)]


def _matches(model: Model, query: str) -> bool:
    text = f"{model.id} {model.name}".lower()
    return all(word in text for word in query.lower().split())
