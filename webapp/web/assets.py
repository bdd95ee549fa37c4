"""URLs of static files that contain a hash of the content, so that browsers can cache the files forever."""

import hashlib
import os
import time
from functools import cache, lru_cache, partial
from pathlib import Path

from flask import Flask, Response, current_app, request

FOR_EVER = "public, max-age=31536000, immutable"


def init(app: Flask) -> None:
    """Adds `asset()` to templates, and lets browsers cache a static file forever if its URL has the current hash."""
    # A page has forty of these URLs, and `stat` for each took a tenth of its time: a file is checked once a second.
    app.extensions["asset_urls"] = lru_cache(maxsize=256)(partial(_url, app))
    app.jinja_env.globals["asset"] = asset
    app.after_request(_keep_for_ever)


def asset(path: str) -> str:
    """Returns the URL of a static file; works without a request, because fragments are also rendered outside of one."""
    url: str = current_app.extensions["asset_urls"](path, int(time.monotonic()))
    return url


def _url(app: Flask, path: str, _second: int) -> str:
    address = f"{app.static_url_path}/{path}"
    file = f"{app.static_folder}/{path}"
    try:
        return f"{address}?v={_hash(file, os.stat(file).st_mtime_ns)}"
    except FileNotFoundError:
        # The URL of a missing file gives a 404, as it would without a hash.
        return address


@cache
def _hash(file: str, _changed: int) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]


def _keep_for_ever(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 304):
        path, mark = str((request.view_args or {})["filename"]), request.args.get("v")
        if mark and asset(path).endswith(f"?v={mark}"):
            response.headers["Cache-Control"] = FOR_EVER
    return response
