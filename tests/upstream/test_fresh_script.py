"""A server that the tests of a module share doesn't meet what the tests of another module left behind."""

import pytest
import requests

from tests.upstream.handle import CHAT, Upstream


@pytest.fixture(scope="module")
def left_behind(upstream_process: Upstream) -> None:
    """What a test that ended early leaves: one behaviour that was never asked for, and another standard one."""
    upstream_process.behaves([{"status": 500}])
    upstream_process.always({"status": 503}, at=CHAT)


def test_a_module_begins_with_an_empty_script(left_behind: None, fake_process: Upstream) -> None:
    question = {"model": "some/model", "messages": [{"role": "user", "content": "Hi"}]}
    replies = [requests.post(f"{fake_process.base_url}{CHAT}", json=question, timeout=60) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 200]
