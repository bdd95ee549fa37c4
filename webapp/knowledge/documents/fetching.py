"""Fetches web pages, limited in size and time, as the robots.txt of their sites allows."""

import codecs
import time
from dataclasses import dataclass, replace
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from webapp.base.cache import Cache
from webapp.base.current import PerApp
from webapp.base.errors import Invalid
from webapp.base.heavy import charsets
from webapp.base.heavy.threads import offload
from webapp.base.heavy.turns import by_turns
from webapp.engine.engine import the_engine
from webapp.knowledge import formats
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ProviderError
from webapp.models.upstream.addresses import Trust, parts_of
from webapp.models.upstream.body import Stopped
from webapp.streaming.stop import Stop

AGENT = "Millrace"
SECONDS, MOST_DETOURS, MOST_URL = 20.0, 5, 2_000
MOST_BYTES, MOST_ROBOTS = 20 * 1024 * 1024, 256 * 1024
# How long the rules of a site are used again, and of how many sites they are kept.
ROBOTS_SECONDS, MOST_SITES = 3_600.0, 50
# How many bytes of another charset are decoded between two yields: about two milliseconds.
DECODED_BYTES = 65_536
# The file ending for each content type.
ENDINGS = {
    "text/html": "html", "application/xhtml+xml": "html", "text/plain": "txt", "text/markdown": "md", "text/csv": "csv",
    "application/json": "json", "application/xml": "xml", "text/xml": "xml", "application/rss+xml": "xml",
    "application/atom+xml": "xml", "application/pdf": "pdf", "application/epub+zip": "epub", "message/rfc822": "eml",
}  # fmt: skip
PAGES = ("html", "txt", "md", "csv", "xml", "json")
ROBOTS = "The robots.txt of {} doesn't allow this page to be fetched."
NOT_READ = "That address can't be read: it holds {}. These files can: {}."


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A fetched page as a file with a name."""

    content: bytes
    name: str
    url: str
    etag: str


@dataclass(frozen=True, slots=True)
class PageReply:
    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class PageLimits:
    """Where a fetch can lead, when it must be done, on the monotonic clock, how large a page can be, and what else ends it."""

    trust: Trust
    until: float
    most_bytes: int
    stop: Stop | None = None

    @property
    def seconds(self) -> float:
        return max(0.1, self.until - time.monotonic())


# The robots.txt of sites, by origin and trust: what someone else may reach says nothing to those who may not.
SITES = PerApp(lambda: Cache[tuple[str, Trust], bytes](MOST_SITES, seconds=ROBOTS_SECONDS))


def fetch(
    url: str, *, etag: str = "", trust: Trust = "public", most_bytes: int = MOST_BYTES, stop: Stop | None = None
) -> FetchedPage | None:
    """Fetches this URL, or returns None if the page still has this ETag; raises `Invalid` with a sentence for the person.

    `trust` applies only to the host that was entered; redirects to other hosts must lead to public addresses.
    """
    limits = PageLimits(trust, time.monotonic() + SECONDS, most_bytes, stop)
    url = urldefrag(url.strip()).url
    if not url or len(url) > MOST_URL:
        raise Invalid("Enter an address.", field="url")
    try:
        return _followed(url, etag, limits)
    except ProviderError as error:
        raise Invalid(error.message, field="url") from error
    except Stopped as error:
        raise Invalid("The server is being restarted. Please try again in a minute.", field="url") from error


def _followed(url: str, etag: str, limits: PageLimits) -> FetchedPage | None:
    first = parts_of(url).netloc
    for _ in range(MOST_DETOURS + 1):
        here = limits if parts_of(url).netloc == first else replace(limits, trust="public")
        _refuse_robots(url, here)
        reply = _fetched_once(url, {"If-None-Match": etag} if etag else {}, here)
        if reply.status == 304 and etag:
            return None
        if not 300 <= reply.status < 400 or "location" not in reply.headers:
            return _taken(url, reply)
        url = urldefrag(urljoin(url, reply.headers["location"])).url
    raise Invalid("That address redirects in a loop.", field="url")


def _refuse_robots(url: str, limits: PageLimits) -> None:
    """Raises if robots.txt forbids the page: an unreachable file forbids all, a missing one allows all (RFC 9309)."""
    rules = _rules(url, limits)
    if rules and not offload(_is_allowed, rules, url):
        raise Invalid(ROBOTS.format(urlsplit(url).hostname), field="url")


def _rules(url: str, limits: PageLimits) -> bytes:
    """Returns the robots.txt of a site, which is fetched once an hour; empty if it has none."""
    parts, sites = urlsplit(url), SITES.get()
    key = f"{parts.scheme}://{parts.netloc}", limits.trust
    if (rules := sites.get(key)) is not None:
        return rules
    reply = _fetched_once(f"{key[0]}/robots.txt", {}, replace(limits, most_bytes=MOST_ROBOTS))
    if reply.status >= 500:
        raise Invalid(ROBOTS.format(parts.hostname), field="url")
    return sites.put(key, reply.content)


def _is_allowed(robots: bytes, url: str) -> bool:
    rules = RobotFileParser()
    rules.parse(robots.decode("utf-8", "replace").splitlines())
    return rules.can_fetch(AGENT, url)


def _fetched_once(url: str, more: dict[str, str], limits: PageLimits) -> PageReply:
    headers = {"User-Agent": AGENT, "Accept": "text/html, text/*, application/pdf, */*;q=0.5", **more}
    upstream, seconds, trust = providers().upstream, limits.seconds, limits.trust
    with (
        the_engine().stoppable(limits.stop) as stop,
        upstream.open(
            "GET", url, stop=stop, headers=headers, first_byte_seconds=seconds, trust=trust, takes_detours=True
        ) as body,
    ):
        body.within(limits.seconds)
        is_wanted = 200 <= body.status < 300
        content = body.read_all(limits.most_bytes) if is_wanted else b""
        return PageReply(body.status, {name.lower(): value for name, value in body.headers.items()}, content)


def _taken(url: str, reply: PageReply) -> FetchedPage:
    if not 200 <= reply.status < 300:
        raise Invalid(f"The server answered with status {reply.status} instead of a page.", field="url")
    kind, _, parameters = reply.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    path = unquote(urlsplit(url).path).rstrip("/")
    name = path.rpartition("/")[2]
    # The Content-Type header takes precedence over the ending in the URL, such as `/index.php`.
    ending = ENDINGS.get(kind, "") or (formats.ending(name) if formats.kind_of(name) else "")
    if not ending:
        raise Invalid(NOT_READ.format(kind[:60] or "a kind of file that Millrace doesn't know", formats.IN_WORDS), field="url")
    if formats.ending(name) != ending or not formats.kind_of(name):
        name = f"{name or urlsplit(url).hostname}.{ending}"
    content = _in_utf8(reply.content, parameters) if ending in PAGES else reply.content
    return FetchedPage(content, name, url, reply.headers.get("etag", "")[:200])


def _in_utf8(content: bytes, parameters: str) -> bytes:
    """Converts text to UTF-8, which the readers expect, in pieces, if the server declares another charset."""
    codec = charsets.codec_of(parameters.lower().partition("charset=")[2].partition(";")[0].strip(" \"'"))
    # A byte order mark has precedence; the readers know it.
    if codec in ("", "utf-8") or content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content
    decoder = codecs.getincrementaldecoder(codec)("replace")
    pieces = (content[start : start + DECODED_BYTES] for start in range(0, len(content), DECODED_BYTES))
    try:
        texts = [decoder.decode(piece).encode("utf-8", "replace") for piece in by_turns(pieces)]
        return b"".join(texts) + decoder.decode(b"", final=True).encode("utf-8", "replace")
    except UnicodeError:
        # Escapes of ISO-2022-JP that never end.
        return content
