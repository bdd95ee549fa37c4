"""What a change of a setting would delete: it is counted first, and the number has to be confirmed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.base.errors import Conflict
from webapp.base.words import number, plural
from webapp.settings.kinds import Value
from webapp.web.feature import brought


@dataclass(frozen=True)
class Loss:
    """How much a change would delete, of how many people, and how old the oldest of it is; `end` says what happens to it."""

    setting: str
    what: str
    count: int
    people: int | None = None
    oldest: datetime | None = None
    end: str = "would be deleted permanently"

    @property
    def words(self) -> str:
        """The sentence that a person has to confirm."""
        owners = f" of {number(self.people)} {'person' if self.people == 1 else 'people'}" if self.people is not None else ""
        oldest = f" The oldest is from {self.oldest:%-d %B %Y}." if self.oldest else ""
        return f"{plural(self.count, self.what)}{owners} {self.end}.{oldest}"


@dataclass(frozen=True)
class LosingSetting:
    """A setting whose change can delete something; a feature brings it with what counts that for a new value."""

    name: str
    count: Callable[[Any], Loss]


class Unconfirmed(Conflict):
    """A change would delete something, and its number has not been confirmed."""

    code = "confirmation_needed"

    def __init__(self, loss: Loss) -> None:
        super().__init__(f"{loss.words} To do this, confirm the number {loss.count}. Nothing was changed.")
        self.loss = loss

    def details(self) -> dict[str, Any]:
        oldest = self.loss.oldest.isoformat().replace("+00:00", "Z") if self.loss.oldest else None
        about = {"setting": self.loss.setting, "what": self.loss.what, "count": self.loss.count}
        return {**about, "people": self.loss.people, "oldest": oldest}


def losses(values: Mapping[str, Value]) -> list[Loss]:
    """Returns what these new values of settings would delete."""
    counts = [losing.count(values[losing.name]) for losing in brought(LosingSetting) if losing.name in values]
    return [loss for loss in counts if loss.count]


def unconfirmed(losses: Iterable[Loss], confirmed: Mapping[str, int | None]) -> list[Loss]:
    """Returns those whose number wasn't confirmed: a larger one than there are now will do, a smaller one won't."""
    return [loss for loss in losses if loss.count and (confirmed.get(loss.setting) or 0) < loss.count]


def refuse_unconfirmed(losses: Iterable[Loss], confirmed: Mapping[str, int | None]) -> None:
    """Raises `Unconfirmed` for the first whose number wasn't confirmed."""
    if some := unconfirmed(losses, confirmed):
        raise Unconfirmed(some[0])
