"""Request bodies are encoded in pieces: encoding tens of megabytes as JSON blocks no other greenlet."""

import json
import math
from typing import Any

import pytest

from tests.support.turns import longest_turn
from tests.upstream.handle import Upstream as Fake
from webapp.models.upstream import Upstream
from webapp.models.upstream.json_body import PIECE_CHARS, as_json
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

WORDS = 'Größe "é"\\ \n \U0001f600 \ud800 </script> '
LONG = WORDS * (PIECE_CHARS // 10)
MESSAGES = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "short"}]
CHAT = {"model": "m", "messages": MESSAGES, "stop": (LONG, 1)}
VALUES = [{}, [], "", None, 1.5, {"a": [1, {"b": "c"}]}, LONG, [LONG, ""], {LONG: [LONG], "n": None}, CHAT]


@pytest.mark.parametrize("value", VALUES)
def test_it_is_the_same_json(value: Any) -> None:
    assert as_json(value) == json.dumps(value).encode()


@pytest.mark.slow
def test_a_long_chat_holds_nobody_up(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    url = f"{fake.base_url}/hook"
    said = [{"role": "user", "content": WORDS * 4_000} for _ in range(300)]

    with longest_turn() as longest, outgoing.open("POST", url, stop=stop, headers={}, json=said, trust="operator"):
        pass

    # In one piece it takes half a second.
    assert longest.seconds < 0.12
    assert fake.log()[-1]["body"] == said
    assert fake.log()[-1]["headers"]["content-type"] == "application/json"


def test_what_is_no_json_is_refused(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    with (
        pytest.raises(ProviderError),
        outgoing.open("POST", f"{fake.base_url}/hook", stop=stop, headers={}, json=[math.nan], trust="operator"),
    ):
        pass
