"""The routes of lists' streams, and of the stream that all pages of a browser share."""

from flask import Blueprint, Response, request, url_for

from webapp import topic_names
from webapp.accounts.guards import anybody, current_user, found, signed_in
from webapp.engine.engine import the_engine
from webapp.live import shared, watchers
from webapp.live.lane_feed import now_in
from webapp.live.list_feed import ListFeed
from webapp.live.lists import live_list
from webapp.live.sse_response import socket_of, streamed
from webapp.live.watcher_loop import watch

bp = Blueprint("live", __name__)


@bp.app_template_global()
def list_url(name: str) -> str:
    """Returns the URL of a list's stream from now on; to be called before the list is read."""
    return url_for("live.events", name=name, at=now_in(the_engine(), topic_names.of_person(current_user().id)))


@bp.get("/lists/<name>/events")
@signed_in
def events(name: str) -> Response:
    wanted = found(live_list(name))
    me, context = wanted.reader(), watchers.same_request()
    feed = ListFeed(the_engine(), wanted, me.id, watchers.position(), context)
    return watch(the_engine(), feed, watchers.watcher(me.id, context, watchers.is_still, me.id))


@bp.get("/live/stream")
@anybody
def stream() -> Response:
    return streamed(shared.opened(the_engine(), request.headers.get(shared.HEADER, ""), socket_of(request.environ)))


@bp.post("/live/leave")
@anybody
def leave() -> Response:
    shared.remove(request.form.get("place", ""))
    return Response(status=204)
