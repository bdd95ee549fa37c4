"""JavaScript clients, written only from the dialects' documentation, against a real server."""

import random
from pathlib import Path

import pytest

from tests.support import node
from tests.support.network import NETWORKS, between
from tests.support.rounds import ROUNDS
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

CLIENTS = Path(__file__).parent / "clients"
WORDS = ("mill ", "Grüße ", "🌊🏞️ ", "data: x\n", "\r\n", "\u2028", '"quoted" ', "\\ ", "**bold** ", "event: end\n\n", "水 ")
ANSWERS, AT_ONCE = 100 if ROUNDS > 1 else 25, 25


def saying(chance: random.Random) -> dict[str, object]:
    """Returns an answer of up to 500 tokens, at a random pace and in random slices."""
    tokens = [chance.choice(WORDS) for _ in range(int(chance.random() ** 2 * 500))]
    how = {"pace": chance.choice((0, 0.0005, 0.002)), "slice": chance.choice((0, 7, 100))}
    return {"says": "x" + "".join(tokens), "tokens": ["x", *tokens], **how}


@pytest.mark.parametrize("dialect", ["quick", "threads", "assistant"])
@pytest.mark.rounds
def test_a_naive_client_never_meets_half_a_line_and_has_the_stored_text(caller, fake, dialect):
    chance, chats = random.Random(dialect), caller.new_chats(ANSWERS)
    fake.behaves([saying(chance) for _ in range(ANSWERS)])

    heard = node.run(CLIENTS / "naive.mjs", url=caller.url, token=caller.token, dialect=dialect, chats=chats, at_once=AT_ONCE)

    assert len(heard) == ANSWERS
    for answer in heard:
        id, text, status, _ = caller.answer_in(answer["chat"])
        assert (answer["text"], answer["status"], answer["message"]) == (text, status, id)
        assert text.startswith("x")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("dialect", "keeps"), [("quick", False), ("assistant", False), ("threads", True)])
@pytest.mark.rounds
def test_old_loops_read_whole_lines_from_any_network(caller, fake, network, dialect, keeps):
    """A thread's last event repeats the whole text, so that its clients must keep half a line."""
    chance, chats = random.Random(dialect), caller.new_chats(ANSWERS)
    fake.behaves([saying(chance) for _ in range(ANSWERS)])

    with between(caller.url, NETWORKS[network]) as url:
        about = {"dialect": dialect, "keeps": keeps, "chats": chats, "at_once": 5}
        heard = node.run(CLIENTS / "naive.mjs", url=url, token=caller.token, **about)

    assert len(heard) == ANSWERS
    for answer in heard:
        id, text, status, _ = caller.answer_in(answer["chat"])
        assert (answer["text"], answer["status"], answer["message"]) == (text, status, id)


@pytest.mark.parametrize("network", NETWORKS)
def test_listeners_of_a_roleplay_hear_it_through_any_network(caller, fake, network):
    fake.counts(200, pace=0.01)
    chats = caller.new_chats(4)

    with between(caller.url, NETWORKS[network]) as url:
        heard = node.run(CLIENTS / "listener.mjs", url=url, token=caller.token, chats=chats)

    texts = [caller.answer_in(chat)[1] for chat in chats[:3]]
    assert [heard["late"]["text"], heard["missed"]["text"]] == texts[:2]
    assert heard["three"]["texts"] == [[texts[2]] * 3] * 2


def test_listeners_of_a_roleplay_have_exactly_the_stored_text(caller, fake):
    fake.counts(200, pace=0.01)
    chats = caller.new_chats(4)

    heard = node.run(CLIENTS / "listener.mjs", url=caller.url, token=caller.token, chats=chats)

    _, text, _, _ = caller.answer_in(chats[0])
    late, missed, three, nine = (heard[name] for name in ("late", "missed", "three", "nine"))
    assert (late["text"], late["opened"], late["ended"]["status"]) == (text, 6, "completed")
    assert (missed["text"], missed["opened"]) == (caller.answer_in(chats[1])[1], 2)
    assert three["first"] == [False] * 3
    assert three["texts"] == [[text] * 3] * 2
    assert [message["role"] for message in three["seen"]] == ["user", "assistant"] * 2
    assert (nine["oldest"]["notices"], nine["oldest"]["lastStatus"], nine["others"]) == (["superseded"], 204, [1] * 8)


def test_when_nobody_listens_the_model_is_stopped_and_the_text_kept(caller, fake):
    fake.counts(3000, pace=0.01)
    (chat,) = caller.new_chats(1)

    status, begun = caller.post("/api/messages/addUserMessageStreamingMode", chatSessionId=chat, message="Go")
    until(lambda: caller.answer_in(chat)[2] == "stopped", "no one was connected")

    _, kept, _, reason = caller.answer_in(chat)
    assert (status, begun["chatSessionId"], reason) == (202, chat, "idle_listener")
    assert kept.startswith("w000001 w000002")
    assert fake.until(lambda log: [entry for entry in log if entry["client_closed"]])
