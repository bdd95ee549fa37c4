"""Which origins can send requests, and the security headers of every response."""

import pytest
from flask import Flask, Response
from werkzeug.routing import Rule

from tests.conftest import MakeApp
from tests.support.browser import Browser
from tests.web.conftest import with_wrong_routes
from webapp.base.current import CONFIG
from webapp.people.accounts.guards import policy
from webapp.web.cookies import keep_secret
from webapp.web.security import DRAWER, HEADERS, is_own_host
from webapp.web.server.connection_limiter import ConnectionLimiter
from webapp.web.server.proxies import BehindProxies
from webapp.workspace.links.shown import HEADERS as LINK_HEADERS

EXAMPLES = {"id": "7", "kind": "bug", "filename": "mark.svg", "token": "x", "message_id": "7", "generation_id": "7"}
# The pages of links are open to everyone, and have a stricter policy of their own; no proxy may change their events.
OWN = {
    "/s/x": LINK_HEADERS,
    **dict.fromkeys(("/s/x/frame", "/s/x/save"), LINK_HEADERS),
    **{f"/s/x/messages/7/7{page}": LINK_HEADERS for page in ("", "/drawing", "/frame", "/save")},
    "/s/x/files/7": LINK_HEADERS,
    "/s/x/events": {"Cache-Control": "no-store, no-transform"},
    # Asked for at each visit, and sent only if it has changed.
    "/sw.js": {"Cache-Control": "no-cache"},
}
FOREIGN = "This request came from another site"


def routes(app: Flask) -> list[tuple[str, str]]:
    """Returns every method of every route, with a matching path."""
    found = []
    for rule in app.url_map.iter_rules():
        _, path = rule.build({name: EXAMPLES.get(name, "7") for name in rule.arguments}) or ("", "")
        found += [(method, path) for method in sorted(rule.methods or ())]
    return found


def test_every_route_says_who_may_come_in(app: Flask) -> None:
    def is_silent(rule: Rule) -> bool:
        return rule.endpoint != "static" and not policy(app.view_functions[rule.endpoint])

    assert [rule.rule for rule in app.url_map.iter_rules() if is_silent(rule)] == []


@pytest.mark.slow
def test_every_answer_of_every_route_carries_the_headers(app: Flask, visitor: Browser) -> None:
    for method, path in [*routes(app), ("GET", "/no/such/page"), ("POST", "/healthz")]:
        response = visitor.client.open(path, method=method)
        # A published page with its scripts is the answer to a form.
        is_page = method in ("GET", "HEAD") or (method, path) in (("POST", "/s/x"), ("POST", "/s/x/messages/7/7"))
        expected = HEADERS | (OWN.get(path, {}) if is_page else {})
        for name, value in expected.items():
            if name == "Cache-Control" and path.startswith("/static/"):
                continue
            assert response.headers.get(name) == value, f"{method} {path}: {name}"
        assert "Access-Control-Allow-Origin" not in response.headers
        response.close()


def test_no_get_changes_anything_and_no_change_is_a_get(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert not {"GET", "POST"} <= (rule.methods or set()) or rule.endpoint == "wrong.raising", rule


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:8000", "127.9.9.9", "[::1]:80", "a.localhost"]
)
def test_loopback_names_are_ours_on_any_port(visitor: Browser, host: str) -> None:
    assert visitor.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8000",
        "10.0.0.7",
        "[::2]",
        "",
        "a b",
        "evil.example@localhost",
        "localhost:x",
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/static/mark.svg"])
def test_other_names_are_not(visitor: Browser, host: str, path: str) -> None:
    page = visitor.get(path, headers={"Host": host})

    assert page.status_code == 400
    assert page.says("accept requests for that host name")


def test_named_hosts_are_ours_too(make_app: MakeApp) -> None:
    config = CONFIG.of(make_app(PUBLIC_URL="https://chat.example.org", ALLOWED_HOSTS="chat.lan,10.0.0.7", HOST="192.168.1.5"))

    for host in (
        "chat.example.org",
        "chat.example.org:443",
        "CHAT.example.org.",
        "chat.lan:8000",
        "10.0.0.7",
        "192.168.1.5:8000",
    ):
        assert is_own_host(host, config), host
    for host in ("example.org", "www.chat.example.org", "chat.lan.evil.example", "10.0.0.70", "chat.example.org/x"):
        assert not is_own_host(host, config), host


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
@pytest.mark.parametrize("path", ["/wrong/form", "/login", "/logout"])
def test_no_other_site_posts_here(visitor: Browser, path: str, headers: dict[str, str]) -> None:
    page = visitor.post(path, headers=headers)

    assert page.status_code == 403
    assert page.says(FOREIGN)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin", ""])
def test_no_other_site_reads_by_script_with_our_cookies(visitor: Browser, site: str, mode: str) -> None:
    assert visitor.get("/healthz", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Site": "none"}]
)
def test_other_sites_may_link_here(visitor: Browser, headers: dict[str, str]) -> None:
    assert visitor.get("/healthz", headers=headers).status_code == 200


def test_frames_without_an_origin_get_the_one_script_that_draws(visitor: Browser) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Origin": "null"}
    drawer = visitor.get(f"/static/{DRAWER}", headers=headers)
    assert (drawer.status_code, drawer.headers["Cross-Origin-Resource-Policy"]) == (200, "cross-origin")
    assert visitor.get("/static/vendor/htmx.min.js", headers=headers).status_code == 403
    assert visitor.get("/static/vendor/htmx.min.js").headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://localhost"}])
def test_our_own_forms_go_through(visitor: Browser, headers: dict[str, str]) -> None:
    assert visitor.post("/wrong/form", headers=headers, message="abc").text == "kept 3"


def test_forms_go_through_behind_a_proxy_that_speaks_tls(make_app: MakeApp) -> None:
    app = with_wrong_routes(make_app(ALLOWED_HOSTS="chat.lan"))
    inside = app.wsgi_app
    app.wsgi_app = lambda environ, start: inside(environ | {"wsgi.url_scheme": "http"}, start)
    browser = Browser(app, origin="https://chat.lan")

    assert browser.get("/wrong/form").form("Message").submit(message="abc").text == "kept 3"


def test_a_browser_over_plain_http_names_its_origin_alone(make_app: MakeApp) -> None:
    """Addresses of a local network are not trustworthy, so browsers send them no Sec-Fetch-Site."""
    client = with_wrong_routes(make_app(HOST="192.168.1.5")).test_client()
    for host in ("192.168.1.5", "192.168.1.5:8000"):

        def sent(origin: str, host: str = host) -> int:
            return client.post("/wrong/form", headers={"Host": host, "Origin": origin, "Cookie": "millrace=x"}).status_code

        assert sent(f"http://{host}") == 200
        for origin in (f"https://{host}", "http://192.168.1.5:9000", "http://192.168.1.6", "null", ""):
            assert sent(origin) == 403, origin


def test_an_origin_alone_may_be_that_of_the_public_address(make_app: MakeApp) -> None:
    """Behind a proxy that passes on neither the scheme nor the name."""
    client = with_wrong_routes(make_app(PUBLIC_URL="https://chat.example.org")).test_client()
    codes = {
        origin: client.post("/wrong/form", headers={"Host": "127.0.0.1:8000", "Origin": origin}).status_code
        for origin in ("https://chat.example.org", "http://127.0.0.1:8000", "http://chat.example.org", "https://example.org")
    }

    assert list(codes.values()) == [200, 200, 403, 403]


def test_a_trusted_proxy_says_the_scheme_of_an_origin(make_app: MakeApp) -> None:
    app = with_wrong_routes(make_app(ALLOWED_HOSTS="chat.lan"))
    inside = app.wsgi_app
    app.wsgi_app = BehindProxies(inside, ["127.0.0.1"], ConnectionLimiter(lambda: 100))  # type: ignore[method-assign]
    headers = {"Host": "chat.lan", "X-Forwarded-Proto": "https"}

    assert app.test_client().post("/wrong/form", headers={**headers, "Origin": "https://chat.lan"}).status_code == 200
    assert app.test_client().post("/wrong/form", headers={**headers, "Origin": "http://chat.lan"}).status_code == 403


def test_a_request_that_names_no_site_is_refused_with_advice(app: Flask) -> None:
    page = app.test_client().post("/login", data={"csrf_token": "of an older version"})

    assert page.status_code == 403
    assert "say which site it came from" in page.text


def test_every_cookie_of_ours_is_known_to_the_check() -> None:
    with pytest.raises(ValueError, match="not among the names"):
        keep_secret(Response(), "another", "x", seconds=1)


def test_cookies_are_plain_without_https(visitor: Browser) -> None:
    cookie = visitor.get("/wrong/notice").headers["Set-Cookie"]

    assert cookie.startswith("millrace-form=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_cookies_are_bound_to_the_host_with_https(make_app: MakeApp) -> None:
    answer = Browser(with_wrong_routes(make_app(PUBLIC_URL="https://chat.example.org"))).get("/wrong/notice")

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-millrace-form=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_https_is_not_asked_for_where_there_is_none(visitor: Browser) -> None:
    assert "Strict-Transport-Security" not in visitor.get("/healthz").headers


def test_a_forged_cookie_is_nobodys(visitor: Browser) -> None:
    visitor.client.set_cookie("millrace-form", "eyJfZmxhc2hlcyI6W10sIngiOjF9.forged.forged")

    assert visitor.get("/wrong/form").status_code == 200
