"""How long people view answers: measured by the streams of visible pages, which close when hidden, and stored in batches."""

from collections import Counter
from collections.abc import Callable

from sqlalchemy import Integer, bindparam, case, func, select, update

from webapp.base.current import PerApp
from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import write
from webapp.engine.chores import Chore
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

# A page that is hidden while an answer ends disconnects a second later, so shorter times don't count. A person who views an
# answer for more than five minutes may have left.
LEAST_MS, MOST_MS = 2_000, 300_000
MOST_WAITING = 10_000
WAITING = PerApp[Counter[tuple[str, str]]](Counter)
Record = Callable[[str, int], None]


class Clock:
    """The stopwatch of one page: runs from the end of an answer until the next one begins, or the page is left or hidden."""

    def __init__(self, now: Callable[[], float], record: Record) -> None:
        self._now, self._record, self._id, self._since = now, record, "", 0.0

    def begin(self, generation_id: str) -> None:
        self._id, self._since = generation_id, self._now()

    def stop_if_long(self) -> None:
        """Stops the clock when it reaches the longest time that counts."""
        if self._id and self._ms() >= MOST_MS:
            self.end()

    def end(self) -> None:
        id, self._id = self._id, ""
        if id:
            record(self._record, id, self._ms())

    def _ms(self) -> int:
        return round((self._now() - self._since) * 1000)


def record(to: Record, generation_id: str, ms: int) -> None:
    """Records a time that someone viewed an answer, if it is long enough to count, up to the longest that does."""
    if ms >= LEAST_MS:
        to(generation_id, min(ms, MOST_MS))


def recorder(engine: Engine, person: str) -> Record:
    """Returns a function that buffers the times of this person until `store` stores them; visitors' times are dropped."""

    def record(generation_id: str, ms: int) -> None:
        if not person:
            return
        with engine.in_app():
            waiting = WAITING.get()
            if len(waiting) < MOST_WAITING:
                waiting[generation_id, person] += ms
                wake()

    return record


def store() -> bool:
    """Stores the buffered times of answers that the person requested, if the person and the team's setting allow it."""
    waiting = WAITING.get()
    seconds_by_key = dict(waiting)
    times = [{"answer": id, "person": person, "ms": ms} for (id, person), ms in seconds_by_key.items()]
    if times and setting("insights.reading"):
        with write() as session:
            ADD.run(session, *times)
    waiting.subtract(seconds_by_key)
    WAITING.set(+waiting)
    return False


wake = Chore("reading times", store, every_seconds=2.0, most_seconds=60.0).wake
_answers, _people = rows.table(Generation), rows.table(User)
_together = func.coalesce(_answers.c.reading_ms, 0) + bindparam("ms", type_=Integer)
_counts = select(_people.c.id).where(_people.c.id == bindparam("person"), _people.c.is_reading_counted)
ADD = Prepared(
    update(_answers)
    .where(_answers.c.id == bindparam("answer"), _answers.c.user_id.in_(_counts), _answers.c.first_text_at.is_not(None))
    .values(reading_ms=case((_together > MOST_MS, MOST_MS), else_=_together))
)
