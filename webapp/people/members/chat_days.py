"""How long a person's chats are kept once they are left untouched: the rule of their groups or, without one, the team's."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.words import without_commas
from webapp.people.accounts.tables import Group, Membership, User
from webapp.settings.losses import Loss
from webapp.settings.service import setting
from webapp.web.feature import brought

SETTING = "chats.days"
MOST_DAYS = 36_500
PEOPLE_AT_ONCE = 200


@dataclass(frozen=True)
class ChatRules:
    """The days of the team and of groups by their ids; 0 keeps chats for ever.

    A group's rule replaces the team's, also where it is stricter. Of several groups' rules the longest holds: what one of them
    must keep is not deleted because of another.
    """

    team: int
    groups: Mapping[str, int] = field(default_factory=dict)

    def days(self, group_ids: Iterable[str]) -> int:
        """Returns the days for a person in these groups."""
        days = [self.groups[id] for id in group_ids if id in self.groups]
        return (0 if 0 in days else max(days)) if days else self.team

    def deciding(self, group_ids: Iterable[str]) -> str:
        """Returns the id of the group whose rule holds; empty for the team's."""
        ids = list(group_ids)
        days = self.days(ids)
        return next((id for id in ids if self.groups.get(id) == days), "")

    @property
    def delete_nothing(self) -> bool:
        return not self.team and not any(self.groups.values())


@dataclass(frozen=True)
class ChatLoss:
    """Counts the chats that would go to the trash if the second rules replaced the first."""

    count: Callable[[ChatRules, ChatRules], Loss]


def rules() -> ChatRules:
    """Returns the rules in effect."""
    rows = db.session.execute(select(Group.id, Group.chat_days).where(Group.chat_days.is_not(None)))
    return ChatRules(int(setting(SETTING)), {id: days for id, days in rows if days is not None})


def days_of(person_ids: Iterable[str], chat_rules: ChatRules) -> dict[str, int]:
    """Returns the days for each of these people."""
    ids, groups = list(person_ids), defaultdict[str, list[str]](list)
    if chat_rules.groups:
        query = select(Membership.user_id, Membership.group_id).where(Membership.user_id.in_(ids))
        for person_id, group_id in db.session.execute(query):
            groups[person_id].append(group_id)
    return {id: chat_rules.days(groups[id]) for id in ids}


def entered(text: str) -> int | None:
    """Parses what was typed as a group's days; empty means as the team's."""
    days = without_commas(text)
    if days and not (days.isascii() and days.isdecimal() and len(days) <= 5):
        raise Invalid(f"Enter a number of days from 0 to {MOST_DAYS:,}, or leave it empty.", field="days")
    return int(days) if days else None


def everybody() -> Iterator[Sequence[str]]:
    """Yields the ids of all people, some at a time; between them, no transaction is open and others go on."""
    last = ""
    while ids := db.session.scalars(select(User.id).where(User.id > last).order_by(User.id).limit(PEOPLE_AT_ONCE)).all():
        yield ids
        last = ids[-1]
        db.session.rollback()
        queue_for_turn()


def rule_of(person_id: str) -> tuple[int, str]:
    """Returns the days for a person's chats, and the name of the group whose rule this is; empty for the team's."""
    mine = select(Group.id, Group.name).join(Membership, Membership.group_id == Group.id)
    names = dict(iter(db.session.execute(mine.where(Membership.user_id == person_id).order_by(Group.name))))
    chat_rules = rules()
    return chat_rules.days(names), names.get(chat_rules.deciding(names), "")


def team_loss(days: int) -> Loss:
    """Returns what the team's rule would delete with these days."""
    now = rules()
    return loss(now, ChatRules(days, now.groups))


def group_loss(group_id: str, days: int | None) -> Loss:
    """Returns what a group's rule would delete with these days; None removes the rule."""
    now = rules()
    others = {id: group_days for id, group_days in now.groups.items() if id != group_id}
    return loss(now, ChatRules(now.team, others if days is None else {**others, group_id: days}))


def loss(before: ChatRules, after: ChatRules) -> Loss:
    [chats] = brought(ChatLoss)
    return chats.count(before, after)
