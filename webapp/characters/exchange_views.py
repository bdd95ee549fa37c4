"""/characters/import: imports characters from card files, and asks what to do with those that already exist."""

from flask import Blueprint, Response, request
from wtforms import MultipleFileField

from webapp.base.heavy.turns import YieldingStream
from webapp.characters import exchange as exporting
from webapp.people.accounts.guards import current_user, signed_in, user_or_none
from webapp.web.forms import Form
from webapp.web.htmx import render

bp = Blueprint("cards", __name__, url_prefix="/characters/import")
MOST_BYTES = 64 * 1024 * 1024
# The name of a field with the choice for one imported character, before its id.
CHOICE = "choice-"


class CardsForm(Form):
    file = MultipleFileField(
        "Card files",
        description="PNG pictures with a card in them, JSON files or CHARX (versions 1 to 3). "
        f"Up to {exporting.MOST_FILES} at once, 64 MB in all.",
    )


@bp.url_value_preprocessor
def allow_large_files(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and this endpoint only."""
    if endpoint == "cards.upload" and user_or_none():
        request.max_content_length = MOST_BYTES
        request.environ["wsgi.input"] = YieldingStream(request.environ["wsgi.input"])


@bp.get("")
@signed_in
def choose() -> Response:
    return render("characters/import.html", form=CardsForm.fresh())


@bp.post("")
@signed_in
def upload() -> Response:
    form, result = CardsForm.opened(), None
    with form.attempt():
        files = [(storage.filename, storage.stream) for storage in request.files.getlist("file")]
        result = exporting.import_cards(files, by=current_user())
    return form.shown("characters/import.html", result=result)


@bp.post("/existing")
@signed_in
def decide() -> Response:
    form, decided = CardsForm.opened(), list[exporting.Decided]()
    choices = {name.removeprefix(CHOICE): value for name, value in request.form.items() if name.startswith(CHOICE)}
    with form.attempt():
        decided = exporting.decide(dict(list(choices.items())[: exporting.MOST_FILES]), by=current_user())
    return form.shown("characters/import.html", decided=decided)
