"""/characters/<id>/pictures: the background and the expressions of a character in its chats."""

from flask import Blueprint, Response, request, url_for
from wtforms import FileField, MultipleFileField

from webapp.base.heavy.turns import YieldingStream
from webapp.characters import scenery, shown
from webapp.characters.tables import Character
from webapp.characters.views import own_character, visible_character
from webapp.people.accounts.guards import current_user, signed_in, user_or_none
from webapp.web.forms import Form
from webapp.web.htmx import done_message, redirect

bp = Blueprint("pictures", __name__, url_prefix="/characters/<id>/pictures")
MOST_BYTES = 64 * 1024 * 1024
DONE = {"saved": "Saved.", "removed": "Removed."}


class PicturesForm(Form):
    background = FileField("New background", description=f"It fills the window behind the text, dimmed. {scenery.PICTURES}")
    expressions = MultipleFileField(
        "New expressions",
        description="A picture for each mood, named after it: neutral.png, joy.png, anger.png. Chats show the one that "
        f"matches the answer. {scenery.PICTURES} Or a zip of up to 64 MB with such pictures in it, as sprite packs are.",
    )


@bp.url_value_preprocessor
def allow_large_files(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and this endpoint only."""
    if endpoint == "pictures.upload" and user_or_none():
        request.max_content_length = MOST_BYTES
        request.environ["wsgi.input"] = YieldingStream(request.environ["wsgi.input"])


@bp.get("")
@signed_in
def edit(id: str) -> Response:
    return _page(own_character(id), PicturesForm.fresh())


@bp.post("")
@signed_in
def upload(id: str) -> Response:
    character, form, me = own_character(id), PicturesForm.opened(), current_user()
    with form.attempt():
        if (file := request.files.get("background")) and file.filename:
            scenery.set_background(character, file.stream, by=me)
        sent = [(file.filename, file.stream) for file in request.files.getlist("expressions") if file.filename]
        scenery.add_expressions(own_character(id), sent, by=me)
        return redirect(url_for(".edit", id=id, done="saved"))
    return _page(own_character(id), form)


@bp.post("/<picture_id>/delete")
@signed_in
def delete(id: str, picture_id: str) -> Response:
    scenery.remove(own_character(id), picture_id, by=current_user())
    return redirect(url_for(".edit", id=id, done="removed"))


@bp.get("/<picture_id>")
@signed_in
def show(id: str, picture_id: str) -> Response:
    character, picture = visible_character(id), scenery.picture(picture_id)
    return shown.picture(picture if picture and picture.character_id == character.id else None)


def _page(character: Character, form: PicturesForm) -> Response:
    scenes = scenery.of_characters([character.id])
    return form.shown("characters/pictures.html", character=character, scenes=scenes, done=done_message(DONE))
