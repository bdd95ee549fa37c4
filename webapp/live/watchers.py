"""Limits and permission checks for opening a stream, and rechecks while it is open."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache

from flask import Flask, current_app, request
from flask.ctx import RequestContext
from flask.sessions import SessionMixin

from webapp.accounts.guards import KNOWN, user_or_none
from webapp.live.watch import Watcher
from webapp.settings.service import setting

Context = Callable[[], AbstractContextManager[object]]


def same_request() -> Context:
    """Makes contexts like that of this request, in which nobody has been recognised yet."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    environ = {name: value for name, value in request.environ.items() if not name.startswith((KNOWN, "werkzeug."))}

    @cache
    def session() -> SessionMixin | None:
        # Opened once: to check its signature takes longer than to draw most of what is drawn.
        return app.session_interface.open_session(app, app.request_class(dict(environ)))

    return lambda: RequestContext(app, dict(environ), session=session())


def watcher(person: str, is_allowed: Callable[[], bool]) -> Watcher:
    """Somebody who may have as many streams open as the settings say."""
    return Watcher(person, setting("limits.sse_per_chat"), setting("limits.sse_per_user"), is_allowed)


def is_still(context: Context, person: str) -> bool:
    """Whether the one who opened it is still signed in."""
    with context():
        user = user_or_none()
        return user is not None and user.id == person


def position() -> str:
    """Where a page is: by what it has heard last, or by its address."""
    return request.headers.get("Last-Event-ID") or request.args.get("at", "")
