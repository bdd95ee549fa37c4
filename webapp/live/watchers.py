"""Limits and permission checks for opening a stream, and rechecks while it is open."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache

from flask import Flask, current_app, request
from flask.ctx import RequestContext
from flask.sessions import SessionMixin

from webapp.accounts.guards import KNOWN, user_or_none
from webapp.live.watcher_loop import Watcher
from webapp.settings.service import setting

Context = Callable[[], AbstractContextManager[object]]


def same_request() -> Context:
    """Returns a factory of request contexts like the current one, in which the user is not yet authenticated."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    environ = {name: value for name, value in request.environ.items() if not name.startswith((KNOWN, "werkzeug."))}

    @cache
    def session() -> SessionMixin | None:
        # Opened once: checking its signature takes longer than rendering most fragments.
        return app.session_interface.open_session(app, app.request_class(dict(environ)))

    return lambda: RequestContext(app, dict(environ), session=session())


def watcher(person: str, is_allowed: Callable[[], bool]) -> Watcher:
    """Returns a watcher with the limits on open streams from the settings."""
    return Watcher(person, setting("limits.sse_per_chat"), setting("limits.sse_per_user"), is_allowed)


def is_still(context: Context, person: str) -> bool:
    """Returns whether the person who opened the stream is still signed in."""
    with context():
        user = user_or_none()
        return user is not None and user.id == person


def position() -> str:
    """Returns the position of a page: that of the last event it received, else the one in its URL."""
    return request.headers.get("Last-Event-ID") or request.args.get("at", "")
