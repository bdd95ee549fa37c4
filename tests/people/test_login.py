"""GET and POST /login, POST /logout: signing in and out."""

from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.people.conftest import disable, let_time_pass
from tests.support.browser import CROSS_SITE, Browser
from tests.support.people import PASSWORD
from tests.support.speed import takes_at_most
from webapp.people.accounts import service
from webapp.settings.service import set_setting


@pytest.fixture
def ann(app: Flask) -> str:
    with app.app_context():
        return service.add_user("ann@example.org", "member", PASSWORD).email


def sign_in(browser: Browser, email: str, password: str = PASSWORD, path: str = "/login") -> Browser:
    page = browser.post(path, email=email, password=password)
    assert page.status_code == 303, page.text
    return browser


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/login").status_code == 303


def test_it_signs_in_and_out(visitor: Browser, ann: str) -> None:
    page = visitor.submit("/login", email=ann, password=PASSWORD)
    assert page.path == "/"

    page = page.press("Sign out")

    assert page.path == "/login"
    assert not is_signed_in(visitor)


def test_before_there_is_an_account_it_says_only_what_to_do(visitor: Browser) -> None:
    page = visitor.page("/login")

    assert page.says("No owner yet. Open the setup link that was printed when Millrace started, or run")
    assert page.says("which prints it again.")
    assert page.one(".notice code").text() == "flask prepare"
    assert not page.has("button", "Sign in")


def test_it_leads_to_the_demo_while_visitors_can_try_it(visitor: Browser, ann: str, app: Flask) -> None:
    assert visitor.page("/login").link("Try the demo").attributes["href"] == "/ai-demo"
    with app.app_context():
        set_setting("demo.visitors", "false")
    assert not visitor.page("/login").has("a", "Try the demo")


def test_after_a_wrong_password_that_is_the_field_to_fill_again(visitor: Browser, ann: str) -> None:
    page = visitor.page("/login")
    assert [node.attributes["name"] for node in page.all("[autofocus]")] == ["email"]
    assert page.says("Forgot your password? An admin can send you a link to choose a new one.")

    page = page.press("Sign in", email=ann, password="another one altogether")
    assert page.textbox("Email").value == ann
    assert [node.attributes["name"] for node in page.all("[autofocus]")] == ["password"]


def test_its_fields_and_its_button_have_their_names(visitor: Browser, ann: str) -> None:
    page = visitor.page("/login")

    assert page.textbox("Email")
    assert page.textbox("Password")
    assert page.button("Sign in")


def test_it_says_the_same_to_the_wrong_and_the_unknown(visitor: Browser, ann: str) -> None:
    pages = [visitor.submit("/login", email=email, password="a wrong guess") for email in (ann, "nobody@example.org")]

    assert [page.status_code for page in pages] == [422, 422]
    assert all(page.says("Incorrect email or password.") for page in pages)
    assert pages[0].textbox("Email").value == ann
    assert not is_signed_in(visitor)


@pytest.mark.slow
def test_it_answers_htmx_with_the_same_page(visitor: Browser, ann: str) -> None:
    assert visitor.htmx_post("/login", email=ann, password="a wrong guess").textbox("Email").value == ann
    assert visitor.htmx_post("/login", email=ann, password=PASSWORD).location == "/"


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_clock")
def test_guessing_is_slowed_down_with_the_time_to_wait(visitor: Browser, ann: str) -> None:
    pages = [visitor.post("/login", email=ann, password="a wrong guess") for _ in range(11)]

    assert [page.status_code for page in pages] == [422] * 10 + [429]
    assert 0 < int(pages[-1].headers["Retry-After"]) <= 6
    assert pages[-1].says("Too many attempts.")


@pytest.mark.slow
@pytest.mark.usefixtures("stopped_clock")
def test_a_forwarded_address_of_a_strangers_does_not_help_to_guess(visitor: Browser, ann: str) -> None:
    def guess(number: int) -> int:
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        return visitor.post("/login", headers=headers, email=ann, password="a wrong guess").status_code

    assert [guess(number) for number in range(11)][-1] == 429


@pytest.mark.slow
def test_the_secret_is_new_and_the_one_before_is_dead(visitor: Browser, app: Flask, ann: str) -> None:
    visitor.client.set_cookie("millrace", "chosen-by-somebody-else")
    first = sign_in(visitor, ann).cookie("millrace")
    second = sign_in(visitor, ann).cookie("millrace")

    assert len({"chosen-by-somebody-else", first, second}) == 3
    with app.app_context():
        assert service.session_user(first or "") is None
        assert service.session_user(second or "") is not None


def test_signing_out_kills_the_session_on_the_server(visitor: Browser, app: Flask, ann: str) -> None:
    secret = sign_in(visitor, ann).cookie("millrace")
    assert visitor.post("/logout").location == "/login"

    assert not visitor.cookie("millrace")
    thief = Browser(app)
    thief.client.set_cookie("millrace", secret or "")
    assert not is_signed_in(thief)


@pytest.mark.slow
def test_signing_out_is_never_a_link_and_never_a_strangers_form(visitor: Browser, ann: str) -> None:
    sign_in(visitor, ann)

    assert visitor.get("/logout").status_code == 405
    assert visitor.post("/logout", headers=CROSS_SITE).status_code == 403
    assert visitor.post("/logout", headers={"Origin": "https://evil.example"}).status_code == 403
    assert is_signed_in(visitor)
    assert visitor.post("/logout").status_code == 303
    assert visitor.post("/logout").status_code == 303


def test_nobody_is_signed_in_by_a_form_of_another_site(visitor: Browser, ann: str) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert visitor.post("/login", headers=headers, email=ann, password=PASSWORD).status_code == 403
    nowhere = {"Origin": "null", "Sec-Fetch-Site": ""}
    assert visitor.post("/login", headers=nowhere, email=ann, password=PASSWORD).status_code == 403
    assert not is_signed_in(visitor)


@pytest.mark.slow
def test_disabled_and_forgotten_sessions_are_signed_out(visitor: Browser, app: Flask, ann: str) -> None:
    secret = sign_in(visitor, ann).cookie("millrace")
    assert is_signed_in(visitor)
    with app.app_context():
        let_time_pass(secret or "", timedelta(days=31))
    assert not is_signed_in(visitor)

    sign_in(visitor, ann)
    with app.app_context():
        disable(ann)
    assert not is_signed_in(visitor)


def test_the_cookie_is_for_the_server_alone(visitor: Browser, ann: str) -> None:
    cookie = visitor.post("/login", email=ann, password=PASSWORD).headers.getlist("Set-Cookie")
    session = next(part for part in cookie if part.startswith("millrace="))

    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(session.split("; "))
    assert "Domain" not in session
    assert "Secure" not in session


def test_with_https_the_cookie_belongs_to_this_host_and_to_https(make_app: MakeApp) -> None:
    app = make_app(PUBLIC_URL="https://chat.example.org")
    with app.app_context():
        service.add_user("ann@example.org", "member", PASSWORD)
    assert app.test_client().post("/login", data={}).status_code == 403

    client = app.test_client()
    base_url = "https://chat.example.org"
    fields = {"email": "ann@example.org", "password": PASSWORD}
    answer = client.post("/login", data=fields, base_url=base_url, headers={"Origin": base_url})

    session = next(cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith("__Host-millrace="))
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(session.split("; "))
    assert client.get("/login", base_url=base_url).status_code == 303


OWN = [("/chats/abc?at=7", "/chats/abc?at=7"), ("/", "/"), ("/characters/ä", "/characters/%C3%A4")]
FOREIGN = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "%2f%2fevil.example",
    "/\t/evil.example",
    "/\r\nLocation: https://evil.example",
    " //evil.example",
    "///evil.example",
    "evil.example",
    "",
]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("wish", "location"), [*OWN, *((wish, "/") for wish in FOREIGN)])
def test_it_leads_on_to_paths_of_its_own_only(visitor: Browser, ann: str, wish: str, location: str) -> None:
    page = visitor.post("/login", next=wish, email=ann, password=PASSWORD)
    assert page.location == location

    assert visitor.get("/login", query={"next": wish}).location == location


def test_who_was_sent_to_sign_in_arrives_where_they_wanted_to_go(visitor: Browser, ann: str) -> None:
    page = visitor.get("/chats?at=3", follow=True)
    assert page.path == "/login"

    page = page.form("Password").submit(follow=False, email=ann, password=PASSWORD)

    assert page.location == "/chats?at=3"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("sign", ["\u0301\u0327", "\ufdfa"], ids=["marks", "a word that becomes eighteen signs"])
def test_an_address_of_a_hundred_thousand_signs_holds_up_nobody(visitor: Browser, ann: str, sign: str) -> None:
    # Normalizing it used to take eight seconds; with four times as many characters, two minutes.
    with takes_at_most(1):
        response = visitor.post("/login", email=f"a{sign * 50_000}@example.org", password=PASSWORD)
    assert response.status_code == 422
