"""/characters: lists, shows, edits, imports and exports characters."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms import MultipleFileField

from webapp.base.heavy.turns import YieldingStream
from webapp.characters import exchange, profiles, queries, service, shown
from webapp.characters.forms import CharacterForm
from webapp.characters.tables import Character
from webapp.knowledge import queries as knowledge_queries
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.people.accounts.roles import may
from webapp.web.forms import Form
from webapp.web.htmx import done_message, is_htmx, redirect, render

bp = Blueprint("characters", __name__, url_prefix="/characters")
cards_bp = Blueprint("cards", __name__, url_prefix="/characters/import")
MOST_BYTES = 64 * 1024 * 1024
# The name of a field with the choice for one imported character, before its id.
CHOICE = "choice-"


class CardsForm(Form):
    file = MultipleFileField(
        "Card files",
        description="PNG pictures with a card in them, JSON files or CHARX (versions 1 to 3). "
        f"Up to {exchange.MOST_FILES} at once, 64 MB in all.",
    )


@bp.get("")
@signed_in
def index() -> Response:
    me, words, tag = current_user(), request.args.get("q", "").strip(), request.args.get("tag", "")
    everybody = queries.briefly(queries.characters(me))
    matching_ids = (
        set(queries.characters(me, words=words, tag=tag)) if words or tag else {character.id for character in everybody}
    )
    return render(
        "characters/_cast.html" if is_htmx() else "characters/list.html",
        characters=shown.characters([character for character in everybody if character.id in matching_ids], me),
        tags=shown.tags_of(everybody)[:20],
        words=words,
        tag=tag,
        deleted=queries.character(me, request.args.get("deleted", ""), is_deleted=True),
    )


@bp.get("/new")
@signed_in
def new() -> Response:
    return _form(CharacterForm.fresh())


@bp.post("")
@signed_in
def create() -> Response:
    form = CharacterForm.opened()
    with form.attempt():
        return _to(service.create(form.entered, picture=form.picture, by=current_user()).id)
    return _form(form)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    me = current_user()
    character, personas = shown.character(visible_character(id), me), queries.personas(me)
    return render("characters/show.html", character=character, personas=personas, done=done_message(shown.DONE))


@bp.get("/<id>/edit")
@signed_in
def edit(id: str) -> Response:
    character = own_character(id)
    return _form(CharacterForm.for_character(character), character)


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    form, character = CharacterForm.opened(), own_character(id)
    form.merge(CharacterForm.for_character(character))
    with form.attempt():
        service.update(own_character(id), form.entered, picture=form.picture, by=current_user())
        return _to(id, done="saved")
    return _form(form, own_character(id))


@bp.post("/<id>/duplicate")
@signed_in
def duplicate(id: str) -> Response:
    return _to(service.duplicate(visible_character(id), by=current_user()).id, done="copied")


@bp.post("/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    profiles.trash(own_character(id), by=current_user())
    return redirect(url_for("characters.index", deleted=id))


@bp.post("/<id>/restore")
@signed_in
def restore(id: str) -> Response:
    me = current_user()
    profiles.restore(found(queries.character(me, id, is_deleted=True)), by=me)
    return _to(id, done="restored")


@bp.get("/<id>/export")
@signed_in
def export(id: str) -> Response:
    kind = request.args.get("format", "json")
    return shown.card_file(visible_character(id), found(kind if kind in exchange.MEDIA else None))


@bp.get("/<id>/avatar")
@signed_in
def avatar(id: str) -> Response:
    return shown.picture(queries.avatar(visible_character(id).avatar_id))


@cards_bp.url_value_preprocessor
def allow_large_files(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and this endpoint only."""
    if endpoint == "cards.upload" and user_or_none():
        request.max_content_length = MOST_BYTES
        request.environ["wsgi.input"] = YieldingStream(request.environ["wsgi.input"])


@cards_bp.get("")
@signed_in
def choose() -> Response:
    return render("characters/import.html", form=CardsForm.fresh())


@cards_bp.post("")
@signed_in
def upload() -> Response:
    form, result = CardsForm.opened(), None
    with form.attempt():
        files = [(storage.filename, storage.stream) for storage in request.files.getlist("file")]
        result = exchange.import_cards(files, by=current_user())
    return form.shown("characters/import.html", result=result)


@cards_bp.post("/existing")
@signed_in
def decide() -> Response:
    form, decided = CardsForm.opened(), list[exchange.Decided]()
    choices = {name.removeprefix(CHOICE): value for name, value in request.form.items() if name.startswith(CHOICE)}
    with form.attempt():
        decided = exchange.decide(dict(list(choices.items())[: exchange.MOST_FILES]), by=current_user())
    return form.shown("characters/import.html", decided=decided)


def visible_character(id: str) -> Character:
    return found(queries.character(current_user(), id))


def own_character(id: str) -> Character:
    """Returns the character to edit; raises Forbidden for someone who can only see it, with what they can do instead."""
    character = visible_character(id)
    profiles.refuse_unless_theirs(character, current_user())
    return character


def _to(id: str, **more: Any) -> Response:
    return redirect(url_for("characters.show", id=id, **more))


def _form(form: CharacterForm, character: Character | None = None) -> Response:
    is_teams = bool(character and not character.owner_id)
    return form.among(knowledge_queries.to_choose(current_user())).shown(
        "characters/form.html",
        character=character,
        face=shown.character_face(character) if character and character.avatar_id else None,
        may_share=not is_teams and may(current_user().role, "see people"),
        action=url_for("characters.update", id=character.id) if character else url_for("characters.create"),
    )
