"""The routes of lists' streams, and of the stream that all pages of a browser share."""

from flask import Blueprint, Response, request, url_for

from webapp.base import topic_names
from webapp.engine.engine import the_engine
from webapp.engine.watching import shared, watchers
from webapp.engine.watching.lane_feed import now_in
from webapp.engine.watching.lists import ListFeed, can_see, live_list
from webapp.engine.watching.sse_response import socket_of, streaming_response
from webapp.engine.watching.watcher_loop import watch
from webapp.people.accounts.guards import anybody, current_user, found, signed_in, user_or_none
from webapp.people.accounts.permissions import refuse_without

bp = Blueprint("live", __name__)


@bp.app_template_global()
def list_url(name: str, page: str = "") -> str:
    """Returns the URL of a list's stream from now on, on the page of an object as in `can_see`; call it before reading either."""
    return url_for("live.events", name=name, page=page or None, at=now_in(*topic_names.for_person(current_user().id)))


@bp.get("/lists/<name>/events")
@signed_in
def events(name: str) -> Response:
    live = found(live_list(name))
    me, context = current_user(), watchers.same_request()
    refuse_without(me, live.requires)
    page = request.args.get("page", "")
    found(not page or can_see(me, page) or None)
    feed = ListFeed(the_engine(), live, me.id, watchers.position(), context)
    return watch(feed, watchers.watcher(me.id, context, _is_still_seen, me.id, page))


@bp.get("/live/stream")
@anybody
def stream() -> Response:
    return streaming_response(shared.opened(request.headers.get(shared.HEADER, ""), socket_of(request.environ)))


@bp.post("/live/leave")
@anybody
def leave() -> Response:
    shared.remove(request.form.get("place", ""))
    return Response(status=204)


def _is_still_seen(context: watchers.Context, person: str, page: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and user.id == person and (not page or can_see(user, page))
