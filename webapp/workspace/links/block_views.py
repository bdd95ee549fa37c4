"""/s/TOKEN/messages/PLACE/NUMBER: what has a preview in a message of a link's page, drawn as in a chat.

Drawings are in the message, each in a frame with a page of ours around its own frame: that page has the ticket.
"""

from flask import Blueprint, Response

from webapp.people.accounts.guards import anybody
from webapp.workspace.links import pages, service, shown
from webapp.workspace.links.shown import SharedBlock

bp = Blueprint("shared_blocks", __name__, url_prefix="/s/<token>/messages/<int:place>/<int:number>")


@bp.get("")
@anybody
def show(token: str, place: int, number: int) -> Response:
    return shown.preview_page(_block(token, place, number))


@bp.post("")
@anybody
def run(token: str, place: int, number: int) -> Response:
    """Shows a page with its scripts. By form, as a link to it could stand anywhere."""
    return shown.preview_page(_block(token, place, number), is_run=True)


@bp.get("/drawing")
@anybody
def draw(token: str, place: int, number: int) -> Response:
    return shown.drawing(_block(token, place, number))


@bp.get("/frame")
@anybody
def frame(token: str, place: int, number: int) -> Response:
    return shown.frame(_block(token, place, number))


@bp.get("/save")
@anybody
def save(token: str, place: int, number: int) -> Response:
    return shown.file(_block(token, place, number))


bp.after_request(shown.unlisted)


def _block(token: str, place: int, number: int) -> SharedBlock | None:
    """Returns what has this number in the message at this place of an open link's page."""
    link = service.by_token(token)
    source = pages.block_at(link, place, number) if link else None
    return SharedBlock(link, token, source, place, number) if link and source and source.kind else None
