"""The access matrix: every route and method, for every kind of person and every state of the requested object.

A route names the rule that applies to it, and the kinds of the objects in its address. A rule gives the outcome for each kind
of person and each state of the object:

    in    access is granted, whatever the view then returns for an empty form
    door  303 to the sign-in page, or 401 for an API client
    no    403
    gone  404, the same as for an object that never existed
    shut  door or gone: nothing of the object is shown
    out   the request succeeds, and redirects to the sign-in page
"""

from dataclasses import dataclass
from importlib import import_module

from tests.attacks.api_rows import TABLE as PROGRAMS
from tests.attacks.page_rows import pages
from tests.attacks.people import ADMINS, OUTSIDE, PEOPLE, PLANNERS, SIGNED_IN, TEAM
from tests.attacks.rows import rows
from tests.support.source import ROOT

# Each feature's own entries, in `tests/FEATURE/access_rows.py`.
FEATURES = [
    import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in sorted(ROOT.glob("tests/**/access_rows.py"))
]
# The states of a chat, or of an object in it, as seen by the requester; a buried object is in a deleted chat.
STATES = ("own", "foreign", "visitors", "deleted", "buried", "random")
GIVEN = ("to read", "to write")

Rule = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Route:
    """One route and its rule. `things` lists the kind of each object in the address; the rule is about the first."""

    method: str
    policy: str
    rule: str
    things: tuple[str, ...] = ()


def _all(people: tuple[str, ...], states: tuple[str, ...], what: str) -> Rule:
    return {person: dict.fromkeys(states, what) for person in people}


def _together(*rules: Rule) -> Rule:
    whole: Rule = {}
    for rule in rules:
        for person, states in rule.items():
            whole[person] = whole.get(person, {}) | states
    return whole


_CLOSED = _together(
    _all(SIGNED_IN, (*STATES, *GIVEN), "gone"),
    _all(OUTSIDE, STATES, "door"),
    _all(("disabled",), GIVEN, "door"),
    _all(("visitor",), ("deleted",), "shut"),
)
_PEOPLES_OWN = _all(SIGNED_IN, ("own",), "in")
_OWN = _all(("visitor", *SIGNED_IN), ("own",), "in")
_ADMINS = _together(_all(OUTSIDE, ("there", "random"), "door"), _all(TEAM, ("there", "random"), "no"))

_ONES_OWN = _together(
    _all(OUTSIDE, ("own", "foreign", "random"), "door"),
    _all(SIGNED_IN, ("own",), "in"),
    _all(SIGNED_IN, ("foreign", "random"), "gone"),
)

RULES: dict[str, Rule] = {
    # Routes without an object in the address.
    "open": _all(PEOPLE, ("",), "in"),
    "people": _together(_all(OUTSIDE, ("",), "door"), _all(SIGNED_IN, ("",), "in")),
    "admins": _together(_all(OUTSIDE, ("",), "door"), _all(TEAM, ("",), "no"), _all(ADMINS, ("",), "in")),
    # A chat and its contents: no role has access to another person's.
    "owner": _together(_CLOSED, _OWN),
    "writers": _together(_CLOSED, _OWN, _all(SIGNED_IN, ("to write",), "in")),
    "readers": _together(_CLOSED, _OWN, _all(SIGNED_IN, GIVEN, "in")),
    "owner, from the trash too": _together(_CLOSED, _OWN, _all(("visitor", *SIGNED_IN), ("deleted",), "in")),
    # The same for objects that visitors can't have.
    "person": _together(_CLOSED, _PEOPLES_OWN),
    "writing people": _together(_CLOSED, _PEOPLES_OWN, _all(SIGNED_IN, ("to write",), "in")),
    "reading people": _together(_CLOSED, _PEOPLES_OWN, _all(SIGNED_IN, GIVEN, "in")),
    "person, an admin": _together(_CLOSED, _all(TEAM, (*STATES, *GIVEN), "no"), _all(ADMINS, ("own",), "in")),
    "person, from the trash alone": _together(_CLOSED, _all(SIGNED_IN, ("deleted", "buried"), "in")),
    "person, from the trash too": _together(_CLOSED, _PEOPLES_OWN, _all(SIGNED_IN, ("deleted",), "in")),
    "person, in a list or in the trash": _together(_CLOSED, _PEOPLES_OWN, _all(SIGNED_IN, ("deleted", "buried"), "in")),
    "person, what was deleted alone": _together(_CLOSED, _all(SIGNED_IN, ("deleted",), "in")),
    "person, but no guest": _together(_CLOSED, _PEOPLES_OWN, _all(("guest",), ("own",), "no")),
    # An answer's record without its text: admins can see everyone's, and its chat can be deleted.
    "own answers, for admins all": _together(
        _CLOSED, _all(SIGNED_IN, ("own", "deleted", "buried"), "in"), _all(ADMINS, ("foreign", "visitors", *GIVEN), "in")
    ),
    # A session or a token, for its owner.
    "one's own": _ONES_OWN,
    "one's own, but no guest": _together(_ONES_OWN, _all(("guest",), ("own",), "no")),
    "one's own, and an owner's": _together(_ONES_OWN, _all(("owner",), ("foreign",), "in")),
    # Objects that admins manage.
    "looked after": _together(_ADMINS, _all(ADMINS, ("there",), "in"), _all(ADMINS, ("random",), "gone")),
    # A tool server: its owner's, or the site's, which admins look after.
    "tool server's keeper": _together(
        _all(OUTSIDE, ("own", "foreign", "there", "random"), "door"),
        _all(SIGNED_IN, ("own",), "in"),
        _all(SIGNED_IN, ("foreign", "random", "there"), "gone"),
        _all(ADMINS, ("there",), "in"),
    ),
    # A person's own, or the team's, which admins look after.
    "connection's keeper": _together(_ONES_OWN, _ADMINS, _all(ADMINS, ("there",), "in")),
    "any name": _together(
        _all(OUTSIDE, ("there", "random"), "door"), _all(SIGNED_IN, ("there",), "in"), _all(SIGNED_IN, ("random",), "gone")
    ),
    # Plans are available to all but guests, each to its owner only.
    "planners": _together(_all(OUTSIDE, ("",), "door"), _all(("guest",), ("",), "no"), _all(PLANNERS, ("",), "in")),
    "a planner's own": _together(
        _all(OUTSIDE, ("own", "foreign", "random"), "door"),
        _all(("guest",), ("own", "foreign", "random"), "no"),
        _all(PLANNERS, ("own",), "in"),
        _all(PLANNERS, ("foreign", "random"), "gone"),
    ),
    "for planners": _together(
        _all(OUTSIDE, ("there", "random"), "door"),
        _all(("guest",), ("there", "random"), "no"),
        _all(PLANNERS, ("there",), "in"),
        _all(PLANNERS, ("random",), "gone"),
    ),
    # A link to a chat, for its maker and, to revoke it, for admins.
    "link's maker": _together(_ONES_OWN, _all(ADMINS, ("foreign",), "in")),
    # All who have the address of a link can open it, and all with an account can continue what it shows.
    "open link": _together(_all(PEOPLE, ("there",), "in"), _all(PEOPLE, ("random",), "gone")),
    # A stream says the same of a link that isn't open, so that a page which shows it is emptied.
    "link or not": _all(PEOPLE, ("there", "random"), "in"),
    # A link's token determines what it opens.
    "link": _together(_all(PEOPLE, ("there",), "in"), _all(PEOPLE, ("random",), "no")),
    # What anyone can open who knows its id, and what only sends them on to the sign-in page.
    "anyone's": _together(_all(PEOPLE, ("there",), "in"), _all(PEOPLE, ("random",), "gone")),
    "leads from it to the door": _together(_all(PEOPLE, ("there",), "out"), _all(PEOPLE, ("random",), "gone")),
    "no link": _all(PEOPLE, ("",), "no"),
    "leads to the door": _all(PEOPLE, ("",), "out"),
}

ROUTES: dict[str, tuple[Route, ...]] = {
    "static": (Route("GET", "", "open", ("file",)),),
    "health.alive": (Route("GET", "anybody", "open"),),
    "health.ready": (Route("GET", "anybody", "open"),),
    "selftest.index": (Route("GET", "admin_only", "admins"),),
    "selftest.stream": (Route("GET", "admin_only", "admins"),),
    "selftest.back_up": (Route("POST", "admin_only", "admins"),),
    "selftest.test": (Route("POST", "admin_only", "looked after", ("connection",)),),
    "search.help_sheet": (Route("GET", "anybody", "open"),),
    "search.toggle_sidebar": (Route("POST", "signed_in", "people"),),
    "search.search": (Route("GET", "signed_in", "people"),),
    "search.manifest": (Route("GET", "anybody", "open"),),
    "offline.worker": (Route("GET", "anybody", "open"),),
    "offline.page": (Route("GET", "anybody", "open"),),
    # It is for the person that the form names, and leads others to sign in.
    "offline.send": (Route("POST", "signed_in", "leads to the door"),),
    "docs.index": (Route("GET", "anybody", "open"),),
    "docs.show": (Route("GET", "anybody", "open", ("docs page",)),),
    # Signing in
    "accounts.setup": (Route("GET", "anybody", "no link"),),
    "accounts.create_owner": (Route("POST", "anybody", "no link"),),
    "accounts.login": (Route("GET", "anybody", "open"),),
    "accounts.sign_in": (Route("POST", "anybody", "open"),),
    "accounts.ask_by_link": (Route("GET", "anybody", "no link", ("invite token",)),),
    "accounts.sign_in_by_link": (Route("POST", "anybody", "no link", ("invite token",)),),
    "accounts.sign_out": (Route("POST", "anybody", "leads to the door"),),
    "accounts.invited": (Route("GET", "anybody", "link", ("invite token",)),),
    "accounts.accept_invite": (Route("POST", "anybody", "link", ("invite token",)),),
    "accounts.new_password": (Route("GET", "anybody", "link", ("password token",)),),
    "accounts.choose_password": (Route("POST", "anybody", "link", ("password token",)),),
    # Account
    "account.show": (Route("GET", "signed_in", "people"),),
    "account.show_security": (Route("GET", "signed_in", "people"),),
    "account.show_tokens": (Route("GET", "signed_in", "people"),),
    "account.show_data": (Route("GET", "signed_in", "people"),),
    "account.rename": (Route("POST", "signed_in", "people"),),
    "account.change_email": (Route("POST", "signed_in", "people"),),
    "account.change_password": (Route("POST", "signed_in", "people"),),
    "account.end_session": (Route("POST", "signed_in", "one's own", ("session",)),),
    "account.end_other_sessions": (Route("POST", "signed_in", "people"),),
    "account.make_token": (Route("POST", "signed_in", "people"),),
    "account.revoke_token": (Route("POST", "signed_in", "one's own", ("token",)),),
    "account.delete": (Route("POST", "signed_in", "people"),),
    "second_factor.ask": (Route("GET", "anybody", "leads to the door"),),
    "second_factor.sign_in": (Route("POST", "anybody", "leads to the door"),),
    "second_factor.show": (Route("GET", "signed_in", "people"),),
    "second_factor.start": (Route("POST", "signed_in", "people"),),
    "second_factor.confirm": (Route("POST", "signed_in", "people"),),
    "second_factor.renew": (Route("POST", "signed_in", "people"),),
    "second_factor.end": (Route("POST", "signed_in", "people"),),
    "sidebar.own_sidebar": (Route("GET", "signed_in", "people"),),
    "sidebar.choose": (Route("POST", "signed_in", "people"),),
    "shortcuts.show": (Route("GET", "signed_in", "people"),),
    "shortcuts.update": (Route("POST", "signed_in", "people"),),
    "preferences.own": (Route("GET", "signed_in", "people"),),
    "preferences.set_theme": (Route("POST", "signed_in", "people"),),
    "preferences.show": (Route("GET", "signed_in", "any name", ("settings part",)),),
    "preferences.update": (Route("POST", "signed_in", "any name", ("settings part",)),),
    # Chats
    "home.show": (Route("GET", "signed_in", "people"),),
    "live.events": (
        Route("GET", "signed_in", "any name", ("live list",)),
        Route("GET", "signed_in", "planners", ("list of plans",)),
    ),
    "picker.index": (Route("GET", "signed_in", "people"),),
    "picker.star": (Route("POST", "signed_in", "people"),),
    "side_by_side.index": (Route("GET", "signed_in", "people"),),
    "side_by_side.leave_composer": (Route("POST", "signed_in", "people"),),
    "side_by_side.begin": (Route("POST", "signed_in", "people"),),
    "side_by_side.choose": (Route("POST", "signed_in", "writing people", ("chat",)),),
    "live.stream": (Route("GET", "anybody", "open"),),
    "live.leave": (Route("POST", "anybody", "open"),),
    "home.begin": (Route("POST", "signed_in", "people"),),
    "home.dismiss": (Route("POST", "signed_in", "people"),),
    "chat.show": (Route("GET", "anybody", "readers", ("chat",)),),
    "chat.events": (Route("GET", "anybody", "readers", ("chat",)),),
    "chat.send": (Route("POST", "anybody", "writers", ("chat",)),),
    "chat.stop": (Route("POST", "anybody", "writers", ("generation",)),),
    "chat.stop_all": (Route("POST", "anybody", "writers", ("chat",)),),
    "chat.go_on": (Route("POST", "anybody", "writers", ("answer",)),),
    "chat.again": (Route("POST", "anybody", "writers", ("answer",)),),
    "messages.actions": (Route("GET", "anybody", "readers", ("message",)),),
    "chat.raw": (Route("GET", "anybody", "readers", ("message",)),),
    "chat.plain": (Route("GET", "anybody", "readers", ("message",)),),
    "reading.sources": (Route("GET", "anybody", "readers", ("message",)),),
    "files.bring": (Route("POST", "signed_in", "people"),),
    "files.show": (Route("GET", "signed_in", "one's own", ("sent file",)),),
    "previews.show": (Route("GET", "anybody", "readers", ("message",)),),
    "previews.run": (Route("POST", "anybody", "readers", ("message",)),),
    "previews.save": (Route("GET", "anybody", "readers", ("drawing",)),),
    "previews.frame": (Route("GET", "anybody", "readers", ("message",)),),
    "chat.demo": (Route("GET", "anybody", "open"),),
    "chat.demo_begin": (Route("POST", "anybody", "open"),),
    "chat.demo_leave": (Route("POST", "anybody", "open"),),
    "messages.fork": (Route("POST", "signed_in", "reading people", ("answer",)),),
    "messages.edit": (Route("GET", "anybody", "writers", ("message",)),),
    "messages.save": (Route("POST", "anybody", "writers", ("message",)),),
    "messages.cancel": (Route("GET", "anybody", "writers", ("message",)),),
    "messages.show_version": (Route("POST", "anybody", "writers", ("message",)),),
    "messages.keep": (Route("POST", "anybody", "writers", ("message",)),),
    "messages.hide": (Route("POST", "anybody", "writers", ("message",)),),
    "messages.unhide": (Route("POST", "anybody", "writers", ("message",)),),
    "messages.keep_in_full": (Route("POST", "anybody", "writers", ("message",)),),
    "messages.let_fold": (Route("POST", "anybody", "writers", ("message",)),),
    "messages.delete": (Route("POST", "anybody", "owner", ("message",)),),
    "messages.restore": (Route("POST", "anybody", "owner, from the trash too", ("message",)),),
    "messages.erase": (Route("POST", "signed_in", "person, what was deleted alone", ("message",)),),
    "composer.queue": (Route("POST", "anybody", "writers", ("chat",)),),
    "composer.remove": (Route("POST", "anybody", "writers", ("chat",)),),
    "composer.edit_follow_up": (Route("POST", "anybody", "writers", ("chat",)),),
    "composer.switch_web_search": (Route("POST", "signed_in", "person", ("chat",)),),
    "composer.suggest": (Route("POST", "signed_in", "person", ("chat",)),),
    "composer.stop_suggestion": (Route("POST", "signed_in", "person", ("chat",)),),
    "composer.send_follow_up": (Route("POST", "anybody", "writers", ("chat",)),),
    "composer.save_new_draft": (Route("POST", "signed_in", "people"),),
    "composer.save_draft": (Route("POST", "signed_in", "writing people", ("chat",)),),
    "composer.choose": (Route("GET", "signed_in", "person", ("answer",)),),
    "composer.rate": (Route("POST", "signed_in", "person", ("answer",)),),
    "mentions.index": (Route("GET", "signed_in", "people"),),
    "mentions.chip": (Route("GET", "signed_in", "one's own", ("sent file",)),),
    "composer.what_was_sent": (Route("GET", "anybody", "owner", ("generation",)),),
    # Chat list, trash, search
    "list.index": (Route("GET", "signed_in", "people"),),
    "list.sidebar_list": (Route("GET", "signed_in", "people"),),
    "list.trash": (Route("GET", "signed_in", "people"),),
    "list.edit_title": (Route("GET", "signed_in", "person", ("chat",)),),
    "list.rename": (Route("POST", "signed_in", "person", ("chat",)),),
    "row.menu": (Route("GET", "signed_in", "person", ("chat",)),),
    "row.do": (Route("POST", "signed_in", "person, in a list or in the trash", ("chat",)),),
    "list.pin": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.unpin": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.archive": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.unarchive": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.keep": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.let_go": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.delete": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.close": (Route("POST", "signed_in", "person", ("chat",)),),
    "list.restore": (Route("POST", "signed_in", "person, from the trash alone", ("chat",)),),
    "list.erase": (Route("POST", "signed_in", "person, from the trash alone", ("chat",)),),
    "bulk.do": (Route("POST", "signed_in", "people"),),
    "exchange.selected": (Route("POST", "signed_in", "people"),),
    "bulk.ask": (Route("GET", "signed_in", "people"),),
    "bulk.empty": (Route("POST", "signed_in", "people"),),
    "interrupted.continue_all": (Route("POST", "signed_in", "people"),),
    "interrupted.leave": (Route("POST", "signed_in", "people"),),
    "list.earlier": (Route("GET", "anybody", "readers", ("chat",)),),
    "list.place": (Route("GET", "anybody", "readers", ("message",)),),
    # Export and sharing
    "exchange.markdown": (Route("GET", "anybody", "readers", ("chat",)),),
    "exchange.text": (Route("GET", "anybody", "readers", ("chat",)),),
    "exchange.page": (Route("GET", "anybody", "readers", ("chat",)),),
    "exchange.json": (Route("GET", "anybody", "owner", ("chat",)),),
    "exchange.swipes": (Route("GET", "anybody", "owner", ("chat",)),),
    "exchange.everything": (Route("GET", "signed_in", "people"),),
    "exchange.choose": (Route("GET", "signed_in", "people"),),
    "exchange.upload": (Route("POST", "signed_in", "people"),),
    "sharing.index": (Route("GET", "signed_in", "person, but no guest", ("chat",)),),
    "sharing.share": (Route("POST", "signed_in", "person, but no guest", ("chat",)),),
    "sharing.open_to_team": (Route("POST", "signed_in", "person, but no guest", ("chat",)),),
    "sharing.unshare": (Route("POST", "signed_in", "person", ("chat", "grant")),),
    # Prompts
    "insights.index": (Route("GET", "signed_in", "people"),),
    "insights.export": (Route("GET", "signed_in", "people"),),
    "insights.answers": (Route("GET", "signed_in", "people"),),
    "insights.answer": (Route("GET", "signed_in", "own answers, for admins all", ("generation",)),),
    "prompts.index": (Route("GET", "signed_in", "people"),),
    "prompts.new": (Route("GET", "signed_in", "people"),),
    "prompts.create": (Route("POST", "signed_in", "people"),),
    "prompts.show": (Route("GET", "signed_in", "one's own", ("prompt",)),),
    "prompts.edit": (Route("GET", "signed_in", "one's own", ("prompt",)),),
    "prompts.publish": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    "prompts.version": (Route("GET", "signed_in", "one's own", ("prompt", "version")),),
    "prompts.read_from": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    "prompts.name_tools": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    "prompts.use": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    "prompt_insertion.fill": (Route("GET", "signed_in", "one's own", ("prompt",)),),
    "prompt_insertion.insert": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    "tryouts.new": (Route("GET", "signed_in", "one's own", ("prompt",)),),
    "tryouts.begin": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    "tryouts.show": (Route("GET", "signed_in", "one's own", ("tryout",)),),
    "prompts.share": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    "prompts.delete": (Route("POST", "signed_in", "one's own", ("prompt",)),),
    # Characters, personas, and chats with them
    "cards.choose": (Route("GET", "signed_in", "people"),),
    "cards.upload": (Route("POST", "signed_in", "people"),),
    "cards.decide": (Route("POST", "signed_in", "people"),),
    "characters.index": (Route("GET", "signed_in", "people"),),
    "characters.new": (Route("GET", "signed_in", "people"),),
    "characters.create": (Route("POST", "signed_in", "people"),),
    "characters.show": (Route("GET", "signed_in", "one's own", ("character",)),),
    "characters.edit": (Route("GET", "signed_in", "one's own", ("character",)),),
    "greetings.edit": (Route("GET", "signed_in", "one's own", ("character",)),),
    "greetings.update": (Route("POST", "signed_in", "one's own", ("character",)),),
    "characters.update": (Route("POST", "signed_in", "one's own", ("character",)),),
    "characters.duplicate": (Route("POST", "signed_in", "one's own", ("character",)),),
    "characters.keep_persona": (Route("POST", "signed_in", "one's own", ("character",)),),
    "characters.star": (Route("POST", "signed_in", "one's own", ("character",)),),
    "pictures.edit": (Route("GET", "signed_in", "one's own", ("character",)),),
    "pictures.upload": (Route("POST", "signed_in", "one's own", ("character",)),),
    "pictures.delete": (Route("POST", "signed_in", "one's own", ("character with a background", "scene")),),
    "pictures.show": (Route("GET", "signed_in", "one's own", ("character with a background", "scene")),),
    "characters.delete": (Route("POST", "signed_in", "one's own", ("character",)),),
    "characters.restore": (Route("POST", "signed_in", "one's own", ("deleted character",)),),
    "characters.avatar": (Route("GET", "signed_in", "one's own", ("character",)),),
    "characters.export": (Route("GET", "signed_in", "one's own", ("character",)),),
    "personas.index": (Route("GET", "signed_in", "people"),),
    "personas.create": (Route("POST", "signed_in", "people"),),
    "personas.upload": (Route("POST", "signed_in", "people"),),
    "personas.show": (Route("GET", "signed_in", "one's own", ("persona",)),),
    "personas.update": (Route("POST", "signed_in", "one's own", ("persona",)),),
    "personas.duplicate": (Route("POST", "signed_in", "one's own", ("persona",)),),
    "personas.choose": (Route("POST", "signed_in", "one's own", ("persona",)),),
    "personas.delete": (Route("POST", "signed_in", "one's own", ("persona",)),),
    "personas.restore": (Route("POST", "signed_in", "one's own", ("deleted persona",)),),
    "personas.avatar": (Route("GET", "signed_in", "one's own", ("persona",)),),
    "roleplay.begin": (Route("POST", "signed_in", "one's own", ("character",)),),
    "roleplay.edit": (Route("GET", "signed_in", "person", ("chat",)),),
    "folds.index": (Route("GET", "signed_in", "reading people", ("chat",)),),
    "folds.fold_now": (Route("POST", "signed_in", "writing people", ("chat",)),),
    "folds.update": (Route("POST", "signed_in", "writing people", ("chat", "fold")),),
    "folds.unfold": (Route("POST", "signed_in", "writing people", ("chat", "fold")),),
    "roleplay.update": (Route("POST", "signed_in", "person", ("chat",)),),
    "variables.show": (Route("GET", "signed_in", "people"),),
    "variables.show_moved": (Route("GET", "signed_in", "people"),),
    "variables.update": (Route("POST", "signed_in", "people"),),
    "group.new": (Route("GET", "signed_in", "people"),),
    "group.begin": (Route("POST", "signed_in", "people"),),
    "group.edit": (Route("GET", "signed_in", "person", ("chat",)),),
    "group.update": (Route("POST", "signed_in", "person", ("chat",)),),
    "roleplay.scenery": (Route("GET", "signed_in", "reading people", ("chat with a background", "scene")),),
    "roleplay.surround": (Route("POST", "signed_in", "reading people", ("chat",)),),
    "roleplay.avatar": (Route("GET", "signed_in", "reading people", ("chat with a face",)),),
    # Collections and documents
    # Plans
    "plans.index": (Route("GET", "signed_in", "planners"),),
    "plans.new": (Route("GET", "signed_in", "planners"),),
    "plans.create": (Route("POST", "signed_in", "planners"),),
    "plans.example": (Route("GET", "signed_in", "for planners", ("plan type",)),),
    "plans.show": (Route("GET", "signed_in", "a planner's own", ("plan",)),),
    "plans.events": (Route("GET", "signed_in", "a planner's own", ("plan",)),),
    "plans.save": (Route("POST", "signed_in", "a planner's own", ("plan", "place")),),
    "plans.again_at": (Route("POST", "signed_in", "a planner's own", ("plan", "place")),),
    "plans.tick": (Route("POST", "signed_in", "a planner's own", ("plan", "place")),),
    "plans.stop": (Route("POST", "signed_in", "a planner's own", ("plan",)),),
    "plans.finish": (Route("POST", "signed_in", "a planner's own", ("plan",)),),
    "plans.keep": (Route("POST", "signed_in", "a planner's own", ("plan",)),),
    "plans.start_again": (Route("POST", "signed_in", "a planner's own", ("plan",)),),
    "plans.rate": (Route("POST", "signed_in", "a planner's own", ("plan",)),),
    "plans.delete": (Route("POST", "signed_in", "a planner's own", ("plan",)),),
    "plan_files.markdown": (Route("GET", "signed_in", "a planner's own", ("plan",)),),
    "plan_files.json": (Route("GET", "signed_in", "a planner's own", ("plan",)),),
    "plan_files.calendar": (Route("GET", "signed_in", "a planner's own", ("plan",)),),
    "plan_files.changes": (Route("GET", "signed_in", "a planner's own", ("plan made again",)),),
    "plan_types.index": (Route("GET", "admin_only", "admins"),),
    "plan_types.new": (Route("GET", "admin_only", "admins"),),
    "plan_types.save": (Route("POST", "admin_only", "admins"),),
    "plan_types.show": (Route("GET", "admin_only", "looked after", ("plan type",)),),
    "plan_types.remove": (Route("POST", "admin_only", "looked after", ("plan type",)),),
    # People and groups
    "people.index": (Route("GET", "admin_only", "admins"),),
    "people.invite": (Route("POST", "admin_only", "admins"),),
    "people.revoke_invite": (Route("POST", "admin_only", "looked after", ("invite",)),),
    "people.show": (Route("GET", "admin_only", "looked after", ("person",)),),
    "people.change_role": (Route("POST", "admin_only", "looked after", ("person",)),),
    "people.change_clearance": (Route("POST", "admin_only", "looked after", ("person",)),),
    "people.end_second_factor": (Route("POST", "admin_only", "looked after", ("person",)),),
    "people.disable": (Route("POST", "admin_only", "looked after", ("person",)),),
    "people.enable": (Route("POST", "admin_only", "looked after", ("person",)),),
    "people.password_link": (Route("POST", "admin_only", "looked after", ("person",)),),
    "people.delete": (Route("POST", "admin_only", "looked after", ("person",)),),
    "budgets.own": (Route("GET", "signed_in", "people"),),
    "policies.own": (Route("GET", "signed_in", "people"),),
    "policies.update_own": (Route("POST", "signed_in", "people"),),
    "policies.token": (Route("GET", "signed_in", "one's own", ("token",)),),
    "policies.update_token": (Route("POST", "signed_in", "one's own", ("token",)),),
}

# API routes use the same guards as pages: a few states of an object show that each route has one.
FEWER = ("", "own", "foreign", "deleted", "random", "there", "to read")
RULES |= {
    f"{name}, by a program": {
        person: {state: what for state, what in rule[person].items() if state in FEWER} for person in PEOPLE
    }
    for name, rule in RULES.items()
}
ROUTES |= {name: (Route(method, "admin_only", rule, things),) for name, method, rule, things in pages()}
ROUTES |= {
    name: (Route(method, policy, f"{rule}, by a program", things),) for name, method, policy, rule, things in rows(PROGRAMS)
}
ROUTES |= {
    name: (Route(method, policy, rule, things),)
    for feature in FEATURES
    for name, method, policy, rule, things in rows(feature.TABLE)
}

# Fields that a request must contain, so that it can succeed where access is granted.
FIELDS: dict[str, dict[str, str | list[str]]] = {
    "projects.fold": {"fold": "{own_project}"},
    "facts.move": {"project": "{own_project}"},
    "models.show": {"id": "some/model"},
    "side_by_side.choose": {"off": "y"},
    "texts.decide": {"deed": "dismiss"},
    "texts.restore": {"version": "1"},
    "api_tools.decide": {"decision": "deny"},
    "api_tool_servers.create": {"url": "http://127.0.0.1:9/mcp"},
    "api_connections.create": {"kind": "none"},
    "tools.choose": {"key": "read_page", "policy": "ask"},
    "tools.switch": {"group": "web"},
    "policies.show": {"key": "read_page"},
    "policies.update": {"key": "read_page"},
    "policies.limit_group": {"key": "read_page", "limit": "deny"},
    "calls.decide": {"decision": "deny"},
    "calls.decide_limit": {"decision": "end"},
    "api_generations.fuse": {"decision": "end"},
    "previews.save": {"block": "0"},
    "text_previews.save": {"block": "0"},
    "models.rename": {"id": "some/model", "name": "Ours"},
    "people.invite": {"role": "guest"},
    "groups.put_in": {"person": "{other}"},
    "list.earlier": {"until": "{answer}"},
    "bulk.do": {"deed": "archive", "chat": "{own_chat}"},
    "exchange.selected": {"chat": "{own_chat}"},
    "api_chat_search.index": {"q": "rye"},
    "api_chats.put_tags": {"tags": []},
    "tags.of_several": {"chat": "{own_chat}"},
    "tags.change_several": {"chat": "{own_chat}"},
    "plans.create": {"type": "monthly"},
    "api_models.change_model": {"id": "some/model", "name": "Ours"},
    "api_characters.replace_texts": {"character_id": "{own_character}"},
    "api_roleplay.send": {"chatSessionId": "{own_chat}"},
    "api_plans.generate": {"preferenceId": "{own_inputs}"},
    "api_plans.generate_and_watch": {"preferenceId": "{own_inputs}"},
    "api_plans.generate_several": {"preferenceIds": ["{own_inputs}"]},
}
