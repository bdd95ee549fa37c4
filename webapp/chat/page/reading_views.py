"""The sources of an answer."""

from flask import Blueprint, Response, request

from webapp.chat.page.pages import page_of
from webapp.chat.record.access import visible_message
from webapp.knowledge import shown
from webapp.people.accounts.guards import anybody, user_or_none
from webapp.web.htmx import is_htmx, redirect, render

bp = Blueprint("reading", __name__)


@bp.get("/messages/<id>/sources")
@anybody
def sources(id: str) -> Response:
    message, wanted = visible_message(id), request.args.get("number", 0, type=int)
    chosen = [each for each in message.sources if wanted in (0, each["number"])]
    # A number links to the passage in its document; if that can't be shown, the page gives the reason.
    if wanted and chosen and not is_htmx() and (url := shown.current_url(user_or_none(), chosen[0])):
        return redirect(url)
    return render(
        "chat/page/message/_sources.html" if is_htmx() else "chat/page/message/sources.html",
        message_id=id,
        sources=shown.sources(user_or_none(), chosen),
        back_url=page_of(message.chat_id),
    )
