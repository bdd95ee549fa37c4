"""The invariants I1 to I8 that every fault must preserve, checked in the database, the pages, the upstream and the log."""

from collections.abc import Iterator

from tests.faults.scene import WHOLE, Scene
from tests.support.waiting import until
from tests.upstream.handle import KEY

ENDED = {"completed", "stopped", "interrupted", "failed"}
OFFERS = {"Continue", "Try again"}
TWICE = "SELECT lane FROM generations WHERE status IN ('queued', 'running') GROUP BY lane HAVING count(*) > 1"
QUESTIONS = "SELECT count(*) FROM messages WHERE role = 'user' AND content = ? AND chat_id = ?"
# Logged with a traceback while the database is unavailable; it is not a program error.
AWAY = "OperationalError"
LEFT = "SELECT count(*) FROM generation_journal"


def broken(scene: Scene, *, most_asked: int) -> list[str]:
    """Returns a description of each violated invariant; an empty list if all of them hold."""
    return [words for check in CHECKS for words in check(scene)] + list(money(scene, most_asked))


def terminal(scene: Scene) -> Iterator[str]:
    """I1: every answer has exactly one end."""
    for chat in scene.chats:
        statuses = [status for status, _ in scene.runs(chat)]
        if not statuses or set(statuses) - ENDED:
            yield f"I1 {chat.question}: {statuses}"


def prefix(scene: Scene) -> Iterator[str]:
    """I2: the stored text is a prefix of what was sent, and pages show nothing else."""
    if not scene.text.startswith(scene.content(scene.hit)):
        yield f"I2 the hit answer has {scene.content(scene.hit)[-60:]!r}"
    if "\ufffd" in scene.content(scene.hit):
        yield "I2 half a character is stored"
    for chat in scene.chats:
        if chat.question != scene.hit.question and (extra := set(chat.tab.first_seen()) - set(WHOLE.split())):
            yield f"I2 a page was shown {sorted(extra)[:3]}"


def kept(scene: Scene) -> Iterator[str]:
    """I3: every question is stored, once."""
    for chat in scene.chats:
        found = scene.installation.one.rows(QUESTIONS, chat.question, chat.path.rpartition("/")[2])
        if found[0][0] != 1:
            yield f"I3 {chat.question} is there {found[0][0]} times"


def alone(scene: Scene) -> Iterator[str]:
    """I4: one generation for each chat at a time."""
    if rows := scene.installation.one.rows(TWICE):
        yield f"I4 several run in {rows}"


def money(scene: Scene, most_asked: int) -> Iterator[str]:
    """I5: no model is called more often than the policy allows."""
    if scene.asked(scene.hit) > most_asked:
        yield f"I5 the hit answer was asked for {scene.asked(scene.hit)} times"
    for chat in scene.others:
        if scene.asked(chat) > max(1, len(scene.runs(chat))):
            yield f"I5 {chat.question} was asked for {scene.asked(chat)} times"


def no_leaks(scene: Scene) -> Iterator[str]:
    """I6: no row of the journal and no connection to the upstream is left."""

    def is_quiet() -> bool:
        entries = scene.fake.posts()
        return not scene.installation.one.rows(LEFT)[0][0] and all(
            entry["finished"] or entry["client_closed"] for entry in entries
        )

    try:
        until(is_quiet, "nothing is left", seconds=30)
    except AssertionError:
        yield "I6 there are rows in the journal, or connections to the upstream"


def honest(scene: Scene) -> Iterator[str]:
    """I7: the page says how the answer ended, with a next step, and shows neither a key nor a traceback."""
    page = scene.installation.here.page(scene.hit.path).text
    if KEY in page or "Traceback" in page:
        yield "I7 the page shows what is nobody's business"
    answer = scene.answer(scene.hit)
    if answer.status != scene.status(scene.hit):
        yield f"I7 the page says {answer.status}, the database {scene.status(scene.hit)}"
    if answer.status in ("interrupted", "failed") and not OFFERS & answer.buttons.keys():
        yield f"I7 an answer that is {answer.status} offers {sorted(answer.buttons)}"


def apart(scene: Scene) -> Iterator[str]:
    """I8: all other answers are complete, to the letter, and their pages have received every word."""
    for chat in scene.others:
        if scene.status(chat) != "completed" or scene.content(chat) != WHOLE:
            yield f"I8 {chat.question} is {scene.status(chat)} with {len(scene.content(chat).split())} words"
    if errors := [line for line in scene.installation.log.splitlines() if "Traceback" in line and AWAY not in line]:
        yield f"I8 the log has {errors[0][:600]}"


CHECKS = (terminal, prefix, kept, alone, no_leaks, honest, apart)
