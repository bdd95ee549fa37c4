"""GET /events: what pages that show no chat hear of a person's chats."""

from functools import partial

from flask import Blueprint, Response

from webapp.chat.rail_feed import RailFeed
from webapp.generations.engine import the_engine
from webapp.web import watchers
from webapp.web.guards import current_user, signed_in
from webapp.web.watch import watch

bp = Blueprint("rail", __name__)


@bp.get("/events")
@signed_in
def events() -> Response:
    me, context = current_user(), watchers.same_request()
    feed = RailFeed(the_engine(), me.id, watchers.position(), context)
    return watch(the_engine(), feed, watchers.watcher(me.id, partial(watchers.is_still, context, me.id)))
