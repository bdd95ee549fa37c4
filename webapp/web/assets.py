"""URLs of static files that contain a hash of the content, so that browsers can cache the files forever."""

import hashlib
import os
import time
from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path

from flask import Flask, Response, request

from webapp.base.current import PerApp

FOR_EVER = "public, max-age=31536000, immutable"


URLS = PerApp[Callable[[str, int], str]]()


def init(app: Flask) -> None:
    """Adds `asset()` to templates, and lets browsers cache a static file forever if its URL has the current hash."""
    # A page has forty of these URLs, and `stat` for each took a tenth of its time: a file is checked once a second.
    URLS.set(lru_cache(maxsize=256)(partial(_url, app)), app)
    app.jinja_env.globals["asset"] = asset
    app.after_request(_keep_for_ever)


def asset(path: str) -> str:
    """Returns the URL of a static file; works without a request, because fragments are also rendered outside of one."""
    return URLS.get()(path, int(time.monotonic()))


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
