"""Every documented error of a known server: its code, whether and when to retry, and a message without secrets."""

from typing import Any

import pytest

from tests.models.providers.canned import lines
from tests.models.providers.error_cases import CASES, LONG_SECRET, Case
from tests.models.providers.received import KEY, collect, request_for
from tests.models.providers.streams import provider_of
from tests.upstream.handle import CHAT, MESSAGES, Upstream as Fake
from webapp.models.upstream import Upstream
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

BEGUN: dict[bool, Any] = {
    False: {"choices": [{"delta": {"content": "told "}}]},
    True: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "told "}},
}


def behaviour(case: Case) -> dict[str, Any]:
    if case.status == 200:
        # Some servers send [DONE] after an error: it must not count as a normal end.
        return {"steps": [{"send": lines(BEGUN[case.dialect == "anthropic"], case.error, b"[DONE]").decode()}]}
    received = {"html": case.error} if isinstance(case.error, str) else {"json": case.error}
    return {"status": case.status, "headers": case.headers, **received}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_error_is_a_policy_and_a_sentence(fake: Fake, outgoing: Upstream, stop: Stop, case: Case) -> None:
    fake.always(behaviour(case), at=MESSAGES if case.dialect == "anthropic" else CHAT)
    provider = provider_of(case.dialect, outgoing, base_url=fake.base_url, key=KEY, trust="operator")

    received = collect(provider.stream(request_for(), stop))

    assert received.failure
    assert (received.end, received.failure.retryable, received.failure.retry_after) == (
        case.code,
        case.retryable,
        case.retry_after,
    )
    assert received.text == ("told " if case.status == 200 else "")
    assert len(fake.log()) == 1, "whether to ask again is not the provider's to decide"
    check_sentence(received.failure.message, case)


def check_sentence(message: str, case: Case) -> None:
    assert "127.0.0.1" in message
    assert case.says in message
    assert "<" not in message
    assert message.isprintable()
    assert KEY[:12] not in message
    assert LONG_SECRET not in message
    assert "secret words" not in message


@pytest.mark.parametrize("case", [case for case in CASES if case.status != 200], ids=str)
def test_it_is_the_same_for_a_whole_reply(fake: Fake, outgoing: Upstream, stop: Stop, case: Case) -> None:
    fake.always(behaviour(case), at=MESSAGES if case.dialect == "anthropic" else CHAT)
    provider = provider_of(case.dialect, outgoing, base_url=fake.base_url, key=KEY, trust="operator")

    with pytest.raises(ProviderError) as failed:
        provider.complete(request_for(), stop)
    assert (failed.value.code, failed.value.retryable) == (case.code, case.retryable)
