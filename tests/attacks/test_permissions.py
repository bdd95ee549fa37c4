"""Every route with and without its permission: what is denied to a role or a group is refused everywhere, and nothing is made."""

import pytest
from flask import Flask

from tests.attacks.matrix import FIELDS, ROUTES, RULES, Route
from tests.attacks.test_matrix import address, app as app, fields_for, is_as_told, outcome_of, send, things
from tests.attacks.world import World
from tests.support.rounds import ROUNDS
from webapp.base.db import Base, db
from webapp.people.accounts.permissions import NAMES, REQUIRED, STORED_OVERRIDES, required_by
from webapp.people.accounts.roles import ROLES, is_allowed
from webapp.people.accounts.tables import Group, Membership, Permission

# What no one without any permission can make a row of, whatever they send.
MADE_WITH = (
    *("messages", "generations", "chat_files", "characters", "personas", "lorebooks", "collections", "documents"),
    *("plans", "plan_inputs", "workflow_runs", "tool_servers", "api_tokens"),
)
Says = dict[str, bool]
ADMINISTER = {role: role in ("owner", "admin") for role in ROLES}


def test_what_is_required_exists(app: Flask) -> None:
    with app.app_context():
        required = {name: required_by(name) for name in app.view_functions}
        assert not REQUIRED.get().keys() - app.view_functions.keys() - app.blueprints.keys()
    assert set(required.values()) - {""} == set(NAMES)


def deny(world: World, *, by_group: bool) -> None:
    """Denies this person all permissions, by their role or by a group."""
    with world.app.app_context():
        group = Group(name=f"Denied {world.me}")
        db.session.add(group)
        db.session.flush()
        db.session.add(Membership(group_id=group.id, user_id=world.me))
        who = {"group_id": group.id} if by_group else {"role": world.person}
        db.session.add_all(Permission(**who, name=name, is_allowed=False) for name in NAMES)
        STORED_OVERRIDES.read_again_after(db.session())
        db.session.commit()


def needed(app: Flask, name: str, route: Route) -> str:
    with app.app_context():
        # One list needs a permission that the others don't.
        return required_by(name) or ("plans" if "list of plans" in route.things else "")


def rows(world: World) -> set[tuple[str, str]]:
    with world.app.app_context():
        tables = [table for table in Base.metadata.sorted_tables if table.name in MADE_WITH]
        assert len(tables) == len(MADE_WITH)
        return {(table.name, str(key)) for table in tables for key in db.session.execute(db.select(*table.primary_key))}


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.parametrize(
    ("person", "by_group"),
    [("member", True), ("guest", False)]
    if ROUNDS == 1
    else [(person, by_group) for person in ROLES[1:] for by_group in (True, False)],
)
def test_who_is_denied_everything_begins_and_makes_nothing(app: Flask, fake, person: str, by_group: bool) -> None:
    world, met = World(app, person), set[tuple[str, ...]]()

    def is_new(name: str, route: Route, state: str) -> bool:
        """In a single round, what needs no permission is tried by one who has none, at one route of each kind in a blueprint."""
        kind = (name.partition(".")[0], route.method, route.rule, state)
        return kind not in met and not met.add(kind)

    asked = [
        (route, name, address(world, name, things(world, route.things, state)), outcome)
        for name, routes in ROUTES.items()
        for route in routes
        for state, outcome in RULES[route.rule][person].items()
        if outcome == "in" and (ROUNDS > 1 or needed(app, name, route) or (by_group and is_new(name, route, state)))
    ]
    fields = {name: fields_for(world, name) for name in ROUTES}
    deny(world, by_group=by_group)
    before = rows(world)
    for route, name, path, outcome in asked:
        response = send(world, world.browser(), route.method, path, name, fields[name])
        if required := needed(app, name, route):
            assert outcome_of(response) == "no", f"{route.method} {path}: {response.status} without {required}"
        elif name not in FIELDS:
            assert is_as_told(response, outcome) or outcome_of(response) == "gone", f"{route.method} {path}: {response.status}"
    assert fake.posts() == []
    assert rows(world) <= before


YES, NO, NOTHING = {"plans": True}, {"plans": False}, {"chat": False}


@pytest.mark.parametrize(
    ("role", "by_role", "by_groups", "expected"),
    [
        ("member", NOTHING, [], True),
        ("guest", NOTHING, [], False),
        ("guest", YES, [], True),
        ("member", NO, [], False),
        ("guest", NOTHING, [YES], True),
        ("member", NO, [YES, NOTHING], True),
        ("member", YES, [NO], False),
        ("member", YES, [YES, NO, YES], False),
        ("admin", NO, [], False),
        ("owner", NO, [NO], True),
    ],
)
def test_groups_decide_before_roles_and_no_before_yes(role: str, by_role: Says, by_groups: list[Says], expected: bool) -> None:
    assert is_allowed("plans", role, by_role=by_role, by_groups=by_groups) is expected
    # Nothing takes or gives a right.
    by_all = {"administer": not ADMINISTER[role]}
    assert is_allowed("administer", role, by_role=by_all, by_groups=[by_all]) is ADMINISTER[role]
