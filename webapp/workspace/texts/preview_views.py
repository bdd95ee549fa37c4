"""Previews of what a text beside a chat contains, and of a text that is one: as those of messages are."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.workspace.previews import frame_views, shown
from webapp.workspace.previews.pages import Place, preview_page
from webapp.workspace.previews.shown import PreviewRequest
from webapp.workspace.texts import queries
from webapp.workspace.texts.access import visible_text
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.shown import origin, preview_source

bp = Blueprint("text_previews", __name__)


@bp.get("/texts/<id>/preview")
@signed_in
def show(id: str) -> Response:
    return _page(asked_version(id), shown.requested(is_run=False))


@bp.post("/texts/<id>/preview")
@signed_in
def run(id: str) -> Response:
    """Shows the page with its scripts. By form, as a link to it could stand in any message."""
    return _page(asked_version(id), shown.requested(is_run=True))


@bp.get("/texts/<id>/frame")
@signed_in
def frame(id: str) -> Response:
    text, asked = asked_version(id), shown.framed()
    place = place_of(text)
    refusal = frame_views.refusal(place.ticket, asked, place.url("show", block=asked.number))
    return refusal or frame_views.response(preview_source(text, asked.number), asked)


@bp.get("/texts/<id>/preview/file")
@signed_in
def save(id: str) -> Response:
    asked = shown.requested(is_run=False)
    return shown.file(preview_source(asked_version(id), asked.number), asked.view)


def asked_version(id: str) -> TextVersion:
    """Returns the version that an address names, or else the newest."""
    newest, number = visible_text(id), request.args.get("version", type=int)
    return found(queries.version(id, number, current_user().id)) if number else newest


def place_of(text: TextVersion) -> Place:
    values: dict[str, Any] = {"id": text.text_id, "version": text.number}
    return Place("text_previews", values, url_for("texts.show", **values), _("Back to the text"))


def _page(text: TextVersion, asked: PreviewRequest) -> Response:
    entry = preview_source(text, asked.number)
    return preview_page(entry, asked, place_of(text), steps={"count": 1}, origin=origin(text))
