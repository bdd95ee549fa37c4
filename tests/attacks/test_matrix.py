"""Every route, for every kind of person and every state of its object, behaves exactly as the access matrix states."""

import re
from collections.abc import Iterable, Iterator
from functools import cache, partial

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.client import least_body
from tests.attacks.matrix import ADMINS, FIELDS, PEOPLE, PLANNERS, ROUTES, RULES, SIGNED_IN, Route
from tests.attacks.world import CANARY, World
from tests.chat.conftest import id_of
from tests.support.rounds import ROUNDS
from tests.upstream.handle import Upstream
from webapp.api.operations import operation_of
from webapp.people.accounts.guards import policy
from webapp.settings.service import set_setting
from webapp.web.htmx import OURS

# A placeholder in a route's address.
VALUE = re.compile(r"<[^>]*>")
IMPLIED = {"HEAD", "OPTIONS"}
DONE = ("in", "out")
# In a single round, some kinds of people are tried with these states of an object alone, as another kind meets the same guard
# with all of them: people without an account where no visitor is let in, and members wherever an admin has no power of theirs.
AT_THE_DOOR = ("", "own", "there")
TO_AN_ADMIN = ("", "own", "foreign", "visitors", "to read", "to write")
# What browsers never take for a page, whatever it contains.
INERT = {"application/json", "application/problem+json", "application/manifest+json", "text/event-stream", "text/plain"}
# Files that come with us, and pages from our templates that no script swaps into another.
OF_OURS = {
    "static",
    "offline.worker",
    "shared.show",
    "shared.run",
    "shared_blocks.show",
    "shared_blocks.run",
    "shared_blocks.draw",
}
MEANT = {"shut": ("door", "gone"), "out": ("door",)}
Case = tuple[str, Route, str, str]
# Objects that the person must own and a request can have to name, and the kinds of people who can have them.
OWN = {
    "own_chat": ("chat", SIGNED_IN),
    "own_character": ("character", SIGNED_IN),
    "own_inputs": ("plan inputs", PLANNERS),
    "own_project": ("project", SIGNED_IN),
}


@pytest.fixture
def app(app: Flask, fake: Upstream) -> Flask:
    """An application without rate limits."""
    with app.app_context():
        for name in ("limits.streams_per_minute", "limits.concurrent_streams", "limits.sse_per_user", "limits.sse_per_chat"):
            set_setting(name, "0")
    return app


def methods_of(app: Flask) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        found.setdefault(rule.endpoint, set()).update((rule.methods or set()) - IMPLIED)
    return found


def test_every_route_and_method_stands_in_the_table(app: Flask) -> None:
    told = {(name, route.method) for name, routes in ROUTES.items() for route in routes}
    there = {(name, method) for name, methods in methods_of(app).items() for method in methods}
    assert not there - told, "enter what is new in TABLE of tests/FEATURE/access_rows.py"
    assert not told - there, "these are gone: take them out"


def test_every_route_has_the_policy_of_the_table(app: Flask) -> None:
    declared = {name: policy(view) for name, view in app.view_functions.items()}

    assert declared == {name: routes[0].policy for name, routes in ROUTES.items()}
    assert [name for name, found in declared.items() if not found] == ["static"]


def test_the_table_speaks_of_every_name_in_an_address(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert len(ROUTES[rule.endpoint][0].things) == len(rule.arguments), rule


def test_every_rule_speaks_of_everybody() -> None:
    assert {name: set(rule) for name, rule in RULES.items()} == {name: set(PEOPLE) for name in RULES}


def cases(person: str) -> Iterator[Case]:
    for name, routes in ROUTES.items():
        for route in routes:
            for state, outcome in RULES[route.rule][person].items():
                yield name, route, state, outcome


def is_alike(case: Case, person: str) -> bool:
    """Whether another kind of person meets the same guard in this case, which then is tried only in more than one round."""
    _, route, state, outcome = case
    if outcome in DONE:
        return person in ADMINS and RULES[route.rule]["member"].get(state) == outcome
    if person in ("visitor", "disabled"):
        return route.policy != "anybody" and "visitors" not in route.policy and state not in AT_THE_DOOR
    return person == "admin" and state not in TO_AN_ADMIN


def tried(person: str) -> Iterator[Case]:
    met = set[tuple[str, ...]]()
    like = {"guest": "member", "owner": "admin"}.get(person, "")
    for case in cases(person):
        name, route, state, outcome = case
        # In a single round, what a guest meets like a member is tried at one route of each kind in a blueprint, and what the
        # owner meets like an admin at one route of each rule.
        guard = (route.rule, state) if person == "owner" else (name.partition(".")[0], route.method, route.rule, state)
        is_like_theirs = like and RULES[route.rule][like].get(state) == outcome
        if ROUNDS == 1 and (is_alike(case, person) or (is_like_theirs and guard in met)):
            continue
        met.add(guard)
        yield case


@pytest.mark.slow
@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.rounds
def test_who_is_refused_changes_nothing_and_learns_nothing(app: Flask, fake, person: str) -> None:
    world = World(app, person)
    # As nothing is changed, all requests can use the same objects; separate ones for each would fill the sidebar with chats.
    same = cache(partial(things, world))
    refused = [(case, address(world, case[0], same(case[1].things, case[2]))) for case in tried(person) if case[3] not in DONE]
    # A route for GET also answers HEAD, for every kind of person.
    browser, has_head = world.browser(), person in ("member", "visitor") or ROUNDS > 1
    fields = {case[0]: fields_for(world, case[0]) for case, _ in refused}
    with world.unchanged():
        for (name, route, state, outcome), path in refused:
            for method in (route.method, "HEAD") if route.method == "GET" and has_head else (route.method,):
                response = send(world, browser, method, path, name, fields[name])
                assert is_as_told(response, outcome), f"{method} {path} ({state}): {response.status}, not {outcome}"
                assert CANARY not in response.text, f"{method} {path}"
    assert fake.posts() == []


@pytest.mark.slow
@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.rounds
def test_who_may_is_let_in(app: Flask, fake, person: str) -> None:
    fake.says("Fine.")
    world = World(app, person)
    # Reading changes nothing, so all reads share a session and the objects; any other request gets new ones.
    reader, same = world.browser(), cache(partial(things, world))
    for name, route, state, outcome in sorted(tried(person), key=lambda case: not is_read(case)):
        if outcome in DONE:
            is_reading = is_read((name, route, state, outcome)) and name not in FIELDS
            path = address(world, name, (same if is_reading else partial(things, world))(route.things, state))
            browser = reader if is_reading else world.browser()
            response = sent(world, browser, route.method, path, name)
            assert is_as_told(response, outcome), f"{route.method} {path} ({state}): {response.status} {response.text[:300]}"
            assert name in OF_OURS or is_inert(response), f"{path}: send it with `render` or `written`"


@pytest.mark.slow
@pytest.mark.rounds
def test_no_other_method_does_anything(app: Flask, owner) -> None:
    routes = app.url_map.bind("localhost")
    paths = {VALUE.sub("1", rule.rule) for rule in app.url_map.iter_rules()}
    for number, path in enumerate(sorted(paths)):
        # What another route takes at the same path, such as that of an object called like a page, is that route's.
        taken = routes.allowed_methods(path)
        others = [method for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND") if method not in taken]
        # In a single round, each path is tried with one of them by turns.
        for method in others if ROUNDS > 1 else others[number % len(others) :][:1]:
            response = owner.client.open(path, method=method, headers=own_headers(owner))
            assert response.status_code == 405, f"{method} {path}"


@pytest.mark.slow
def test_what_is_done_by_a_form_is_never_done_by_a_link(app: Flask, owner) -> None:
    readable = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    for rule in app.url_map.iter_rules():
        if rule.rule not in readable:
            response = owner.client.get(VALUE.sub("1", rule.rule))
            # 404 where the path looks like the address of an object, which then does not exist.
            assert response.status_code in (404, 405), rule
    assert owner.get("/account").status_code == 200


@pytest.mark.slow
@pytest.mark.rounds
def test_guessed_names_open_nothing(member, stranger, fake) -> None:
    """Ids are not secret: those close to a known one lead to 404 like any other."""
    fake.says("Mine.")
    page = member.wait_for(member.post("/chats", message=CANARY).location.partition("#")[0], lambda page: "Mine" in page.text)
    known = id_of(page.path)
    for number in range(1000 if ROUNDS > 1 else 250):
        guess = f"{known[:-2]}{number:02}"[: len(known)] if number < 100 else f"{known[:-3]}{number:03}"
        response = stranger.client.get(f"/chats/{guess}")
        assert response.status_code == 404
        assert CANARY not in response.text


def is_read(case: Case) -> bool:
    _, route, _, outcome = case
    return route.method == "GET" and outcome != "out"


def things(world: World, kinds: tuple[str, ...], state: str) -> list[str]:
    """Returns the values in an address: the first object in this state, the others existing ones."""
    return [world.thing(kind, state if place == 0 else "there") for place, kind in enumerate(kinds)]


def address(world: World, name: str, things: list[str]) -> str:
    """Returns the path of a route for these objects."""
    rule = next(world.app.url_map.iter_rules(name))
    values = dict(zip(sorted(rule.arguments, key=rule.rule.index), things, strict=True))
    with world.app.test_request_context():
        return str((rule.build(values) or ("", ""))[1])


def is_needed(world: World, key: str, wanted: Iterable[tuple[str, str | list[str]]]) -> bool:
    """Whether a request names an object of the person's own, and the person can have one."""
    return f"{{{key}}}" in str(dict(wanted)) and world.person in OWN[key][1]


def sent(world: World, browser, method: str, path: str, name: str) -> TestResponse:
    return send(world, browser, method, path, name, fields_for(world, name))


def fields_for(world: World, name: str) -> dict[str, str | list[str]]:
    """Returns the fields that a request must contain; creates the objects of the person's own that they name."""
    wanted = FIELDS.get(name, {}).items()
    own = {key: world.thing(kind, "own") if is_needed(world, key, wanted) else "" for key, (kind, _) in OWN.items()}
    filled = partial(str.format, other=world.other, answer=world.last_answer, **own)
    return {field: [*map(filled, value)] if isinstance(value, list) else filled(value) for field, value in wanted}


def send(world: World, browser, method: str, path: str, name: str, more: dict[str, str | list[str]]) -> TestResponse:
    operation, headers = operation_of(world.app.view_functions[name]), own_headers(browser)
    fields = {"data": more} if method == "POST" else {"query_string": more}
    if operation:
        body = least_body(operation)
        fields = {} if body is None else {"json": {**body, **more}}
    response = browser.client.open(path, method=method, headers=headers, buffered=False, **fields)
    if response.mimetype == "text/event-stream":
        response.close()
        response.set_data(b"")
    response.get_data()
    response.close()
    return response


def own_headers(browser) -> dict[str, str]:
    return {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}


def is_inert(response: TestResponse) -> bool:
    """Whether what people wrote can't act as a page of ours: it was rendered, is no page, or has a policy that disarms it."""
    is_rendered, policy = OURS in response.headers, response.headers.get("Content-Security-Policy", "")
    is_disarmed = "sandbox" in policy.replace(";", " ").split() or "object-src 'self'" in policy
    is_empty = response.status_code in (204, 303) or (response.status_code >= 400 and is_rendered)
    return is_rendered or is_disarmed or is_empty or response.mimetype in INERT


def outcome_of(response: TestResponse) -> str:
    location = response.headers.get("Location", "")
    if response.status_code == 303 and location.partition("?")[0] == "/login":
        return "door"
    # 502: access was granted, and the scripted model returned no plan.
    known = {401: "door", 403: "no", 404: "gone", 502: "in"}
    return known.get(response.status_code, "in" if response.status_code < 500 else "fault")


def is_as_told(response: TestResponse, outcome: str) -> bool:
    return outcome_of(response) in MEANT.get(outcome, (outcome,))
