"""GET /events: what pages that show no chat hear of a person's chats."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from flask import Blueprint, Response, current_app, request

from webapp.chat.pages import same_request
from webapp.chat.rail_feed import RailFeed
from webapp.generations.engine import the_engine
from webapp.settings.service import setting
from webapp.web.guards import current_user, signed_in, user_or_none
from webapp.web.watch import Watcher, watch

bp = Blueprint("rail", __name__)


@bp.get("/events")
@signed_in
def events() -> Response:
    me = current_user()
    context = partial(same_request, current_app._get_current_object(), request.environ)  # type: ignore[attr-defined]
    watcher = Watcher(
        person=me.id,
        per_lane=setting("limits.sse_per_chat"),
        in_all=setting("limits.sse_per_user"),
        is_allowed=partial(_is_still, context, me.id),
    )
    at = request.headers.get("Last-Event-ID") or request.args.get("at", "")
    return watch(the_engine(), RailFeed(the_engine(), me.id, at, context), watcher)


def _is_still(context: Callable[[], AbstractContextManager[object]], id: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and user.id == id
