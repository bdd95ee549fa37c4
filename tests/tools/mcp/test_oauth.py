"""Signing in to a tool server: found out, begun, finished, refreshed and revoked as the standards say, and led astray by none."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from gevent.event import Event

from tests.support.mcp_server import STATELESS, HttpServer, Received, Said, said
from tests.support.sign_in_server import SignInServer
from webapp.base.db import utc_now
from webapp.streaming.stop import Stop
from webapp.tools.mcp import oauth
from webapp.tools.mcp.client import Server, SignInRequired, call_tool, list_tools
from webapp.tools.mcp.discovery import challenge_parameters, scopes_in
from webapp.tools.mcp.oauth import BegunSignIn, OAuthTokens, Registration, SignInFailed, client_document

BACK = "https://millrace.example/tools/sign-in/return"
Start = Callable[..., SignInServer]


@pytest.fixture
def start(app: Flask) -> Iterator[Start]:
    servers: list[SignInServer] = []

    def started(**how: Any) -> SignInServer:
        servers.append(SignInServer(STATELESS, **how))
        return servers[-1]

    with app.app_context():
        yield started
    for server in servers:
        server.close()
        assert not server.faults


def begin(server: SignInServer, **how: Any) -> BegunSignIn:
    how = {"trust": "operator", "challenge": server.challenge, "stop": Stop(Event), **how}
    return oauth.begin(server.url, how.pop("redirect_uri", BACK), **how)


def finish(begun: BegunSignIn, reply: dict[str, str]) -> OAuthTokens:
    # As it is stored in between.
    record = json.loads(json.dumps(begun.record))
    return oauth.finish(record, reply["code"], reply["iss"], state=reply["state"], stop=Stop(Event), error=reply.get("error", ""))


def signed_in(server: SignInServer, **how: Any) -> tuple[BegunSignIn, OAuthTokens]:
    begun = begin(server, **how)
    return begun, finish(begun, server.allow(begun.url))


def refresh(begun: BegunSignIn, token: str) -> OAuthTokens:
    return oauth.refresh(begun.record, token, stop=Stop(Event))


def query_of(begun: BegunSignIn) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}


def refused(server: SignInServer, **how: Any) -> str:
    with pytest.raises(SignInFailed) as failure:
        begin(server, **how)
    return failure.value.message


def test_a_person_signs_in_and_their_token_opens_the_server(start: Start) -> None:
    server = start()
    with pytest.raises(SignInRequired) as required:
        list_tools(Server(server.url, trust="operator"), stop=Stop(Event))

    begun = begin(server, challenge=required.value.challenge)
    tokens = finish(begun, server.allow(begun.url))

    assert tokens.expires_at
    assert timedelta(minutes=59) < tokens.expires_at - utc_now() <= timedelta(hours=1)
    assert tokens.scope == "tools:read tools:call offline_access"
    reach = Server(server.url, {"Authorization": f"Bearer {tokens.access}"}, trust="operator")
    assert call_tool(reach, "count", {}, stop=Stop(Event), key="k").text == "counted to 1"


def test_the_person_is_sent_on_with_what_belongs_to_this_sign_in_alone(start: Start) -> None:
    server = start()
    first, second = query_of(begin(server)), query_of(begin(server))

    assert first["resource"] == server.url
    assert (first["response_type"], first["code_challenge_method"], first["redirect_uri"]) == ("code", "S256", BACK)
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


def test_tokens_are_renewed_and_the_old_ones_are_worthless(start: Start) -> None:
    server = start()
    begun, tokens = signed_in(server)

    renewed = refresh(begun, tokens.refresh)

    assert renewed.access != tokens.access
    assert renewed.refresh not in ("", tokens.refresh)
    assert renewed.scope == tokens.scope
    with pytest.raises(SignInRequired, match=r"127\.0\.0\.1 wants you to sign in again\."):
        refresh(begun, tokens.refresh)


def test_a_server_that_gives_no_new_refresh_token_leaves_the_old_one_valid(start: Start) -> None:
    server = start()
    begun, tokens = signed_in(server)
    server.tokens_instead = {"access_token": "next", "token_type": "bearer"}

    renewed = refresh(begun, tokens.refresh)

    assert (renewed.access, renewed.refresh, renewed.expires_at) == ("next", tokens.refresh, None)


def test_a_server_in_trouble_can_be_tried_again(start: Start) -> None:
    server = start()
    begun, tokens = signed_in(server)
    server.tokens_instead = Said(b"<h1>Oops</h1>", "text/html", 503)

    with pytest.raises(SignInFailed, match=r"couldn't renew the sign-in: HTTP 503\."):
        refresh(begun, tokens.refresh)


def test_tokens_are_revoked(start: Start) -> None:
    server = start()
    begun, tokens = signed_in(server)

    oauth.revoke(begun.record, tokens.refresh, stop=Stop(Event))

    assert server.revoked == [tokens.refresh]
    oauth.revoke({**begun.record, "revocation_endpoint": ""}, tokens.access, stop=Stop(Event))
    assert server.revoked == [tokens.refresh]
    server.wants_secret_field = True
    oauth.revoke(begun.record, tokens.access, stop=Stop(Event))
    assert server.revoked == [tokens.refresh, tokens.access]


def test_a_server_that_does_not_revoke_says_so(start: Start) -> None:
    server = start()
    begun, tokens = signed_in(server)
    begun.record["revocation_endpoint"] = f"{server.origin}/nothing"

    with pytest.raises(SignInFailed, match=r"couldn't revoke the sign-in: HTTP 404\."):
        oauth.revoke(begun.record, tokens.access, stop=Stop(Event))


@pytest.mark.parametrize(
    ("tenant", "document"),
    [
        ("", "oauth-authorization-server"),
        ("", "openid-configuration"),
        ("/tenant1", "oauth-authorization-server"),
        ("/tenant1", "openid-configuration"),
        ("/tenant1", "appended"),
    ],
)
def test_the_documents_are_found_where_the_standards_put_them(start: Start, tenant: str, document: str) -> None:
    server = start(tenant=tenant, document=document)
    # A page that answers every other address is no document.
    server.everywhere = Said(b"<!doctype html><title>App</title>", "text/html")

    begun, tokens = signed_in(server, challenge="Bearer")

    assert tokens.access
    assert begun.record["issuer"] == server.issuer


def test_a_server_without_a_document_of_its_own_signs_people_in_itself(start: Start) -> None:
    server = start()
    server.about_resource = {"resource": server.url}
    server.url = f"{server.origin}/other"
    server.about_resource["resource"] = server.url

    begun = begin(server, challenge="")

    assert (begun.record["issuer"], begun.record["resource"]) == (server.origin, server.url)


def test_the_scopes_are_those_of_the_challenge_then_those_of_the_server(start: Start) -> None:
    server = start()
    assert query_of(begin(server))["scope"] == "tools:read tools:call offline_access"
    asked = query_of(begin(server, challenge=f'{server.challenge}, error="insufficient_scope", scope="files:write"', scope="a b"))
    assert asked["scope"] == "a b files:write offline_access"

    del server.about_resource["scopes_supported"]
    del server.about_issuer["scopes_supported"]
    assert "scope" not in query_of(begin(server))


@pytest.mark.parametrize(
    ("registration", "methods"),
    [
        ({"client_secret": "a b:c/ü".replace("ü", "%"), "token_endpoint_auth_method": "client_secret_basic"}, []),
        ({"client_secret": "secret", "token_endpoint_auth_method": "client_secret_post"}, []),
        ({"client_secret": "secret"}, ["client_secret_post"]),
        ({"client_secret": "secret", "token_endpoint_auth_method": "private_key_jwt"}, []),
        ({}, []),
    ],
)
def test_we_register_and_then_prove_who_we_are(start: Start, registration: dict[str, str], methods: list[str]) -> None:
    server = start()
    server.registration, server.about_issuer["token_endpoint_auth_methods_supported"] = registration, methods

    begun, tokens = signed_in(server)

    assert refresh(begun, tokens.refresh).access
    about = json.loads(next(request.body for request in server.log if request.path == "/register"))
    assert (about["redirect_uris"], about["application_type"], about["client_name"]) == ([BACK], "web", "Millrace")


def test_a_program_on_this_machine_says_so(start: Start) -> None:
    server = start()
    begin(server, redirect_uri="http://localhost:8080/return")

    about = json.loads(next(request.body for request in server.log if request.path == "/register"))
    assert about["application_type"] == "native"


def test_what_a_person_has_registered_is_used_for_its_issuer_alone(start: Start) -> None:
    server = start()
    _, tokens = signed_in(server, client=Registration("known", server.issuer, "s p:cret"))
    assert tokens.access
    assert not [request for request in server.log if request.path == "/register"]

    assert "signs people in elsewhere" in refused(server, client=Registration("known", "https://old.example", "s"))


def test_a_document_about_us_is_our_id_where_the_server_takes_one(start: Start) -> None:
    server, document = start(), "https://millrace.example/tools/client.json"
    server.clients[document] = {"secret": "", "redirect_uris": [BACK]}
    assert query_of(begin(server, document=document))["client_id"].startswith("client-")

    server.about_issuer["client_id_metadata_document_supported"] = True
    begun, tokens = signed_in(server, document=document)

    assert tokens.access
    assert query_of(begun)["client_id"] == document
    about = client_document(document, BACK)
    assert (about["client_id"], about["redirect_uris"], about["client_name"]) == (document, [BACK], "Millrace")


@pytest.mark.parametrize("wrong", ["", "https://attacker.example", "ISSUER/"])
def test_a_reply_of_another_issuer_is_not_used(start: Start, wrong: str) -> None:
    server = start()
    begun = begin(server)
    reply = server.allow(begun.url, iss=wrong.replace("ISSUER", server.issuer))

    with pytest.raises(SignInFailed, match=r"doesn't come from 127\.0\.0\.1") as failure:
        finish(begun, {**reply, "error": "attacker's words"})

    assert "attacker" not in failure.value.message
    assert not [request for request in server.log if request.path == "/token"]


def test_a_server_that_does_not_name_itself_need_not(start: Start) -> None:
    server = start()
    del server.about_issuer["authorization_response_iss_parameter_supported"]
    begun = begin(server)
    with pytest.raises(SignInFailed):
        finish(begun, server.allow(begun.url, iss="https://attacker.example"))

    assert finish(begun, server.allow(begun.url, iss="")).access


@pytest.mark.parametrize("state", ["", "other", "\ud800"])
def test_a_reply_to_another_sign_in_is_not_used(start: Start, state: str) -> None:
    server = start()
    begun = begin(server)

    with pytest.raises(SignInFailed, match="isn't the sign-in that was begun"):
        finish(begun, server.allow(begun.url, state=state))
    assert not [request for request in server.log if request.path == "/token"]


def test_a_refusal_is_told_in_words(start: Start) -> None:
    begun = begin(start())
    reply = {"code": "", "iss": begun.record["issuer"], "state": begun.state}

    for error, words in (("access_denied", "You didn't allow it"), ("server_error", "couldn't sign you in: server_error")):
        with pytest.raises(SignInFailed, match=words):
            finish(begun, {**reply, "error": error})
    with pytest.raises(SignInFailed, match="sent no code"):
        finish(begun, reply)


def test_a_code_is_used_once(start: Start) -> None:
    server = start()
    begun = begin(server)
    reply = server.allow(begun.url)
    assert finish(begun, reply).access

    with pytest.raises(SignInFailed, match=r"couldn't sign you in: invalid_grant\."):
        finish(begun, reply)


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "resource",
    ["https://other.example/mcp", "ORIGIN/mcp/deeper", "ORIGIN/mc", "http://127.0.0.1:1/mcp", "ORIGIN/mcp?tenant=b", "", None, 7],
)
def test_a_server_that_mixes_up_who_it_is_is_not_signed_in_to(start: Start, resource: Any) -> None:
    server = start()
    server.about_resource["resource"] = resource.replace("ORIGIN", server.origin) if isinstance(resource, str) else resource

    assert "says how to sign in to another server" in refused(server)


@pytest.mark.parametrize("resource", ["ORIGIN", "ORIGIN/", "ORIGIN/mcp/"])
def test_a_server_may_be_a_part_of_what_a_token_is_for(start: Start, resource: str) -> None:
    server = start()
    server.about_resource["resource"] = resource.replace("ORIGIN", server.origin)

    assert query_of(signed_in(server)[0])["resource"] == server.about_resource["resource"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"issuer": "https://honest.example"}, "says it is another server"),
        ({"issuer": None}, "doesn't say who it is"),
        ({"code_challenge_methods_supported": None}, "PKCE"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"authorization_endpoint": None}, "doesn't say how people sign in"),
        ({"token_endpoint": ["x"]}, "doesn't say how people sign in"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "must start with http"),
        ({"authorization_endpoint": "http://sign-in.example/"}, "isn't reached by https"),
        ({"token_endpoint": "http://sign-in.example/"}, "isn't reached by https"),
        ({"token_endpoint": "https://a:b@sign-in.example/"}, "user name or password"),
        ({"token_endpoint": "https://sign-in.example/#x"}, "can't contain"),
        ({"registration_endpoint": None}, "doesn't register new programs by itself"),
        ({"registration_endpoint": "file:///etc/passwd"}, "must start with http"),
    ],
)
def test_nonsense_of_an_authorization_server_is_one_sentence(start: Start, about: dict[str, Any], words: str) -> None:
    server = start()
    server.about_issuer.update(about)

    assert words in refused(server)


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server", "/register"]
)
@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"null", b'"x"', b"<html>", b"{" * 100_000, b'{"a":' + b"[" * 5_000, b"x" * 1_000_000, b'{"issuer": NaN}'],
    ids=range(10),
)
def test_documents_that_are_none_end_in_a_sentence(start: Start, path: str, content: bytes) -> None:
    server = start()
    usual = server.answer
    server.answer = lambda request: Said(content) if request.path == path else usual(request)  # type: ignore[method-assign]

    assert refused(server).endswith(".")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "value",
    [
        {},
        {"access_token": "x"},
        {"access_token": "x", "token_type": "mac"},
        {"access_token": "", "token_type": "Bearer"},
        {"access_token": ["x"], "token_type": "Bearer"},
        {"access_token": "x\r\nX-Injected: 1", "token_type": "Bearer"},
        {"access_token": "ü", "token_type": "Bearer"},
        {"access_token": "x" * 20_000, "token_type": "Bearer"},
        {"access_token": "x", "token_type": "Bearer", "refresh_token": 7},
        Said(b"<html>", "text/html"),
        Said(b"x" * 1_000_000),
        Said(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
    ids=range(12),
)
def test_tokens_that_are_none_end_in_a_sentence(start: Start, value: Any) -> None:
    server = start()
    begun, tokens = signed_in(server)
    server.tokens_instead = value

    for failing in (lambda: finish(begun, server.allow(begun.url)), lambda: refresh(begun, tokens.refresh)):
        with pytest.raises(SignInFailed) as failure:
            failing()
        assert failure.value.message.endswith(".")


@pytest.mark.parametrize(
    ("seconds", "least", "most"),
    [("60", 50, 60), (-5, -1, 0), (1e12, 86_400 * 365, 86_400 * 366), (0, -1, 0)],
)
def test_how_long_a_token_lives_is_bounded(start: Start, seconds: Any, least: float, most: float) -> None:
    server = start()
    server.lives_seconds = seconds
    _, tokens = signed_in(server)

    assert tokens.expires_at
    assert least <= (tokens.expires_at - utc_now()).total_seconds() <= most


@pytest.mark.parametrize("seconds", [None, "soon", [], {}, True])
def test_a_life_that_is_none_is_unknown(start: Start, seconds: Any) -> None:
    server = start()
    server.lives_seconds = seconds
    _, tokens = signed_in(server)

    assert tokens.expires_at is None or seconds is True


@pytest.mark.parametrize("trust", ["operator", "public"])
def test_a_server_leads_us_to_no_address_in_this_network(start: Start, trust: str) -> None:
    inner = Inner()
    try:
        server = start()
        server.about_resource["authorization_servers"] = [inner.origin]
        assert "isn't allowed to use" in refused(server, trust=trust)

        server.about_resource["authorization_servers"] = [server.issuer]
        server.about_issuer |= {"registration_endpoint": f"{inner.origin}/register"}
        assert "isn't allowed to use" in refused(server, trust=trust)

        challenge = f'Bearer resource_metadata="{inner.origin}/x"'
        assert "isn't allowed to use" in refused(server, challenge=challenge, trust=trust)

        server.about_issuer |= {"registration_endpoint": f"{server.origin}/register", "token_endpoint": f"{inner.origin}/token"}
        if trust == "operator":
            begun = begin(server)
            reply = {"code": "c", "iss": server.issuer, "state": begun.state}
            with pytest.raises(SignInFailed, match="isn't allowed to use"):
                finish(begun, reply)
        assert not inner.log
    finally:
        inner.close()


class Inner(HttpServer):
    """A server in this network, which gets no request."""

    def answer(self, request: Received) -> Said:
        return said({})


def test_an_issuer_that_a_person_has_entered_may_be_in_this_network(start: Start) -> None:
    server, other = start(), start()
    server.about_resource["authorization_servers"] = [other.issuer]
    other.about_resource["resource"] = server.url
    assert "isn't allowed to use" in refused(server)

    begun = begin(server, client=Registration("known", other.issuer, "s p:cret"))
    assert finish(begun, other.allow(begun.url)).access


def test_a_server_that_says_nothing_is_signed_in_to_where_a_person_has_entered(start: Start) -> None:
    server, other = start(), start()
    server.url = f"{server.origin}/other"
    other.about_resource["resource"] = server.url

    begun = begin(server, challenge="", client=Registration("known", other.issuer, "s p:cret"))
    assert finish(begun, other.allow(begun.url)).access


@pytest.mark.parametrize("address", ["http://tools.example/mcp", "ftp://tools.example/", "not an address", ""])
def test_only_a_secure_address_is_signed_in_to(app: Flask, address: str) -> None:
    with app.app_context(), pytest.raises(SignInFailed):
        oauth.begin(address, BACK, stop=Stop(Event), trust="operator")


def test_what_is_logged_has_no_secrets(start: Start) -> None:
    server = start()
    begun, tokens = signed_in(server, client=Registration("known", server.issuer, "s p:cret"))

    words = f"{begun} {tokens} {Registration('known', server.issuer, 's p:cret')}"
    secrets = (tokens.access, tokens.refresh, begun.state, begun.record["verifier"], "cret")
    assert not [secret for secret in secrets if secret in words]


def test_a_person_comes_back_to_a_secure_address_alone(start: Start) -> None:
    server = start()

    assert "isn't reached by https" in refused(server, redirect_uri="http://millrace.example/return")
    assert not server.log


def test_a_stop_ends_it(start: Start) -> None:
    server, stop = start(), Stop(Event)
    stop.request("user")

    assert refused(server, stop=stop) == "Signing in was stopped."
    assert not server.log


@pytest.mark.parametrize(
    ("challenge", "parameters"),
    [
        (
            'Bearer resource_metadata="https://a.example/x", scope="a b"',
            {"resource_metadata": "https://a.example/x", "scope": "a b"},
        ),
        ('Basic realm="x", Bearer error="invalid_token"', {"error": "invalid_token"}),
        ('bearer  realm="a \\"b\\"",error=insufficient_scope', {"realm": 'a "b"', "error": "insufficient_scope"}),
        ('Bearer scope="first", scope="second"', {"scope": "first"}),
        ("Bearer", {}),
        ("Digest nonce=x", {}),
        ("", {}),
        ('Bearer scope="' + "x" * 100_000, {}),
        ("Bearer " + "a=" * 50_000, {"a": "a=" * 1_996 + "a"}),
    ],
)
def test_a_challenge_is_read_in_bounded_time(challenge: str, parameters: dict[str, str]) -> None:
    found = challenge_parameters(challenge)

    assert found == parameters or len(challenge) > 10_000


def test_scopes_are_what_can_be_sent() -> None:
    assert scopes_in('a b "c" d\\ a \x00 ü files:read') == ("a", "b", "files:read")
    assert scopes_in(["x", 1, None, "y z"]) == ("x",)
    assert scopes_in(7) == ()
    assert len(scopes_in([str(number) for number in range(1000)])) == 50
