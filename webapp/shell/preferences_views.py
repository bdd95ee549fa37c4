"""/settings: a person's preferences."""

from flask import Blueprint, Response, request, url_for
from wtforms import BooleanField, RadioField, SelectField, TextAreaField

from webapp.base.errors import Invalid
from webapp.models.connections.models import candidates, providers
from webapp.people.accounts.guards import came_from, current_user, signed_in
from webapp.people.preferences import (
    ACCENTS,
    CHOICES,
    CONTRASTS,
    DENSITIES,
    FONTS,
    LOOKS,
    MOST_CHARS,
    SEND_KEYS,
    SPEECH,
    TEXT_SIZES,
    THEMES,
    count_reading,
    remember,
    set_look,
    set_preferences,
)
from webapp.settings.service import setting
from webapp.web.forms import Form, options
from webapp.web.htmx import done, redirect
from webapp.web.pick_field import PickField

bp = Blueprint("preferences", __name__)


class PreferencesForm(Form):
    theme = RadioField("Theme", choices=options(THEMES), validate_choice=False, default="")
    accent = RadioField("Accent color", choices=options(ACCENTS), validate_choice=False, default="")
    contrast = RadioField("Contrast", choices=options(CONTRASTS), validate_choice=False, default="")
    font = RadioField("Font of answers", choices=options(FONTS), validate_choice=False, default="")
    text_size = RadioField("Text size", choices=options(TEXT_SIZES), validate_choice=False, default="")
    density = RadioField("Density", choices=options(DENSITIES), validate_choice=False, default="")
    speech = SelectField("Quoted speech of characters", choices=options(SPEECH), validate_choice=False, default="")
    default_model = PickField("Model for new chats", choices=[], validate_choice=False)
    send_key = SelectField(
        "Send messages with",
        choices=options(SEND_KEYS),
        validate_choice=False,
        default="enter",
        description="The other one starts a new line. On a phone, Enter always starts a new line.",
    )
    remembers = BooleanField("Conversation memory: let new chats quote answers of my earlier chats")
    is_reading_counted = BooleanField("Count how long I look at answers")
    instructions = TextAreaField(
        "Custom instructions",
        default="",
        description=f"Included in every chat, up to {MOST_CHARS:,} characters: who you are, and how you want answers.",
        render_kw={"rows": 6, "dir": "auto"},
    )


@bp.get("/settings")
@signed_in
def own() -> Response:
    me, form = current_user(), _offering(PreferencesForm())
    for name in ("default_model", "instructions", *CHOICES):
        form[name].data = getattr(me, name)
    form.remembers.data, form.is_reading_counted.data = bool(me.remembers_since), me.is_reading_counted
    return _page(form)


@bp.post("/settings")
@signed_in
def update_own() -> Response:
    form = _offering(PreferencesForm())
    with form.attempt():
        model = form.default_model.chosen
        if model and not providers().is_choosable(model):
            raise Invalid("That model is no longer available.", field="default_model")
        chosen = {name: form[name].data or form[name].default or "" for name in CHOICES}
        set_preferences(current_user(), default_model=model, instructions=form.instructions.data or "", **chosen)
        remember(current_user(), wants=bool(form.remembers.data))
        count_reading(current_user(), wants=bool(form.is_reading_counted.data))
        return redirect(url_for(".own"), "Saved.")
    return _page(form)


@bp.post("/settings/theme")
@signed_in
def set_theme() -> Response:
    set_look(current_user(), theme=request.form.get("theme", ""))
    return redirect(came_from())


@bp.post("/settings/look")
@signed_in
def update_look() -> Response:
    set_look(current_user(), **{name: request.form[name] for name in LOOKS if name in request.form})
    return done(url_for(".own"))


def _page(form: PreferencesForm) -> Response:
    return form.shown("shell/own_settings.html", are_assistants_remembered=setting("prompts.assistant_memory"))


def _offering(form: PreferencesForm) -> PreferencesForm:
    team = providers().default()
    own = f"Last used, or the team's: {providers().display_name(team)}" if team else "Last used"
    form.default_model.offering(candidates, [("", own)])
    return form
