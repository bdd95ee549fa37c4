"""Error responses in the requested form: a page, a fragment or problem+json."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app, request
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, OperationalError, SQLAlchemyError, TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from webapp.base.db import db, is_damage
from webapp.base.errors import AppError, Invalid, SignedOut
from webapp.base.ids import new_id
from webapp.web.htmx import is_api, is_htmx, redirect, render, wants_json

ANSWERING = "millrace.answering_an_error"
ASKED_AGAIN = "millrace.asked_again"
BARE, FRAMED = "bare", "framed"
HOME = ("Go to the home page", "/")
LAST_WORDS = "Something went wrong, and the error page failed too. Nothing you sent earlier is lost. Error {}."
KEPT_HEADERS = {"Allow", "Retry-After", "Content-Range"}

TITLES = {
    400: "Bad request",
    401: "Please sign in",
    402: "Budget used up",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    408: "Request timed out",
    409: "Something has changed",
    413: "Too large",
    415: "Unsupported content type",
    422: "That didn't work",
    429: "Too many requests",
    431: "Too many cookies",
    500: "Something went wrong",
    503: "Not available right now",
}
MESSAGES = {
    404: "Page not found, or you don't have access.",
    405: "That isn't possible here. Nothing was changed.",
    408: "Your request took too long to arrive, so nothing was saved. Please try again on a better connection.",
    413: "That is too large for this server. Nothing was saved. Please send less.",
    431: "Your browser sent more cookies than this server reads. Delete the cookies of this site and try again.",
    500: "This is our fault. Nothing you sent earlier is lost. Please try again.",
}
CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    431: "too_many_cookies",
    500: "error",
}
DATABASE_WORDS = {
    "full": "The server's disk is full, so nothing can be saved. Everything saved earlier is safe.",
    "readonly": "The server's database is read-only, so nothing can be saved.",
    "read-only": "The server's database is read-only, so nothing can be saved.",
    "locked": "The database is busy. Nothing was changed. Please try again.",
    "lock timeout": "The database is busy. Nothing was changed. Please try again.",
    "deadlock": "The database is busy. Nothing was changed. Please try again.",
}
DAMAGED_WORDS = (
    "The server's database is damaged. Nothing was changed. The server's operator can restore a backup with flask restore."
)
NO_DATABASE = "The server's database is unavailable. Nothing was changed. Please try again in a moment."


@dataclass(frozen=True)
class ShownProblem:
    """An error as it is shown to people and programs."""

    status: int
    message: str
    code: str
    next_step: tuple[str, str] = HOME
    error_id: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES.get(self.status, "That didn't work")


def init(app: Flask) -> None:
    """Registers the handler for every exception of every view, also in development and in tests."""
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_error_handler(Exception, answer)


def is_bare() -> bool:
    """Returns whether an error page is being rendered that must not use the database, whose failure can be the error."""
    return request.environ.get(ANSWERING) == BARE


def answer(error: Exception) -> Answer:
    if ANSWERING in request.environ:
        return _last_words(error)
    if _is_to_be_asked_again(error):
        request.environ[ASKED_AGAIN] = True
        return _retried()
    request.environ[ANSWERING] = BARE
    problem = problem_of(error)
    if isinstance(error, SignedOut) and not (is_htmx() or wants_json()):
        return redirect(problem.next_step[1])
    response = _as_asked(problem)
    response.headers.update(problem.headers)
    return response


def _is_to_be_asked_again(error: Exception) -> bool:
    """Returns whether to retry: a GET, for the first time, whose database connection was lost, for example by a restart."""
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_lost and request.method == "GET" and bool(request.endpoint) and ASKED_AGAIN not in request.environ


def _retried() -> Answer:
    db.session.rollback()
    try:
        return current_app.make_response(current_app.dispatch_request())
    except (AppError, HTTPException, SQLAlchemyError) as error:
        return answer(error)


def problem_of(error: Exception) -> ShownProblem:
    """Returns the status and message for an error; logs internal errors under the id that the page shows."""
    match error:
        case SignedOut():
            headers = {"WWW-Authenticate": "Bearer"} if is_api() else {}
            return ShownProblem(401, error.message, error.code, ("Sign in", _sign_in_path()), headers=headers)
        case AppError():
            return _of_refusal(error)
        case HTTPException(code=int(status)) if status < 500:
            return _of_http(error, status)
        case OperationalError() | PoolTimeout():
            words = next((words for sign, words in DATABASE_WORDS.items() if sign in str(error)), NO_DATABASE)
            return ShownProblem(503, words, "unavailable", error_id=_logged(error))
        case DatabaseError() if is_damage(error):
            return ShownProblem(503, DAMAGED_WORDS, "unavailable", error_id=_logged(error))
        case DataError():
            return _of_refusal(Invalid("The text contains characters that can't be stored. Nothing was saved."))
    return ShownProblem(500, MESSAGES[500], "error", error_id=_logged(error))


def _of_refusal(error: AppError) -> ShownProblem:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    details = error.details() | ({"field": error.field} if error.field else {})
    return ShownProblem(error.status, error.message, error.code, details=details, headers=headers)


def _of_http(error: HTTPException, status: int) -> ShownProblem:
    message = MESSAGES.get(status) or error.description or f"{error.name}."
    headers = {name: value for name, value in error.get_headers() if name in KEPT_HEADERS}
    return ShownProblem(status, message, CODES.get(status, "refused"), headers=headers)


def _sign_in_path() -> str:
    own_path = request.full_path.removesuffix("?")
    return f"/login?next={quote(own_path)}" if request.method == "GET" and not is_htmx() else "/login"


def _logged(error: Exception) -> str:
    error_id = new_id()
    fields = {"error_id": error_id, "method": request.method, "path": request.path}
    cause = getattr(error, "original_exception", None) or error
    logging.getLogger("web:errors").error("request_failed", exc_info=cause, extra={"fields": fields})
    return error_id


def _as_asked(problem: ShownProblem) -> Response:
    if wants_json():
        return _as_json(problem)
    shown = {name: getattr(problem, name) for name in ("status", "title", "message", "next_step", "error_id")}
    if problem.next_step == HOME:
        shown["next_step"] = _way_back()
    return render("errors/_toast.html", **shown) if is_htmx() else _page(shown)


def _way_back() -> tuple[str, str]:
    """Returns the link to the page whose form was refused, or to the home page."""
    page = request.referrer or ""
    is_other_page = page.startswith(request.host_url) and page.partition("?")[0] != request.base_url
    return ("Go back", page) if request.method == "POST" and is_other_page else HOME


def _page(shown: Mapping[str, Any]) -> Response:
    """Renders the error page, with the user's navigation if it is a refusal and the database works."""
    request.environ[ANSWERING] = FRAMED if shown["status"] < 500 else BARE
    try:
        return render("errors/error.html", **shown)
    except SQLAlchemyError:
        request.environ[ANSWERING] = BARE
        return render("errors/error.html", **shown)


def _as_json(problem: ShownProblem) -> Response:
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.message,
        # For clients that only read the message from `error`.
        "error": problem.message,
        "code": problem.code,
    }
    body |= {"error_id": problem.error_id} if problem.error_id else {}
    body |= {"fields": {problem.details["field"]: problem.message}} if "field" in problem.details else {}
    return Response(json.dumps(body | dict(problem.details)), problem.status, content_type="application/problem+json")


def _last_words(error: Exception) -> Response:
    return Response(LAST_WORDS.format(_logged(error)), 500, content_type="text/plain; charset=utf-8")
