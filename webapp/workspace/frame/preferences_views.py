"""/settings: a person's own settings in parts, with a page for each."""

from collections.abc import Mapping, Sequence
from functools import partial

from flask import Blueprint, Response, request, url_for
from wtforms import BooleanField, RadioField, SelectField, TextAreaField

from webapp.base import languages
from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.chat.facts import queries as fact_queries
from webapp.chat.facts.tables import Fact
from webapp.chat.record import projects
from webapp.models.connections.models import candidates, the_models
from webapp.models.presets import queries as preset_queries
from webapp.people.accounts.guards import came_from, current_user, found, signed_in
from webapp.people.accounts.permissions import may
from webapp.people.preferences import (
    ACCENTS,
    CHOICES,
    CONTRASTS,
    DENSITIES,
    FACTS,
    FONTS,
    LOOKS,
    MOST_CHARS,
    OFFLINE,
    SCROLLING,
    SEND_KEYS,
    SPEECH,
    TEXT_SIZES,
    THEMES,
    VOICES,
    WIDTHS,
    begin_with_preset,
    count_reading,
    remember,
    set_preferences,
)
from webapp.settings.service import setting
from webapp.web.feature import NAVIGATION
from webapp.web.forms import Form, options
from webapp.web.htmx import done, is_htmx, navigate, redirect, render
from webapp.web.navigation import NavEntry
from webapp.web.pick_field import PickField

bp = Blueprint("preferences", __name__)
# The fields of each part, by the last piece of its address.
PARTS: Mapping[str, Sequence[str]] = {
    "look": ("language", *LOOKS),
    "chats": ("default_preset_id", "default_model", "send_key", "scrolling", "speech", "voice", "offline"),
    "memory": ("instructions", "facts", "remembers", "is_reading_counted"),
}
# Of the page of what is remembered; all are on theirs.
MOST_FACTS = 10
# The choices that are columns of their person.
STORED = ("language", *CHOICES)


class OwnForm(Form):
    """A form of a person's own settings, whose fields can be reset one by one."""

    @property
    def changed(self) -> list[str]:
        """The fields whose value isn't their default."""
        return [field.name for field in self if (field.data or "") != (field.default or "")]

    def reset(self, name: str) -> None:
        """Gives a field its default."""
        if name in self:
            self[name].data = self[name].default


class PreferencesForm(OwnForm):
    language = SelectField("Language", choices=[], validate_choice=False, default="")
    theme = RadioField("Theme", choices=options(THEMES), validate_choice=False, default="")
    accent = RadioField("Accent color", choices=options(ACCENTS), validate_choice=False, default="")
    contrast = RadioField("Contrast", choices=options(CONTRASTS), validate_choice=False, default="")
    font = RadioField("Answer font", choices=options(FONTS), validate_choice=False, default="")
    text_size = RadioField("Text size", choices=options(TEXT_SIZES), validate_choice=False, default="")
    width = RadioField("Reading width", choices=options(WIDTHS), validate_choice=False, default="")
    density = RadioField("Density", choices=options(DENSITIES), validate_choice=False, default="")
    speech = SelectField("Character dialogue", choices=options(SPEECH), validate_choice=False, default="")
    default_preset_id = SelectField(
        "Preset for new chats",
        choices=[],
        validate_choice=False,
        default="",
        description="Without one, new chats start with the model below.",
    )
    default_model = PickField("Model for new chats", choices=[], validate_choice=False)
    send_key = SelectField(
        "Send messages with",
        choices=options(SEND_KEYS),
        validate_choice=False,
        default="enter",
        description="The other one starts a new line. On a phone, Enter always starts a new line.",
    )
    scrolling = SelectField("While an answer is being written", choices=options(SCROLLING), validate_choice=False, default="")
    voice = SelectField("Read aloud with", choices=options(VOICES), validate_choice=False, default="")
    offline = SelectField(
        "On my devices",
        choices=options(OFFLINE),
        validate_choice=False,
        default="",
        description="Read them offline and write messages that are sent later. Signing out deletes them.",
    )
    facts = SelectField("Facts from my messages", choices=options(FACTS), validate_choice=False, default="ask")
    remembers = BooleanField("Search over your chats: let new chats quote answers from my earlier chats")
    is_reading_counted = BooleanField("Share reading time for statistics", default=False)
    instructions = TextAreaField(
        "Custom instructions",
        default="",
        description=f"Included in every chat, up to {MOST_CHARS:,} characters: who you are, and how you want answers.",
        render_kw={"rows": 6, "dir": "auto"},
    )


def check_language(code: str) -> None:
    """Raises unless there is this language."""
    if code not in languages.codes():
        raise Invalid(f"Choose one of the languages: {', '.join(languages.codes())}.")


@bp.app_template_global()
def own_parts() -> list[NavEntry]:
    """Returns the parts of a person's own settings."""
    return NAVIGATION.get().own_parts(partial(may, current_user()))


@bp.get("/settings")
@signed_in
def own() -> Response:
    changed = _form().changed
    counts = {url_for(".show", part=part): sum(name in changed for name in names) for part, names in PARTS.items()}
    counts[url_for("shortcuts.show")] = len(current_user().keys)
    return render("workspace/frame/own_settings.html", counts=counts)


@bp.get("/settings/<part>")
@signed_in
def show(part: str) -> Response:
    found(PARTS.get(part))
    return _page(part, _form())


@bp.post("/settings/<part>")
@signed_in
def update(part: str) -> Response:
    """Saves a part; of its choices only those that are sent, as a look is stored as soon as it is chosen."""
    found(PARTS.get(part))
    form = _offering(PreferencesForm())
    form.reset(request.form.get("to_default", ""))
    with form.attempt():
        before = current_user().language
        _save(form, PARTS[part])
        here = url_for(".show", part=part)
        if current_user().language != before:
            return navigate(here)
        return done(here) if is_htmx() else redirect(here, _("Saved."))
    return _page(part, form)


@bp.post("/settings/theme")
@signed_in
def set_theme() -> Response:
    set_preferences(current_user(), theme=request.form.get("theme", ""))
    return redirect(came_from())


def _save(form: PreferencesForm, names: Sequence[str]) -> None:
    me = current_user()
    values = {name: form[name].data or form[name].default or "" for name in names if name in STORED and name in request.form}
    if "instructions" in names:
        values["instructions"] = form.instructions.data or ""
    if "default_model" in names:
        values["default_model"] = model = form.default_model.chosen
        if model and not the_models().is_choosable(model, current_user().id):
            raise Invalid("That model is no longer available.", field="default_model")
    if "default_preset_id" in names and "default_preset_id" in request.form:
        preset = preset_queries.SEEN_PRESETS.one(me, form.default_preset_id.data or "")
        begin_with_preset(me, preset.id if preset else "")
    set_preferences(current_user(), **values)
    if "remembers" in names:
        remember(current_user(), wants=bool(form.remembers.data))
    if "is_reading_counted" in names:
        count_reading(current_user(), wants=bool(form.is_reading_counted.data))


def _page(part: str, form: PreferencesForm) -> Response:
    facts = fact_queries.facts(current_user(), Fact.state == "kept", limit=MOST_FACTS) if part == "memory" else ()
    names = {project.id: project.name for project in projects.projects(current_user())} if facts else {}
    return form.shown(f"workspace/frame/own_{part}.html", part=part, facts=facts, names=names, **_around())


def _around() -> dict[str, bool]:
    return {"are_assistants_remembered": setting("prompts.assistant_memory"), "may_keep": setting("accounts.offline")}


def _form() -> PreferencesForm:
    """Returns the form with what this person has chosen."""
    me = current_user()
    names = ("default_preset_id", "default_model", "instructions", "is_reading_counted", *STORED)
    stored = {name: getattr(me, name) for name in names}
    return _offering(PreferencesForm.fresh(**stored, remembers=bool(me.remembers_since)))


def _offering(form: PreferencesForm) -> PreferencesForm:
    form.language.choices = options({"": _("Same as browser")} | languages.offered())
    team = the_models().default()
    own = _("Last used, or team default: %(model)s", model=the_models().display_name(team)) if team else _("Last used")
    form.default_model.offering(partial(candidates, person=current_user().id), [("", own)])
    names = {preset.id: preset.name for preset in preset_queries.SEEN_PRESETS.all(current_user())}
    form.default_preset_id.choices = options({"": _("None")} | names)
    return form
