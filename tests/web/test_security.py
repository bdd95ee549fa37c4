"""Which origins can send requests, and the security headers of every response."""

import pytest
from flask import Flask
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from werkzeug.routing import Rule
from werkzeug.test import Client

from tests.conftest import MakeApp
from tests.support.browser import Browser
from tests.web.conftest import with_wrong_routes
from webapp.base.current import CONFIG
from webapp.people.accounts.guards import policy
from webapp.web.htmx import API_PATHS
from webapp.web.security import DRAWER, HEADERS, is_own_host

EXAMPLES = {"id": "7", "kind": "bug", "filename": "mark.svg", "token": "x", "message_id": "7", "generation_id": "7"}
FOREIGN = "This request came from another site"
STALE = "This form has expired"


class SignerOfLastYear(TimestampSigner):
    def get_timestamp(self) -> int:
        return super().get_timestamp() - 365 * 24 * 3600


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
        for name, value in HEADERS.items():
            if name == "Cache-Control" and path.startswith("/static/"):
                continue
            assert response.headers.get(name) == value, f"{method} {path}: {name}"
        assert "Access-Control-Allow-Origin" not in response.headers
        response.close()


def test_no_get_changes_anything_and_no_change_is_a_get(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert not {"GET", "POST"} <= (rule.methods or set()) or rule.endpoint == "wrong.raising", rule


@pytest.mark.slow
def test_every_post_wants_a_token(app: Flask, visitor: Browser) -> None:
    # API routes authenticate differently: see the tests of the API.
    for method, path in routes(app):
        if method not in ("GET", "HEAD", "OPTIONS") and not path.startswith(API_PATHS):
            page = visitor.post(path, token=False)
            assert page.status_code == 403, path
            assert page.says(STALE), path


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
def test_no_other_site_posts_here_even_with_a_token(visitor: Browser, path: str, headers: dict[str, str]) -> None:
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


def test_an_old_token_is_good_as_long_as_its_session(app: Flask, visitor: Browser) -> None:
    signer = URLSafeTimedSerializer(app.secret_key or "", salt="wtf-csrf-token", signer=SignerOfLastYear)
    session_token = signer.loads(visitor.csrf_token())

    assert visitor.post("/wrong/form", token=False, csrf_token=signer.dumps(session_token), message="abc").text == "kept 3"


def test_the_token_of_somebody_else_is_not_good(app: Flask, visitor: Browser) -> None:
    page = visitor.post("/wrong/form", token=False, csrf_token=Browser(app).csrf_token())

    assert page.status_code == 403
    assert page.says(STALE)


@pytest.mark.parametrize("type", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
def test_no_kind_of_content_makes_up_for_the_token(app: Flask, type: str) -> None:
    assert Client(app).post("/wrong/form", data="csrf_token=x", content_type=type).status_code == 403


def test_the_token_may_come_in_a_header(visitor: Browser) -> None:
    page = visitor.post("/wrong/form", token=False, headers={"X-CSRFToken": visitor.csrf_token()}, message="abc")

    assert page.text == "kept 3"


def test_cookies_are_plain_without_https(visitor: Browser) -> None:
    cookie = visitor.get("/wrong/form").headers["Set-Cookie"]

    assert cookie.startswith("millrace-form=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_cookies_are_bound_to_the_host_with_https(make_app: MakeApp) -> None:
    answer = Browser(with_wrong_routes(make_app(PUBLIC_URL="https://chat.example.org"))).get("/wrong/form")

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-millrace-form=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_https_is_not_asked_for_where_there_is_none(visitor: Browser) -> None:
    assert "Strict-Transport-Security" not in visitor.get("/healthz").headers


def test_a_forged_cookie_is_nobodys(visitor: Browser) -> None:
    visitor.client.set_cookie("millrace-form", "eyJjc3JmX3Rva2VuIjoieCJ9.forged.forged")

    assert visitor.get("/wrong/form").status_code == 200
    assert visitor.send("/wrong/form", {"csrf_token": "x"}, follow=False).status_code == 403
