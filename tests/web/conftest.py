"""An application with a few routes, each of which fails in a different way."""

import pytest
from flask import Blueprint, Flask, Response, render_template_string, request
from sqlalchemy.exc import DataError, OperationalError, TimeoutError as PoolTimeout

from tests.conftest import MakeApp
from tests.support.browser import Browser
from webapp.base.errors import AppError, Busy, Conflict, Forbidden, Invalid, NotFound, SignedOut, TooMany, Unavailable
from webapp.people.accounts.guards import anybody
from webapp.web.htmx import redirect

bp = Blueprint("wrong", __name__, url_prefix="/wrong")

APP_ERRORS: dict[str, AppError] = {
    "invalid": Invalid("Write something first.", field="message"),
    "signed_out": SignedOut("Please sign in first."),
    "forbidden": Forbidden("This is for admins."),
    "not_found": NotFound("There is no such chat."),
    "conflict": Conflict("That name is taken."),
    "busy": Busy("An answer is already being written here.", generation="g7"),
    "too_many": TooMany("Too many attempts. Please wait 9 seconds.", retry_after=9),
    "unavailable": Unavailable("The database is busy."),
}
FAULTS: dict[str, Exception] = {
    "bug": ZeroDivisionError("secret inside"),
    "locked": OperationalError("SELECT secret", {}, Exception("database is locked")),
    "full": OperationalError("INSERT secret", {}, Exception("database or disk is full")),
    "readonly": OperationalError("INSERT secret", {}, Exception("attempt to write a readonly database")),
    "gone": OperationalError("SELECT secret", {}, Exception("connection refused")),
    "pool": PoolTimeout("QueuePool limit of size 10"),
    "characters": DataError("INSERT secret", {}, Exception("cannot contain NUL")),
}


FORM = """<form method="post" action="/wrong/form">
<label>Message <textarea name="message"></textarea></label><button>Send</button></form>"""


@bp.route("/<kind>", methods=["GET", "POST"])
@anybody
def raising(kind: str) -> str:
    raise (APP_ERRORS | FAULTS)[kind]


@bp.get("/form")
@anybody
def form() -> str:
    return render_template_string(FORM)


@bp.post("/form")
@anybody
def take_form() -> str:
    return f"kept {len(request.form.get('message', ''))}"


@bp.get("/notice")
@anybody
def leave_notice() -> Response:
    return redirect("/wrong/form", "Done.")


@bp.get("/broken-template")
@anybody
def broken_template() -> str:
    return render_template_string("{{ 1 / 0 }}")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return with_wrong_routes(make_app())


def with_wrong_routes(app: Flask) -> Flask:
    app.register_blueprint(bp)
    return app


@pytest.fixture
def program(visitor: Browser) -> Browser:
    """A client that always requests JSON."""
    visitor.client.environ_base["HTTP_ACCEPT"] = "application/json"
    return visitor
