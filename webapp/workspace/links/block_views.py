"""/s/TOKEN/messages/PLACE/NUMBER: what has a preview in a message of a link's page, drawn as in a chat.

Drawings are in the message, each in a frame with a page of ours around its own frame: that page has the ticket.
"""

from flask import Blueprint, Response

from webapp.people.accounts.guards import anybody
from webapp.workspace.links import pages, service, shown
from webapp.workspace.links.shown import SharedBlock
from webapp.workspace.previews import frame_views, shown as previews_shown

bp = Blueprint("shared_blocks", __name__, url_prefix="/s/<token>/messages/<int:place>/<int:number>")


@bp.get("")
@anybody
def show(token: str, place: int, number: int) -> Response:
    block, asked = _block(token, place, number), previews_shown.requested(is_run=False)
    return shown.preview_page(block, asked) if block else shown.closed()


@bp.post("")
@anybody
def run(token: str, place: int, number: int) -> Response:
    """Shows a page with its scripts. By form, as a link to it could stand anywhere."""
    block, asked = _block(token, place, number), previews_shown.requested(is_run=True)
    return shown.preview_page(block, asked) if block else shown.closed()


@bp.get("/drawing")
@anybody
def draw(token: str, place: int, number: int) -> Response:
    block, asked = _block(token, place, number), previews_shown.requested(is_run=False)
    return shown.drawing(block, asked) if block else shown.closed()


@bp.get("/frame")
@anybody
def frame(token: str, place: int, number: int) -> Response:
    block, asked = _block(token, place, number), previews_shown.framed()
    if not block:
        return shown.closed()
    refusal = frame_views.refusal(block.ticketed, asked, block.url(".show"))
    return refusal or frame_views.response(block.source, asked)


@bp.get("/save")
@anybody
def save(token: str, place: int, number: int) -> Response:
    block, asked = _block(token, place, number), previews_shown.requested(is_run=False)
    return previews_shown.file(block.source, asked.view) if block else shown.closed()


bp.after_request(shown.unlisted)


def _block(token: str, place: int, number: int) -> SharedBlock | None:
    """Returns what has this number in the message at this place of an open link's page."""
    link = service.by_token(token)
    source = pages.block_at(link, place, number) if link else None
    return SharedBlock(link, token, source, place, number) if link and source and source.kind else None
