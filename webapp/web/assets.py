"""URLs of static files that contain a hash of the content, so that browsers can cache the files forever.

The style sheets of a page are joined into one file, each in its layer, and its scripts into another: a page asks for three sheets
and eight scripts at most, and a source file is as long as its thought. Text is sent compressed: what the lock file installs was
compressed at set-up, what is joined here is once in each process.
"""

import gzip
import hashlib
import json
import mimetypes
import os
import re
import time
from collections.abc import Callable, Iterable
from functools import cache, lru_cache, partial
from os.path import isfile
from pathlib import Path

from flask import Flask, Response, current_app, request, send_from_directory

from webapp.base import languages
from webapp.base.current import PerApp
from webapp.web.compression import accepts_gzip, either

FOR_EVER = "public, max-age=31536000, immutable"
# A later layer wins over an earlier one, whatever the selectors are. A layer is a file or a folder of static/css.
LAYERS = ("fonts", "tokens", "base", "components", "pages", "print")
# The scripts that pages load when they are complete, under one address; each is a part that runs where a page names it.
LATER = (
    "lost", "unsent", "unsent-list", "offline", "aloud", "away", "inserting", "mentions", "models", "quote", "saving", "slider",
    "lightbox", "swipe", "speech", "menus",
)  # fmt: skip
JOINED = re.compile(r"(css|js)/([\w+-]+)(?:\.([\w-]+))?\.\1")
MATHS = "vendor/fonts/maths.woff2"
# What a sheet of static/css asks for beside that folder: a font, a mask.
ASKED = re.compile(r'url\("\.\./([\w./-]+)"\)')
COMMENTS_AND_INDENTS = re.compile(r"/\*.*?\*/|(?<=\n)\s+", re.DOTALL)
# Space that has no meaning in a style sheet, and what must keep its own: a text in quotes.
TEXT_OR_SPACE = re.compile(r'("[^"]*")|\s*([{};,>])\s*|(?<=:)\s+')
# A text of a script, which is put in the language of its page when scripts are joined.
SCRIPT_TEXT = re.compile(r'\b_\(\s*("(?:[^"\\]|\\.)*"),?\s*\)')
SCRIPT_COMMENTS_AND_INDENTS = re.compile(r"^\s*//.*\n|^ +", re.MULTILINE)
TYPES = {"css": "text/css", "js": "text/javascript"}
# The copy of a file that `make setup` has compressed.
PACKED = ".gz"


URLS = PerApp[Callable[[str, int, str], str]]()


def init(app: Flask) -> None:
    """Adds `asset()` and `sheet()` to templates, and lets browsers cache a file forever if its URL has the current hash."""
    # A page has forty of these URLs, and `stat` for each took a tenth of its time: a file is checked once a second.
    URLS.set(lru_cache(maxsize=256)(partial(_url, app)), app)
    app.jinja_env.globals |= {"asset": asset, "sheet": sheet, "bundle": bundle}
    app.view_functions["static"] = _show
    app.after_request(_keep_for_ever)
    app.after_request(_preload_maths)
    # Systems without a list of their own don't know it.
    mimetypes.add_type("font/woff2", ".woff2")


def asset(path: str) -> str:
    """Returns the URL of a static file; works without a request, because fragments are also rendered outside of one."""
    return URLS.get()(path, int(time.monotonic()), languages.current().code)


def sheet(*names: str) -> str:
    """Returns the URL of one style sheet that the ones of these names are joined into, in this order."""
    return asset(f"css/{'+'.join(names)}.css")


def bundle(*names: str) -> str:
    """Returns the URL of one script that the ones of these names are joined into, in this order."""
    return asset(f"js/{'+'.join(names)}.js")


def script(*names: str) -> bytes:
    """Returns the script that the ones of these names are joined into, for an address without a hash, in the page's language."""
    folder = str(current_app.static_folder)
    files = _files(folder, f"js/{'+'.join(names)}.js")
    return _joined(folder, "js", files, _changes(files), languages.current().code)


def layered(files: Iterable[Path], folder: Path) -> str:
    """Returns style sheets as one, each in its layer and without comments and needless space."""
    parts = [f"@layer {', '.join(LAYERS)};"]
    for file in files:
        layer = file.relative_to(folder).with_suffix("").parts[0]
        lines = COMMENTS_AND_INDENTS.sub("", file.read_text("utf-8"))
        rules = f"@layer {layer}{{{TEXT_OR_SPACE.sub(lambda part: part[1] or part[2] or '', lines)}}}"
        parts.append(f"@media print{{{rules}}}" if layer == "print" else rules)
    return "\n".join(parts)


def _show(filename: str) -> Response:
    folder = str(current_app.static_folder)
    files = _files(folder, filename)
    match = JOINED.fullmatch(filename)
    if not match or not files:
        return _packed(folder, filename)
    content = _joined(folder, match[1], files, _changes(files), match[3])
    response = either(content, _gzipped(content), mimetype=TYPES[match[1]])
    response.cache_control.no_cache = True
    response.add_etag()
    response.make_conditional(request)
    return response


def _packed(folder: str, filename: str) -> Response:
    path = Path(folder, filename)
    packed = path.with_name(path.name + PACKED)
    # Path.is_file raises an error for a name that is too long.
    if not path.is_relative_to(folder) or not isfile(packed) or packed.stat().st_mtime_ns < path.stat().st_mtime_ns:
        return current_app.send_static_file(filename)
    if not accepts_gzip():
        response = current_app.send_static_file(filename)
    else:
        kind = mimetypes.guess_type(filename)[0]
        response = send_from_directory(folder, f"{filename}{PACKED}", mimetype=kind)
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=64)
def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _url(app: Flask, path: str, _second: int, language: str) -> str:
    if language != languages.ENGLISH and path.startswith("js/"):
        path = f"{path.removesuffix('.js')}.{language}.js"
    address = f"{app.static_url_path}/{path}"
    folder = str(app.static_folder)
    files = _files(folder, path)
    try:
        changes = _changes(files)
    except FileNotFoundError:
        changes = ()
    # The URL of a missing file gives a 404, as it would without a hash.
    return f"{address}?v={_hash(folder, path, files, changes)}" if changes else address


def _files(folder: str, path: str) -> tuple[Path, ...]:
    """Returns the files behind a path: of a sheet or a script all that it is joined from, or none if one is missing."""
    if not (match := JOINED.fullmatch(path)):
        return (Path(folder, path),)
    names = LATER if match[2] == "later" else match[2].split("+")
    sources = _sources(folder, match[1])
    is_known = set(names) <= sources.keys() and len(names) == len(set(names))
    return tuple(sources[name] for name in names) if is_known else ()


@cache
def _sources(folder: str, kind: str) -> dict[str, Path]:
    return {file.stem: file for file in Path(folder, kind).rglob(f"*.{kind}")}


def _changes(files: tuple[Path, ...]) -> tuple[int, ...]:
    return tuple(os.stat(file).st_mtime_ns for file in files)


@lru_cache(maxsize=256)
def _hash(folder: str, path: str, files: tuple[Path, ...], changes: tuple[int, ...]) -> str:
    match = JOINED.fullmatch(path)
    content = _joined(folder, match[1], files, changes, match[3]) if match else files[0].read_bytes()
    return hashlib.sha256(content).hexdigest()[:8]


@lru_cache(maxsize=64)
def _joined(folder: str, kind: str, files: tuple[Path, ...], _changes: tuple[int, ...], language: str | None) -> bytes:
    if kind == "css":
        sheets = layered(files, Path(folder, "css"))
        return ASKED.sub(lambda match: f'url("{asset(match[1])}")', sheets).encode()
    # Without the lines that are comments, and without indents; the directive of the first script holds for all.
    texts = [SCRIPT_COMMENTS_AND_INDENTS.sub("", file.read_text("utf-8")) for file in files]
    names = tuple(file.stem for file in files)
    # What is declared in a part is its own.
    parts = (f'"{name}"(){{\n{text}}}' for name, text in zip(names, texts, strict=True))
    script = f"export default {{{','.join(parts)}}};" if names == LATER else "\n".join(texts)
    with languages.using(language or languages.ENGLISH):
        return SCRIPT_TEXT.sub(lambda match: json.dumps(languages.gettext(json.loads(match[1]))), script).encode()


def _keep_for_ever(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 304):
        path, mark = str((request.view_args or {})["filename"]), request.args.get("v")
        if mark and URLS.get()(path, int(time.monotonic()), languages.ENGLISH).endswith(f"?v={mark}"):
            response.headers["Cache-Control"] = FOR_EVER
    return response


def _preload_maths(response: Response) -> Response:
    """Lets a page with formulas load their font with its style sheet: formulas have other heights in another font."""
    if response.mimetype == "text/html" and not response.is_streamed and b"<math" in response.get_data():
        response.headers.add("Link", f"<{asset(MATHS)}>; rel=preload; as=font; type=font/woff2; crossorigin")
    return response
