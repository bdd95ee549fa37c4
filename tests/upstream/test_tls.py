"""TLS: only trusted certificates are accepted, and stopping is as fast."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from tests.support.certificate import certificate_in
from tests.upstream.handle import Upstream as Fake
from webapp.models.upstream import Upstream
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate_in(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(certificate: tuple[Path, Path]) -> Iterator[Fake]:
    fake = Fake(certfile=certificate[0], keyfile=certificate[1])
    yield fake
    fake.close()


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> Iterator[Upstream]:
    upstream = Upstream(tls=ssl.create_default_context(cafile=str(certificate[0])))
    yield upstream
    upstream.close()


def test_a_trusted_certificate_is_accepted(secure: Fake, trusting: Upstream) -> None:
    answer = trusting.json("GET", f"{secure.base_url}/models", headers={}, trust="operator")

    assert [model["id"] for model in answer.value["data"]] == ["fake/plain", "fake/large"]


def test_an_unknown_certificate_is_refused(secure: Fake, outgoing: Upstream) -> None:
    with pytest.raises(ProviderError, match="certificate") as refused:
        outgoing.json("GET", f"{secure.base_url}/models", headers={}, trust="operator")

    assert not refused.value.retryable


def test_a_certificate_for_another_name_is_refused(secure: Fake, trusting: Upstream) -> None:
    with pytest.raises(ProviderError, match="certificate"):
        trusting.json("GET", f"https://127.0.0.1:{secure.port}/api/v1/models", headers={}, trust="operator")


def test_stopping_is_as_quick(secure: Fake, trusting: Upstream, stop: Stop) -> None:
    secure.reset()
    secure.counts(10, stall_after=3)
    got: list[bytes] = []

    def read() -> None:
        with trusting.open(
            "POST", f"{secure.base_url}/chat/completions", stop=stop, headers={}, json={"stream": True}, trust="operator"
        ) as body:
            got.extend(body.chunks())

    reader = gevent.spawn(read)
    with gevent.Timeout(30):
        while b"w000003" not in b"".join(got):
            gevent.sleep(0.005)
    stop.request("user")
    reader.join(30)

    assert reader.successful()
    secure.until(lambda log: log[0]["client_closed"])


def test_all_records_that_are_there_are_read_together(secure: Fake, trusting: Upstream, stop: Stop) -> None:
    secure.always({"steps": [*[{"send": f"{number} "} for number in range(100)], {"sleep": 600}]})

    with trusting.open("POST", f"{secure.base_url}/chat/completions", stop=stop, headers={}, trust="operator") as body:
        chunks, content = body.chunks(), b""
        secure.until(lambda log: log[-1]["bytes"] == 290)
        reads = 0
        while len(content) < 290:
            content += next(chunks)
            reads += 1

    assert content.split() == [b"%d" % number for number in range(100)]
    # The head arrives in a separate TLS record, and its buffered remainder is read first.
    assert reads <= 3
