"""Every route that changes something, with every way in which a browser names the site of a request, and with none."""

import pytest
from flask import Flask

from tests.attacks.matrix import ROUTES
from tests.attacks.test_matrix import VALUE
from tests.support.rounds import ROUNDS
from webapp.web.htmx import API_PATHS
from webapp.web.security import FOREIGN, SAFE_METHODS, UNNAMED

OWN = "http://localhost"
COOKIE = {"Cookie": "millrace=x"}
OURS: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": OWN},
    {"Sec-Fetch-Site": "none"},
    {"Origin": OWN},
    {"Sec-Fetch-Site": "", "Origin": OWN},
]
NOT_OURS = (
    "http://localhost:9000",
    "https://localhost",
    "http://sub.localhost",
    "http://localhost.evil.example",
    "http://evil.example",
    "http://localhost@evil.example",
    "http://evil.example/http://localhost",
    "localhost",
    "null",
    "",
)
THEIRS: list[dict[str, str]] = [
    *({"Sec-Fetch-Site": site} for site in ("same-site", "cross-site", "nonsense", "same-origin, cross-site")),
    *({"Sec-Fetch-Site": site, "Origin": OWN} for site in ("same-site", "cross-site", "nonsense")),
    *({"Origin": origin} for origin in NOT_OURS),
    *({"Sec-Fetch-Site": "cross-site", "Origin": origin} for origin in NOT_OURS),
    *({"Sec-Fetch-Site": "same-site", "Origin": origin} for origin in NOT_OURS),
    # Browsers don't send these, but then one of the two headers isn't a browser's. Over TLS the scheme may be unknown here.
    *({"Sec-Fetch-Site": "same-origin", "Origin": origin} for origin in NOT_OURS if origin != "https://localhost"),
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1", "Sec-Fetch-Dest": "document"},
]
# What was proof once, and what proves nothing.
NEITHER: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": ""},
    {"X-CSRFToken": "x", "X-CSRF-Token": "x", "X-Requested-With": "XMLHttpRequest", "HX-Request": "true"},
    {"Referer": f"{OWN}/account", "Sec-Fetch-Mode": "navigate"},
]


@pytest.fixture(scope="module")
def unsafe() -> list[tuple[str, str]]:
    """The endpoint and method of each route that changes something."""
    return [(name, route.method) for name, routes in ROUTES.items() for route in routes if route.method not in SAFE_METHODS]


def refusal(app: Flask, path: str, method: str, *headers: dict[str, str]) -> str:
    """Returns which of the two refusals a request is answered with; empty for any other answer."""
    sent = {name: value for part in headers for name, value in part.items()}
    response = app.test_client(use_cookies=False).open(path, method=method, headers={"Accept": "application/json", **sent})
    text = response.get_data(as_text=True)
    response.close()
    found = next((sentence for sentence in (FOREIGN, UNNAMED) if sentence in text), "")
    assert (response.status_code == 403) >= bool(found), f"{method} {path}"
    return found


def paths(
    app: Flask, unsafe: list[tuple[str, str]], headers: dict[str, str], among: list[dict[str, str]]
) -> list[tuple[str, str]]:
    """Returns the routes to try: in a single round every route with one of a few headers, and one in ten with each of many."""
    rules = {endpoint: next(app.url_map.iter_rules(endpoint)).rule for endpoint, _ in unsafe}
    turns = min(len(among), 10) if ROUNDS == 1 else 1
    return [(method, VALUE.sub("1", rules[endpoint])) for endpoint, method in unsafe[among.index(headers) % turns :: turns]]


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.parametrize("headers", THEIRS, ids=str)
def test_what_another_site_sends_is_refused_everywhere(app: Flask, unsafe, headers: dict[str, str]) -> None:
    for method, path in paths(app, unsafe, headers, THEIRS):
        assert refusal(app, path, method, headers, COOKIE) == FOREIGN, f"{method} {path}"
        # Nor may another site sign its visitors in here.
        assert refusal(app, path, method, headers) == FOREIGN, f"{method} {path}"


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.parametrize("headers", NEITHER, ids=str)
@pytest.mark.parametrize("cookie", ["millrace", "__Host-millrace", "millrace-form", "sidebar"])
def test_a_cookie_without_the_name_of_a_site_is_refused_everywhere(app: Flask, unsafe, headers, cookie: str) -> None:
    for method, path in paths(app, unsafe, headers, NEITHER):
        assert refusal(app, path, method, headers, {"Cookie": f"theirs=1; {cookie}=x"}) == UNNAMED, f"{method} {path}"
        assert refusal(app, path, method, headers, {"Cookie": f"{cookie}=x", "Authorization": "Bearer x"}) == UNNAMED


@pytest.mark.slow
@pytest.mark.rounds
def test_without_a_cookie_only_programs_may_leave_it_out(app: Flask, unsafe) -> None:
    for headers in NEITHER:
        for method, path in paths(app, unsafe, headers, NEITHER):
            wanted = "" if path.startswith(API_PATHS) else UNNAMED
            assert refusal(app, path, method, headers) == wanted, f"{method} {path}"
            assert refusal(app, path, method, headers, {"Authorization": "Bearer x", "Cookie": "theirs=1"}) == wanted
            assert refusal(app, path, method, headers, {"Cookie": "millrace-visitor=x"}) == wanted


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.parametrize("headers", OURS, ids=str)
def test_our_own_pages_are_let_in_everywhere(app: Flask, unsafe, headers: dict[str, str]) -> None:
    for method, path in paths(app, unsafe, headers, OURS):
        assert refusal(app, path, method, headers, COOKIE) == "", f"{method} {path}"
        assert refusal(app, path, method, headers) == "", f"{method} {path}"
