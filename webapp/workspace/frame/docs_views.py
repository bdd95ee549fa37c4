"""The pages of `docs/` in the app, which need no sign-in."""

from flask import Blueprint, Response
from markupsafe import Markup

from webapp.people.accounts.guards import anybody, found
from webapp.web.htmx import render
from webapp.workspace.frame import doc_files

bp = Blueprint("docs", __name__, url_prefix="/docs")


@bp.get("")
@anybody
def index() -> Response:
    return render("workspace/frame/docs/index.html", sections=doc_files.sections())


@bp.get("/<path:name>")
@anybody
def show(name: str) -> Response:
    page = found(doc_files.page(name))
    return render(
        "workspace/frame/docs/page.html", page=page, html=Markup(doc_files.html_of(page)), sections=doc_files.sections()
    )
