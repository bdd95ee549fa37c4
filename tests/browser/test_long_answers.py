"""Long answers: nothing moves that is being read, and the browser keeps up with a fast model."""

from collections.abc import Callable

import pytest

from tests.browser.chats import ChatPage, layout_shift
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow

# By the width of the window. On a phone the growing paragraph does not keep to it yet: there it is what browsers call good.
MOST_SHIFT = {390: 0.1, 1440: 0.02}
# Nominally three thousand tokens of four characters a second, in writes as a fast model makes them.
CHARS, CHARS_PER_SECOND, WRITE = 120_000, 12_000, 40
# The figure for a machine that is not slowed down is in tests/rendering; a slow one gets smaller pieces, drawn more often.
MOST_BYTES_PER_CHAR = 8
# Alone, nearly all are below a tenth of it.
MOST_TASK_MS = 1_000
TASKS = """
window.tasks = [];
new PerformanceObserver(list => tasks.push(...list.getEntries().map(each => ({at: each.startTime, ms: each.duration}))))
  .observe({type: 'longtask', buffered: true});
"""


def part(number: int) -> str:
    """Prose, a list, a table and code, as answers have them."""
    prose = " ".join(f"Sentence {number}.{n} has *some* words, a `mark` and **weight**, as answers do." for n in range(7))
    items = "".join(f"- item {number}.{n}, which goes on for a while so that it wraps\n" for n in range(9))
    rows = "".join(f"| {n} | wheel {number * n * n} | turns {'again and ' * (n % 4)}again | {n * 7} kW |\n" for n in range(8))
    code = "".join(f"    if wheel[{n}] > {number}:\n        return turn(wheel, {n})  # water\n" for n in range(6))
    table = f"| # | wheel | how it turns | power |\n|---|---|---|---:|\n{rows}"
    return f"## Part {number}\n\n{prose}\n\n{items}\n{table}\n```python\ndef work():\n{code}```\n\n> {prose[:200]}\n\n"


def shift(chat: ChatPage) -> tuple[float, object]:
    """What the browser says has moved without anybody's doing, and what that was."""
    shifts = chat.page.evaluate("shifts")
    return layout_shift(shifts), shifts


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_moves_at_the_end_nor_further_up(server: Server, upstream: Upstream, visit: Visit, width: int) -> None:
    upstream.says("Some words of an answer that is longer than the screen.\n\n" * 40)
    following = visit(server, viewport={"width": width, "height": 844}).begin("Tell me about mills")
    following.expect("completed")
    following.page.evaluate("shifts.length = 0")
    upstream.says(part(1) + part(2), pace=0.012, reasoning="First a thought of some words.")
    following.ask("And more")
    following.wait_for("item 1.3")
    reading = ChatPage(following.page.context.new_page())
    reading.page.goto(following.page.url)
    reading.page.mouse.move(width / 2, 300)
    reading.page.mouse.wheel(0, -700)
    reading.page.wait_for_function("() => scrollY > 0 && document.documentElement.scrollHeight - innerHeight - scrollY > 300")
    reading.page.evaluate("shifts.length = 0")
    following.expect("completed", seconds=60)
    reading.expect("completed")
    for chat in (following, reading):
        moved, what = shift(chat)
        assert moved < MOST_SHIFT[width], what


def test_the_browser_keeps_up_with_a_fast_model(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.lift_limits()
    own_server.start()
    text = "".join(part(number) for number in range(1, CHARS // len(part(1)) + 2))[:CHARS]
    writes = [text[at : at + WRITE] for at in range(0, CHARS, WRITE)]
    upstream.always({"tokens": writes, "pace": WRITE / CHARS_PER_SECOND})
    person = visit(own_server)
    person.context.add_init_script(TASKS)
    chat = person.begin("A very long answer, please")
    received = bytes_of_events(chat)
    chat.page.reload()
    chat.expect("completed", seconds=90)
    assert len(chat.seen()) > CHARS / 2
    assert received() < MOST_BYTES_PER_CHAR * CHARS
    tasks = chat.page.evaluate("tasks.filter(each => each.at > 1000).map(each => each.ms)")
    print("the longest tasks in ms:", sorted(tasks, reverse=True)[:9])
    # On a busy machine any task may be interrupted, but not many are.
    assert sorted(tasks, reverse=True)[3:4] < [MOST_TASK_MS], tasks


def bytes_of_events(chat: ChatPage) -> Callable[[], int]:
    """How much the page's stream has brought from now on, as it is on the wire before any compression."""
    session = chat.page.context.new_cdp_session(chat.page)
    streams, sizes = set[str](), list[int]()

    def opened(event: dict[str, object]) -> None:
        response = event["response"]
        assert isinstance(response, dict)
        if response["mimeType"] == "text/event-stream":
            streams.add(str(event["requestId"]))

    def came(event: dict[str, object]) -> None:
        if event["requestId"] in streams:
            sizes.append(int(str(event["dataLength"])))

    session.on("Network.responseReceived", opened)
    session.on("Network.dataReceived", came)
    session.send("Network.enable")
    return lambda: sum(sizes)
