"""What every page can call up: the help sheet, the palette, and what makes an app of a page on a phone."""

import json
from functools import partial

from flask import Blueprint, Response, current_app

from webapp.accounts.roles import may
from webapp.web.assets import asset
from webapp.web.guards import anybody, current_user, signed_in
from webapp.web.htmx import is_htmx, render
from webapp.web.places import places

bp = Blueprint("everywhere", __name__)
# Paper, by day; browsers want it before they have read a style sheet.
PAPER = "#fcfaf7"
ICONS = (("192", "any"), ("512", "any"), ("512", "maskable"))


@bp.get("/help")
@anybody
def help_sheet() -> Response:
    return render("everywhere/_help.html" if is_htmx() else "everywhere/help.html", is_floating=is_htmx())


@bp.get("/palette")
@signed_in
def palette() -> Response:
    known = {rule.rule for rule in current_app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    groups = places(partial(may, current_user().role), known)
    return render("everywhere/_palette.html" if is_htmx() else "everywhere/palette.html", groups=groups)


@bp.get("/manifest.webmanifest")
@anybody
def manifest() -> Response:
    icons = [_icon(size, purpose) for size, purpose in ICONS]
    icons.append({"src": asset("mark.svg"), "sizes": "any", "type": "image/svg+xml"})
    colours = {"background_color": PAPER, "theme_color": PAPER}
    body = {"id": "/", "name": "Millrace", "short_name": "Millrace", "start_url": "/", "display": "standalone"}
    return Response(json.dumps({**body, **colours, "icons": icons}), mimetype="application/manifest+json")


def _icon(size: str, purpose: str) -> dict[str, str]:
    name = f"vendor/icon-{size}{'-maskable' if purpose == 'maskable' else ''}.png"
    return {"src": asset(name), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
