"""The pages of `docs/` in the app, which need no sign-in."""

from flask import Blueprint, Response
from markupsafe import Markup

from webapp.accounts.guards import anybody, found
from webapp.docs import shelf
from webapp.web.htmx import render

bp = Blueprint("docs", __name__, url_prefix="/docs")


@bp.get("")
@anybody
def index() -> Response:
    return render("docs/index.html", sections=shelf.sections())


@bp.get("/<path:name>")
@anybody
def show(name: str) -> Response:
    page = found(shelf.page(name))
    return render("docs/page.html", page=page, html=Markup(shelf.html_of(page)), sections=shelf.sections())
