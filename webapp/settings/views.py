"""Settings: what people prefer for themselves, and the pages on which admins set things for all."""

from flask import Blueprint, Response, flash, url_for

from webapp.errors import Invalid
from webapp.generations.models import providers
from webapp.settings import connection_views, key_views, model_views, setting_views
from webapp.settings.forms import PreferencesForm, options
from webapp.settings.preferences import set_preferences
from webapp.web.guards import admin_only, current_user, signed_in
from webapp.web.htmx import redirect

bp = Blueprint("settings", __name__)
for inner in (connection_views.bp, key_views.bp, model_views.bp, setting_views.bp):
    bp.register_blueprint(inner)


@bp.get("/admin")
@admin_only
def admin() -> Response:
    return redirect(url_for(".connections.index"))


@bp.get("/settings")
@signed_in
def own() -> Response:
    me, form = current_user(), PreferencesForm()
    form.theme.data, form.default_model.data, form.instructions.data = me.theme, me.default_model, me.instructions
    return _page(form)


@bp.post("/settings")
@signed_in
def update_own() -> Response:
    form = PreferencesForm()
    with form.attempt():
        model = form.default_model.data or ""
        if model and not providers().is_choosable(model):
            raise Invalid("That model cannot be chosen any more.", field="default_model")
        theme, instructions = form.theme.data or "", form.instructions.data or ""
        set_preferences(current_user(), theme=theme, default_model=model, instructions=instructions)
        flash("Saved.")
        return redirect(url_for(".own"))
    return _page(form)


def _page(form: PreferencesForm) -> Response:
    team = providers().default()
    offered = {each.id: each.name for each in providers().offered()}
    form.default_model.choices = options({"": f"The team's: {offered.get(team, team)}" if team else "The team's", **offered})
    return form.shown("settings/own.html")
