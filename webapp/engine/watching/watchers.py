"""Limits and permission checks for opening a stream, and rechecks while it is open."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from time import monotonic

from flask import Flask, current_app, request
from flask.ctx import RequestContext
from flask.sessions import SessionMixin

from webapp.base import topic_names
from webapp.base.db import db
from webapp.engine.engine import the_engine
from webapp.engine.watching.single_flight import SingleFlight
from webapp.engine.watching.watcher_loop import Watcher
from webapp.people.accounts.guards import KNOWN
from webapp.people.accounts.permissions import is_everyones, may, required_by
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

Context = Callable[[], AbstractContextManager[object]]
# With the time between two checks, less than that between two heartbeats.
SHARED_SECONDS = 1.0
_checked = SingleFlight[bool](lambda _: 1)


def same_request() -> Context:
    """Returns a factory of request contexts like the current one, in which the user is not yet authenticated."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    environ = {name: value for name, value in request.environ.items() if not name.startswith((KNOWN, "werkzeug."))}

    @cache
    def session() -> SessionMixin | None:
        # Opened once: checking its signature takes longer than rendering most fragments.
        return app.session_interface.open_session(app, app.request_class(dict(environ)))

    def context() -> RequestContext:
        return RequestContext(app, dict(environ), session=session())

    return context


def watcher(person: str, context: Context, check: Callable[..., bool], *about: str) -> Watcher:
    """Returns a watcher with the limits from the settings, who may read as long as `check(context, *about)` is true.

    They must also keep the permission that the endpoint of this request requires.

    The answer is shared by all streams with the same credentials that check the same: the pages of a chat check at the same time.
    """
    topics = the_engine().logs.topics
    allowance = the_engine().admission.requester.allowances(person)[-1]
    permission = required_by(request.endpoint or "")
    # A ticket authenticates streams that can send no header.
    credentials = request.headers.get("Cookie"), request.headers.get("Authorization"), request.args.get("ticket")

    def is_allowed() -> bool:
        moment = topics.epoch, *map(topics.last, topic_names.for_person(person)), monotonic() // SHARED_SECONDS
        key = (*credentials, permission, check, *about, *moment)
        return _checked.get(key, lambda: _has(permission, person, context) and check(context, *about))

    return Watcher(person, setting("limits.sse_per_chat"), allowance.streams, is_allowed, counted_as=allowance.key)


def _has(permission: str, person: str, context: Context) -> bool:
    """Returns whether a person has a permission; a visitor needs none. Programs are not known by the request's cookies."""
    if not permission:
        return True
    with context():
        user = None if is_everyones(permission) else db.session.get(User, person)
        return user is None or may(user, permission)


def position() -> str:
    """Returns the position of a page: that of the last event it received, else the one in its URL."""
    return request.headers.get("Last-Event-ID") or request.args.get("at", "")
