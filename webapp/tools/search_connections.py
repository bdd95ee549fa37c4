"""The connection that searches the web: which service, its address, its key, which is stored encrypted, and what it finds."""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from webapp.base import audit, logs
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Invalid
from webapp.base.heavy import child
from webapp.base.words import shortened
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ProviderError
from webapp.models.upstream import Stopped
from webapp.models.upstream.addresses import base_address, parts_of
from webapp.models.upstream.bounded_json import UnreadableJson, load
from webapp.models.upstream.large_replies import read_in_thread
from webapp.settings.secrets.encryption import DecryptionError, Holder, Secret, the_encryption
from webapp.settings.service import set_setting, setting
from webapp.settings.tables import ApplicationSetting
from webapp.streaming.stop import Stop
from webapp.tools.tool import ToolFailed

NAME, KIND, ADDRESS = "tools.search_key", "tools.search_kind", "tools.search_address"
SECONDS, MOST_BYTES, MOST_PARTS = 20.0, 2 * 1024 * 1024, 50_000
MOST_KEY, MOST_URL, MOST_TITLE, MOST_EXTRACT = 500, 2_000, 200, 600
# What is looked at of a text of a reply before tags are removed.
MOST_RAW = 8_000
WHERE = "Administration → Models → Tools"
NOT_SET_UP = f"No web search is set up. An admin can choose one under {WHERE}."
NO_ADDRESS = f"The address of {{}} is missing. Admins enter it in {WHERE}."
NO_KEY = f"The key of {{}} is missing. Admins enter it in {WHERE}."
ELSEWHERE = f"The stored key can't be used with {{}} at this address. Admins enter it again in {WHERE}."
REFUSED = "{} didn't accept the key."
NO_JSON = "{} refused the search. Its settings.yml must list json among the formats of search."
TOO_MANY = "{} has had too many searches for now. Try again later."
FAILED = "{} answered with status {}."
NOT_UNDERSTOOD = "{} sent a reply that couldn't be read."
STOPPED = "The answer was stopped."
TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is sent for a search, relative to the address of the connection; without a `body` it is a GET."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SearchKind:
    """A kind of search connection: how it is asked, and where its reply has the hits and their extracts, best first.

    `page_reader` reads a reply that is a page, in a child process; `order` names the number that sorts the hits, if they aren't
    sorted; `refusals` are the sentences of statuses that mean something else here; `about` is for people who choose.
    """

    label: str
    address: str
    request: Callable[[str, str, int], SearchRequest]
    hits: tuple[str, ...] = ("results",)
    extracts: tuple[str, ...] = ("content",)
    address_name: str = "url"
    order: str = ""
    page_reader: str = ""
    refusals: Mapping[int, str] = field(default_factory=dict)
    needs_key: bool = True
    about: str = ""


@dataclass(frozen=True, slots=True)
class WebHit:
    title: str
    address: str
    extract: str

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""


@dataclass(frozen=True, slots=True)
class SearchConnection:
    """The connection that the settings name, ready to be used."""

    kind: SearchKind
    address: str
    key: str = field(default="", repr=False)


def _of_duckduckgo(query: str, _key: str, _limit: int) -> SearchRequest:
    return SearchRequest(f"/?{urlencode({'q': query})}")


def _of_wikipedia(query: str, _key: str, limit: int) -> SearchRequest:
    asked = {
        "action": "query",
        "format": "json",
        "formatversion": 2,
        "generator": "search",
        "gsrsearch": query,
        "gsrlimit": limit,
        "prop": "extracts|info",
        "exintro": 1,
        "explaintext": 1,
        "exchars": MOST_EXTRACT,
        "exlimit": "max",
        "inprop": "url",
    }
    return SearchRequest(f"?{urlencode(asked)}")


def _of_searxng(query: str, key: str, _limit: int) -> SearchRequest:
    # Without a key of its own; one can be for a proxy in front of it.
    return SearchRequest(f"/search?{urlencode({'q': query, 'format': 'json'})}", _bearer(key) if key else {})


def _of_brave(query: str, key: str, limit: int) -> SearchRequest:
    asked = {"q": query, "count": limit, "text_decorations": "false", "result_filter": "web"}
    return SearchRequest(f"/web/search?{urlencode(asked)}", {"Accept": "application/json", "X-Subscription-Token": key})


def _of_tavily(query: str, key: str, limit: int) -> SearchRequest:
    return SearchRequest("/search", _bearer(key), {"query": query, "max_results": limit, "search_depth": "basic"})


def _of_exa(query: str, key: str, limit: int) -> SearchRequest:
    body = {"query": query, "numResults": limit, "type": "auto", "contents": {"highlights": True}}
    return SearchRequest("/search", {"x-api-key": key}, body)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


KINDS: Mapping[str, SearchKind] = {
    "duckduckgo": SearchKind(
        "DuckDuckGo",
        "https://html.duckduckgo.com/html",
        _of_duckduckgo,
        page_reader="webapp.tools.built_in.search_page",
        # 202 is how it asks whether a person is searching.
        refusals={202: TOO_MANY, 403: TOO_MANY},
        needs_key=False,
        about="Free, no key needed. Searches go to DuckDuckGo, which may limit searches from one address.",
    ),
    "wikipedia": SearchKind(
        "Wikipedia",
        "https://en.wikipedia.org/w/api.php",
        _of_wikipedia,
        hits=("query", "pages"),
        extracts=("extract",),
        address_name="fullurl",
        order="index",
        refusals={403: TOO_MANY},
        needs_key=False,
        about="Free, no key needed. Searches go only to Wikipedia, which may limit searches from one address.",
    ),
    "searxng": SearchKind(
        "SearXNG", "", _of_searxng, refusals={403: NO_JSON}, needs_key=False, about="Your own server. Needs its address."
    ),
    "brave": SearchKind(
        "Brave Search",
        "https://api.search.brave.com/res/v1",
        _of_brave,
        hits=("web", "results"),
        extracts=("description", "extra_snippets"),
        about="Has its own index. Needs a key.",
    ),
    "tavily": SearchKind("Tavily", "https://api.tavily.com", _of_tavily, about="Made for models. Needs a key."),
    "exa": SearchKind(
        "Exa",
        "https://api.exa.ai",
        _of_exa,
        ("results",),
        ("highlights", "summary", "text"),
        about="Searches by meaning. Needs a key.",
    ),
}


def unavailable() -> str:
    """Returns what is missing before the web can be searched, and where it is set; empty if it can be."""
    try:
        connection()
    except ToolFailed as error:
        return error.message
    return ""


def connection() -> SearchConnection:
    """Returns the connection that the settings name; raises `ToolFailed` with what is missing."""
    kind = KINDS.get(setting(KIND))
    if kind is None:
        raise ToolFailed(NOT_SET_UP)
    address = str(setting(ADDRESS)).rstrip("/") or kind.address
    if not address:
        raise ToolFailed(NO_ADDRESS.format(kind.label))
    key = _key(kind)
    if kind.needs_key and not key:
        raise ToolFailed(NO_KEY.format(kind.label))
    return SearchConnection(kind, address, key)


def search(query: str, limit: int, *, stop: Stop, seconds: float = SECONDS) -> list[WebHit]:
    """Returns the first hits for a query, found within `seconds`; raises `ToolFailed` with a sentence."""
    to = connection()
    request, until = to.kind.request(query, to.key, limit), monotonic() + seconds
    # Releases the database connection while waiting for another server.
    db.session.rollback()
    try:
        status, content = _sent(to, request, stop, until)
    except Stopped as error:
        raise ToolFailed(STOPPED) from error
    except ProviderError as error:
        raise ToolFailed(error.message) from error
    if status != 200:
        raise ToolFailed(_refusal(to.kind, status))
    value = _value_of_page(to.kind, content, stop, until) if to.kind.page_reader else read_in_thread(_value, content)
    return list(_hits(to.kind, value, limit))


def _sent(to: SearchConnection, request: SearchRequest, stop: Stop, until: float) -> tuple[int, bytes]:
    method = "POST" if request.body is not None else "GET"
    # An admin has entered the address, so that it can be in this network.
    with providers().upstream.open(
        method,
        to.address + request.path,
        stop=stop,
        headers=request.headers,
        json=request.body,
        first_byte_seconds=max(0.1, until - monotonic()),
        trust="operator",
        label=to.kind.label,
    ) as body:
        body.within(max(0.1, until - monotonic()))
        return body.status, body.read_all(MOST_BYTES)


def _refusal(kind: SearchKind, status: int) -> str:
    words = {401: REFUSED, 403: REFUSED, 429: TOO_MANY, **kind.refusals}.get(status, FAILED)
    return words.format(kind.label, status)


def _value(content: bytes) -> Any:
    try:
        return load(content, most_parts=MOST_PARTS)
    except UnreadableJson:
        return None


def _value_of_page(kind: SearchKind, content: bytes, stop: Stop, until: float) -> Any:
    left = max(0.1, until - monotonic())
    limits = replace(child.SMALL, wall_seconds=left, patience_seconds=left)
    try:
        with (
            child.on_disk(BytesIO(content)) as file,
            closing(child.pieces(kind.page_reader, file, limits, stop=stop)) as pieces,
        ):
            value = next(pieces)
    except (AppError, child.Exceeded, child.ChildCrashed) as error:
        raise ToolFailed(STOPPED if stop else NOT_UNDERSTOOD.format(kind.label)) from error
    if value.get("is_refused"):
        raise ToolFailed(TOO_MANY.format(kind.label))
    return value


def _hits(kind: SearchKind, value: Any, limit: int) -> Iterator[WebHit]:
    """Yields the hits of a reply, one for each address; leaves out what is not a web page."""
    *path, name = kind.hits
    for part in path:
        # Brave and Wikipedia leave out a whole part if there are no hits; Wikipedia does so with an error, too.
        value = value.get(part, {name: []}) if isinstance(value, dict) and "error" not in value else None
    rows = value.get(name) if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise ToolFailed(NOT_UNDERSTOOD.format(kind.label))
    rows = [row for row in rows if isinstance(row, dict)]
    if kind.order:
        rows.sort(key=lambda row: place if isinstance(place := row.get(kind.order), int) else MOST_PARTS)
    hits = (_hit(kind, row) for row in rows)
    by_address = dict[str, WebHit]()
    for hit in hits:
        if hit and hit.address not in by_address:
            by_address[hit.address] = hit
            yield hit
        if len(by_address) == limit:
            return


def _hit(kind: SearchKind, row: Mapping[str, Any]) -> WebHit | None:
    address = row.get(kind.address_name)
    if not isinstance(address, str) or len(address) > MOST_URL:
        return None
    try:
        parts_of(address)
    except ProviderError:
        return None
    extract = next((text for name in kind.extracts if (text := _plain(row.get(name)))), "")
    return WebHit(shortened(_plain(row.get("title")), MOST_TITLE), address, shortened(extract, MOST_EXTRACT))


def _plain(value: Any) -> str:
    """Returns a text, or several, as one line without tags and characters that can't be seen."""
    texts = value[:5] if isinstance(value, list) else [value]
    raw = " … ".join(text[:MOST_RAW] for text in texts if isinstance(text, str) and text)
    words = html.unescape(TAG.sub("", raw)).replace("\u200b", "")
    return " ".join("".join(character if character.isprintable() else " " for character in words).split())


def chosen() -> tuple[str, str]:
    """Returns the service that is set, and its address."""
    return setting(KIND), str(setting(ADDRESS))


def leave_address(before: tuple[str, str], *, author: audit.AuditAuthor) -> None:
    """Empties the address if another service was chosen, and no other address for it: each has its own."""
    kind, address = chosen()
    if address and kind != before[0] and address == before[1]:
        set_setting(ADDRESS, "", author=author)


def check_address(value: Any) -> None:
    """Raises `Invalid` unless the text is empty or an address that can be requested."""
    try:
        if value:
            base_address(str(value))
    except ProviderError as error:
        raise Invalid(error.message, field="value") from error


def set_key(text: str, *, author: audit.AuditAuthor) -> None:
    """Stores the key, bound to the service and the address that are set."""
    if not 0 < len(text) <= MOST_KEY or not (text.isascii() and text.isprintable()):
        raise Invalid(f"A key has 1 to {MOST_KEY} letters, digits and symbols.", field="key")
    if setting(KIND) not in KINDS:
        raise Invalid("Choose a search service first: the key is only ever sent there.", field="key")
    logs.hide(text)
    ciphertext = the_encryption().encrypt_api_key(text, owner=NAME, purpose=_purpose())
    with write() as session:
        row = ApplicationSetting(key=NAME, value="", ciphertext=ciphertext, changed_at=utc_now())
        row.changed_by = author.id
        session.merge(row)
        audit.add(session, "entered the search key", author=author, object_kind="setting", object_id=NAME)


def forget_key(*, author: audit.AuditAuthor) -> None:
    with write() as session:
        if row := session.get(ApplicationSetting, NAME):
            session.delete(row)
            audit.add(session, "deleted the search key", author=author, object_kind="setting", object_id=NAME)


def stored() -> list[Secret]:
    """Returns the encrypted key, if there is one."""
    # Pages ask while they hold a connection: with a second one, many of them would wait for each other.
    ciphertext = db.session.scalar(select(ApplicationSetting.ciphertext).where(ApplicationSetting.key == NAME))
    return [Secret(NAME, "Web search key", ciphertext)] if ciphertext else []


def _key(kind: SearchKind) -> str:
    """Returns the stored key, or nothing; raises `ToolFailed` if it was entered for another service or address."""
    secrets = stored()
    if not secrets:
        return ""
    try:
        key = the_encryption().decrypt_api_key(secrets[0].ciphertext, owner=NAME, purpose=_purpose())
    except DecryptionError as error:
        if not kind.needs_key:
            return ""
        raise ToolFailed(ELSEWHERE.format(kind.label)) from error
    logs.hide(key)
    return key


def _purpose() -> str:
    return f"search key for {setting(KIND)} at {setting(ADDRESS)}"


def _replace(session: Session, _id: str, ciphertext: str, fresh: str) -> bool:
    row = update(ApplicationSetting).where(ApplicationSetting.key == NAME, ApplicationSetting.ciphertext == ciphertext)
    replaced = session.execute(row.values(ciphertext=fresh, changed_at=ApplicationSetting.changed_at))
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


HOLDER = Holder("setting", stored, _replace)
