"""Documents from URLs: fetched within limits, as the site's robots.txt allows, and again when they have changed."""

from collections.abc import Iterator

import pytest
from gevent.pywsgi import WSGIServer
from sqlalchemy import event, update

from tests.support.turns import nobody_waits
from webapp.base.db import db, write
from webapp.base.heavy import charsets
from webapp.knowledge.documents import fetching, importing, web_pages
from webapp.knowledge.documents.service import PART_BYTES
from webapp.knowledge.tables import Document
from webapp.settings.service import set_setting

PAGE = "<html><head><title>Pump care</title></head><body><!-- {} --><p>Oil the bearing {}.</p></body></html>"


class Site:
    """A small web server with configurable pages, which records its requests."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, list[tuple[str, str]], bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.server = WSGIServer(("127.0.0.1", 0), self._answer, log=None)
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def says(self, path: str, text: str | bytes, *, kind: str = "text/html", status: str = "200 OK", **headers: str) -> str:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        content = text if isinstance(text, bytes) else text.encode()
        self.pages[path] = (status, [("Content-Type", kind), *named], content)
        return self.url + path

    def _answer(self, environ, start_response):
        path, tag = environ["PATH_INFO"], environ.get("HTTP_IF_NONE_MATCH", "")
        self.asked.append((path, tag))
        status, headers, content = self.pages.get(path, ("404 Not Found", [("Content-Type", "text/plain")], b""))
        if tag and ("ETag", tag) in headers:
            status, content = "304 Not Modified", b""
        start_response(status, headers)
        return [content]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.stop()


def add(shelf, url: str, status: int = 202, **more: object) -> dict:
    collection = shelf.collection()
    return dict(shelf.program.post(f"/collections/{collection}/documents", {"url": url, **more}, status=status))


@pytest.mark.slow
def test_an_address_is_a_document_and_is_fetched_again(owners_shelf, site):
    url = site.says("/care", PAGE.format(1, "every Friday"), ETag='"1"')
    document = owners_shelf.read(add(owners_shelf, f"{url}#part")["documents"][0]["id"])
    assert (document["title"], document["url"], document["state"]) == ("Pump care", url, "ready")
    assert site.asked == [("/robots.txt", ""), ("/care", "")]
    (before,) = owners_shelf.program.get(f"/documents/{document['id']}/passages")["passages"]

    # Unchanged by its ETag, and then by its text: only markup that is not extracted has changed.
    for text, tag in ((PAGE.format(2, "on Monday"), '"1"'), (PAGE.format(3, "every Friday"), '"2"')):
        site.says("/care", text, ETag=tag)
        assert owners_shelf.program.post(f"/documents/{document['id']}/again", status=202)["state"] == "ready"
    assert site.asked[-1] == ("/care", '"1"')
    assert owners_shelf.program.get(f"/documents/{document['id']}/passages")["passages"] == [before]

    site.says("/care", PAGE.format(4, "on Monday"), ETag='"3"')
    owners_shelf.program.post(f"/documents/{document['id']}/again", status=202)
    assert owners_shelf.read(document["id"])["state"] == "ready"
    (after,) = owners_shelf.program.get(f"/documents/{document['id']}/passages")["passages"]
    assert after["text"].strip() == "Oil the bearing on Monday."


@pytest.mark.slow
def test_a_large_page_is_replaced_a_piece_at_a_time(app, owners_shelf, site):
    url = site.says("/log", "Oil the bearing every Friday.\n" * 10, kind="text/plain")
    document = owners_shelf.read(add(owners_shelf, url)["documents"][0]["id"])
    site.says("/log", "Oil the bearing on Monday.\n" * 40_000, kind="text/plain")
    commits: list[object] = []

    def note(connection):
        commits.append(connection)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", note)
    try:
        owners_shelf.program.post(f"/documents/{document['id']}/again", status=202)
    finally:
        event.remove(engine, "commit", note)

    assert len(commits) > 40_000 * 27 // PART_BYTES
    assert owners_shelf.read(document["id"])["bytes"] == 40_000 * 27

    site.says("/log", "Oil it.", kind="text/plain")
    owners_shelf.program.post(f"/documents/{document['id']}/again", status=202)
    assert owners_shelf.read(document["id"])["bytes"] == 7

    site.says("/log", "", status="410 Gone")
    owners_shelf.program.post(f"/documents/{document['id']}/again", status=422)
    assert owners_shelf.read(document["id"])["bytes"] == 7


@pytest.mark.slow
def test_what_was_replaced_halfway_is_not_read_and_is_fetched_whole(app, owners_shelf, site):
    url = site.says("/care", PAGE.format(1, "every Friday"), ETag='"1"')
    document = owners_shelf.read(add(owners_shelf, url)["documents"][0]["id"])
    # The state that a killed server leaves.
    with app.app_context(), write() as session:
        session.execute(update(Document).values(bytes=Document.bytes + 1, etag="", state="failed", error=web_pages.INTERRUPTED))
    owners_shelf.program.call("PATCH", f"/documents/{document['id']}", {"title": "Pumps"})
    assert (owners_shelf.read(document["id"])["state"], owners_shelf.read(document["id"])["error"]) == (
        "failed",
        importing.INCOMPLETE,
    )
    (kept,) = owners_shelf.program.get(f"/documents/{document['id']}/passages")["passages"]
    assert kept["text"].strip() == "Oil the bearing every Friday."

    owners_shelf.program.post(f"/documents/{document['id']}/again", status=202)
    assert owners_shelf.read(document["id"])["state"] == "ready"


@pytest.mark.slow
def test_it_goes_where_the_address_leads_and_reads_other_kinds(owners_shelf, site):
    site.says("/old", "", status="301 Moved Permanently", Location="/new.php")
    site.says("/new.php", "Öl".encode("iso-8859-2"), kind="text/plain; charset=ISO-8859-2")
    document = owners_shelf.read(add(owners_shelf, site.url + "/old", title="Oil")["documents"][0]["id"])
    assert (document["name"], document["title"], document["url"]) == ("new.php.txt", "Oil", site.url + "/new.php")
    assert owners_shelf.program.call("GET", f"/documents/{document['id']}/text").get_data(as_text=True) == "Öl"


@pytest.mark.slow
@pytest.mark.parametrize("charset", ["Shift_JIS", "iso-2022-jp", "utf-16"])
def test_a_character_between_two_pieces_is_read(owners_shelf, site, charset):
    name = charsets.codec_of(charset)
    text = "a" * (fetching.DECODED_BYTES // len("a".encode(name)) - 1) + "油" * 10
    url = site.says("/log", text.encode(name), kind=f"text/plain; charset={charset}")
    document = add(owners_shelf, url)["documents"][0]["id"]
    owners_shelf.read(document)
    assert owners_shelf.program.call("GET", f"/documents/{document}/text").get_data(as_text=True) == text


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "rot13", "zip", "x" * 200, "a\0b"])
def test_only_charsets_of_texts_are_decoded(charset):
    assert charsets.codec_of(charset) == ""


@pytest.mark.slow
@pytest.mark.parametrize("charset", ["punycode", "gb18030", "iso-2022-jp", "windows-1252"])
def test_a_page_in_any_charset_holds_up_nobody(owners_shelf, site, charset):
    site.says("/page", b"-\x80a\xff\x1b$" * 300_000, kind=f"text/plain; charset={charset}")
    with nobody_waits():
        add(owners_shelf, f"{site.url}/page")


REFUSED = {
    "by its robots": ("/private/x", "text/html", "200 OK", "robots.txt"),
    "for its kind": ("/picture", "image/png", "200 OK", "image/png"),
    "for its status": ("/broken", "text/html", "500 Internal Server Error", "status 500"),
    "for its size": ("/large", "text/plain", "200 OK", "larger than"),
    "as it turns round": ("/round", "text/html", "302 Found", "in a loop"),
    "as it leads inside": ("/inside", "text/html", "302 Found", "isn't allowed"),
}


def test_what_is_refused_says_why(app, owners_shelf, site):
    with app.app_context():
        set_setting("knowledge.file_megabytes", "1")
    site.says("/robots.txt", "User-agent: *\nDisallow: /private\n", kind="text/plain")
    led = {"/round": "/round", "/inside": "http://localhost:1/"}
    collection = owners_shelf.collection()
    for path, kind, status, words in REFUSED.values():
        content = b"x" * (1_100_000 if path == "/large" else 10)
        url = site.says(path, content, kind=kind, status=status, Location=led.get(path, ""))
        said = owners_shelf.program.post(f"/collections/{collection}/documents", {"url": url}, status=422)
        assert words in said["detail"], path


INSIDE = (
    "http://127.0.0.1:1/",
    "http://[::1]/",
    "http://169.254.169.254/latest",
    "file:///etc/passwd",
    "http://a:b@example.org/",
    "x",
)


def test_members_reach_nothing_inside(shelf, site):
    collection = shelf.collection()
    for url in (*INSIDE, site.says("/", "Inside")):
        said = shelf.program.post(f"/collections/{collection}/documents", {"url": url}, status=422)
        assert said["detail"].endswith("."), url
    assert not site.asked


@pytest.mark.slow
def test_an_admin_lends_a_members_address_no_trust(app, owners_shelf, member, site):
    url = site.says("/care", PAGE.format(1, "every Friday"))
    document = owners_shelf.read(add(owners_shelf, url)["documents"][0]["id"])
    asked = list(site.asked)
    with app.app_context(), write() as session:
        session.execute(update(Document).values(added_by=member.person_id))

    said = owners_shelf.program.post(f"/documents/{document['id']}/again", status=422)
    assert "isn't allowed" in said["detail"]
    assert site.asked == asked


@pytest.mark.slow
def test_the_form_takes_an_address(owner, site):
    url = site.says("/care", PAGE.format(1, "every Friday"), ETag='"1"')
    made = owner.submit("/knowledge", name="From the web")
    page = owner.submit(made.path, url=url)
    assert page.says("Added.")
    shown = owner.page(str(page.one("#documents a").attributes["href"]))
    assert shown.one(f"a[href='{url}']").text() == url
    refused = owner.submit(made.path, url="http://169.254.169.254/")
    assert refused.status_code == 422
    assert refused.says("isn't allowed")
