"""What both ways to sign in share: how we name ourselves, where a person is sent, and which code is believed."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from webapp.models.upstream.oauth import PendingSignIn, authorization_url, checked_code, client_record, error_words, texts_in
from webapp.models.upstream.sign_in import SignInFailed, SignInReply

ISSUER = "https://id.example"


@pytest.mark.parametrize(
    ("secret", "methods", "agreed", "method"),
    [
        ("s", (), "", "client_secret_basic"),
        ("s", ("client_secret_post",), "", "client_secret_post"),
        ("s", ("client_secret_post", "client_secret_basic"), "", "client_secret_basic"),
        ("s", ("client_secret_basic",), "client_secret_post", "client_secret_post"),
        ("s", ("client_secret_post",), "private_key_jwt", "client_secret_post"),
        ("", ("client_secret_basic",), "client_secret_basic", "none"),
    ],
)
def test_we_say_who_we_are_in_a_way_that_the_server_knows(
    secret: str, methods: tuple[str, ...], agreed: str, method: str
) -> None:
    assert client_record("millrace", secret, methods, agreed) == {"id": "millrace", "secret": secret, "method": method}


@pytest.mark.parametrize("endpoint", [f"{ISSUER}/authorize", f"{ISSUER}/authorize?tenant=b"])
def test_the_verifier_stays_here(endpoint: str) -> None:
    # The pair of appendix B of RFC 7636.
    attempt: PendingSignIn = {
        "redirect_uri": "https://millrace.example/back",
        "state": "state",
        "verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }

    url = authorization_url(endpoint, "millrace", attempt, {"scope": "openid"})

    query = parse_qs(urlsplit(url).query)
    assert url.startswith(endpoint)
    assert query["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
    assert query["scope"] == ["openid"]
    assert attempt["verifier"] not in url


@pytest.mark.parametrize(
    ("returned", "sends_issuer", "words"),
    [
        ({"code": "c"}, True, "The reply doesn't come from id.example. Please begin again."),
        ({"code": "c", "iss": "https://other.example"}, False, "The reply doesn't come from id.example. Please begin again."),
        ({"error": "access_denied"}, False, "You didn't allow it at id.example."),
        ({"error": "x", "error_description": "Not\u202e today."}, False, "id.example couldn't sign you in: Not today."),
        ({}, False, "id.example sent no code. Please begin again."),
        ({"code": "c" * 8_001}, False, "id.example sent no code. Please begin again."),
    ],
)
def test_a_reply_that_is_no_code_of_this_issuer_is_refused(returned: dict[str, str], sends_issuer: bool, words: str) -> None:
    with pytest.raises(SignInFailed) as failure:
        checked_code(ISSUER, returned, sends_issuer=sends_issuer)
    assert failure.value.message == words


def test_a_code_of_this_issuer_is_believed() -> None:
    assert checked_code(ISSUER, {"code": "c", "iss": ISSUER}, sends_issuer=True) == "c"
    assert checked_code(ISSUER, {"code": "c"}, sends_issuer=False) == "c"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"error": "invalid_grant", "error_description": "It has expired."}, "It has expired"),
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"error": 7}, "HTTP 400"),
        ({}, "HTTP 400"),
    ],
)
def test_an_error_is_a_part_of_a_sentence(value: dict[str, Any], words: str) -> None:
    assert error_words(SignInReply(400, value)) == words


@pytest.mark.parametrize(("value", "texts"), [(["a", 7, "b"], ("a", "b")), ("a", ()), (None, ()), (["a"] * 60, ("a",) * 50)])
def test_only_texts_are_read_of_a_list(value: Any, texts: tuple[str, ...]) -> None:
    assert texts_in(value) == texts
