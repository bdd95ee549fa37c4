"""Outgoing requests: what is sent, what is refused, and the error message for each failure."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.handle import Upstream as Fake
from webapp.models.upstream import Trust, Upstream
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

Read = Callable[..., bytes]


@pytest.fixture
def read(fake: Fake, outgoing: Upstream, stop: Stop) -> Read:
    """A function that returns the whole body of a chat completion."""

    def read(url: str = "", **how: Any) -> bytes:
        given: dict[str, Any] = {"headers": {}, "json": {"stream": True}, "trust": "operator", **how}
        with outgoing.open("POST", url or f"{fake.base_url}/chat/completions", stop=stop, **given) as body:
            return b"".join(body.chunks())

    return read


def failure_of(read: Read, *given: Any, **how: Any) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        read(*given, **how)
    return failed.value


def hung_up(log: list[dict[str, Any]]) -> bool:
    """Whether all requests were aborted; on a busy machine the timeout can pass before one is even sent."""
    return all(entry["client_closed"] for entry in log)


@pytest.mark.parametrize("framing", ["chunked", "close", "length"])
def test_every_framing_gives_the_same_bytes(fake: Fake, read: Read, framing: str) -> None:
    fake.always({"steps": [{"send": "first "}, {"send": "sécond "}, {"send": "third"}], "framing": framing})

    assert read() == "first sécond third".encode()


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_bytes_are_given_as_soon_as_they_are_there(fake: Fake, outgoing: Upstream, stop: Stop, framing: str) -> None:
    fake.always({"steps": [{"send": "first"}, {"hang": True}], "framing": framing})

    with outgoing.open("POST", f"{fake.base_url}/chat/completions", stop=stop, headers={}, trust="operator") as body:
        assert next(body.chunks()) == b"first"


def test_a_form_is_sent_as_its_fields(fake: Fake, read: Read) -> None:
    fake.always({"text": "{}"})
    read(json=None, form={"grant_type": "code", "code": "a b&c=ü"})

    (entry,) = fake.log()
    assert entry["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert entry["body"] == "grant_type=code&code=a+b%26c%3D%C3%BC"


def test_a_large_body_comes_whole(fake: Fake, read: Read) -> None:
    fake.always({"text": "x" * 3_000_000})

    assert len(read()) == 3_000_000


def test_cookies_proxies_and_netrc_are_not_used(fake: Fake, read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    fake.always({"says": "hello", "headers": {"Set-Cookie": "who=you; Path=/"}})

    read(headers={"Authorization": "Bearer mine"})
    read(headers={"Authorization": "Bearer mine"})

    for entry in fake.log():
        assert entry["headers"]["authorization"] == "Bearer mine"
        assert entry["headers"]["accept-encoding"] == "identity"
        assert "cookie" not in entry["headers"]


def test_a_redirect_is_not_followed(fake: Fake, read: Read) -> None:
    fake.always({"status": 302, "headers": {"Location": f"{fake.base_url}/models"}, "text": ""})

    failure = failure_of(read)

    assert (failure.code, failure.retryable) == ("invalid", False)
    assert [entry["path"] for entry in fake.log()] == ["/api/v1/chat/completions"]


def test_a_compressed_reply_is_refused_unread(fake: Fake, read: Read) -> None:
    fake.always({"text": "x" * 100, "headers": {"Content-Encoding": "gzip"}})

    assert failure_of(read).code == "invalid"


def test_an_endless_body_is_cut(fake: Fake, stop: Stop) -> None:
    fake.always({"text": "x" * 200_000})
    small = Upstream(most_bytes=100_000)

    with (
        pytest.raises(ProviderError, match="more than"),
        small.open("POST", f"{fake.base_url}/chat/completions", stop=stop, headers={}, trust="operator") as body,
    ):
        list(body.chunks())
    small.close()


def test_a_small_reply_has_a_limit_of_its_own(fake: Fake, outgoing: Upstream) -> None:
    fake.always({"text": "x" * 200_000}, at="/models")

    with pytest.raises(ProviderError, match="larger than 98 KB"):
        outgoing.json("GET", f"{fake.base_url}/models", headers={}, most_bytes=100_000, trust="operator")


def test_a_small_reply_has_a_time_of_its_own(fake: Fake, outgoing: Upstream) -> None:
    drip = [{"send": "x"}, {"sleep": 0.05}] * 100
    fake.always({"steps": drip}, at="/models")

    with pytest.raises(ProviderError) as late:
        outgoing.json("GET", f"{fake.base_url}/models", headers={}, seconds=0.2, trust="operator")

    assert late.value.code == "stall"


@pytest.mark.parametrize(
    "raw",
    [
        [{"send": "HTTP/1.1 200 OK\r\n" + "X-Long: " + "x" * 100_000 + "\r\n\r\n"}],
        [{"send": "HTTP/1.1 200 OK\r\n"}, *[{"send": f"X-{number}: y\r\n"} for number in range(300)], {"send": "\r\n"}],
        [{"send": "this is not HTTP\r\n\r\n"}],
        [{"close": "rst"}],
        [{"close": "fin"}],
    ],
    ids=["long header", "many headers", "no http", "reset", "closed"],
)
def test_a_reply_without_a_proper_head_is_cut(fake: Fake, read: Read, raw: list[dict[str, Any]]) -> None:
    fake.always({"raw": raw})

    failure = failure_of(read)

    assert (failure.code, failure.retryable) == ("cut", True)
    assert "127.0.0.1" in failure.message


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_body_that_breaks_off_is_cut(fake: Fake, read: Read, framing: str) -> None:
    fake.always({"steps": [{"send": "x" * 10}, {"close": "fin"}, {"send": "y" * 10}], "framing": framing})

    assert failure_of(read).code == "cut"


def test_a_reset_is_a_cut_in_every_framing(fake: Fake, read: Read) -> None:
    fake.always({"steps": [{"send": "x"}, {"sleep": 0.05}, {"close": "rst"}], "framing": "close"})

    assert failure_of(read).code == "cut"


def test_no_head_in_time_is_a_stall(fake: Fake, read: Read) -> None:
    fake.always({"raw": [{"hang": True}]})

    assert failure_of(read, first_byte_seconds=0.1).code == "stall"
    fake.until(hung_up)


def test_no_first_byte_after_the_head_is_a_stall(fake: Fake, read: Read) -> None:
    fake.always({"steps": [{"hang": True}]})

    assert failure_of(read, first_byte_seconds=0.1).code == "stall"
    fake.until(hung_up)


@pytest.mark.slow
def test_the_first_byte_limit_is_only_for_the_first(fake: Fake, read: Read) -> None:
    fake.always({"steps": [{"send": "first "}, {"sleep": 2.5}, {"send": "second"}]})

    assert read(first_byte_seconds=2) == b"first second"


def test_an_unknown_host_is_named(read: Read) -> None:
    failure = failure_of(read, "http://nowhere.invalid/v1")

    assert failure.code == "error"
    assert "nowhere.invalid" in failure.message


def test_a_refused_connection_is_said(read: Read) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failure = failure_of(read, f"http://127.0.0.1:{unused.getsockname()[1]}/v1")

    assert (failure.code, failure.retryable) == ("error", True)
    assert "refused the connection" in failure.message


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "127.1"]
)
def test_others_reach_no_private_address_however_it_is_written(fake: Fake, read: Read, host: str) -> None:
    failure = failure_of(read, f"http://{host}:{fake.port}/api/v1/chat/completions", trust="public")

    assert failure.code == "invalid"
    assert not fake.log()


@pytest.mark.parametrize("trust", ["operator", "public"])
def test_nobody_reaches_metadata(read: Read, trust: Trust) -> None:
    failure = failure_of(read, "http://169.254.169.254/latest/", trust=trust)
    assert "isn't allowed to use" in failure.message
    assert failure.of_connection


def test_an_open_connection_of_an_operator_is_not_lent_to_others(fake: Fake, read: Read) -> None:
    read()

    assert failure_of(read, trust="public").code == "invalid"
    assert len(fake.log()) == 1


def test_a_name_is_checked_by_all_it_resolves_to(fake: Fake, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def both(host: str, port: int, **_: Any) -> list[Any]:
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*stream, ("8.8.8.8", port)), (*stream, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)

    assert failure_of(read, f"http://rebound.example:{fake.port}/v1", trust="public").code == "invalid"


def test_a_key_that_no_header_can_hold_is_not_repeated(read: Read) -> None:
    for key in ("sk-secret\r\nX: y", "sk-secret-\u2026"):
        failure = failure_of(read, headers={"Authorization": f"Bearer {key}"})
        assert failure.code == "invalid"
        assert "secret" not in failure.message
        assert failure.__cause__ is None


def test_connections_are_used_again(fake: Fake, read: Read) -> None:
    for _ in range(5):
        read()

    assert len({entry["connection"] for entry in fake.log()}) == 1


def test_the_reader_is_not_held_up_after_the_last_word(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    fake.always({"steps": [{"send": "last word"}, {"hang": True}]})

    with outgoing.open("POST", f"{fake.base_url}/chat/completions", stop=stop, headers={}, trust="operator") as body:
        next(iter(body.chunks()))
        body.finish()


def test_a_time_for_the_rest_ends_a_body_that_never_pauses(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    def pieces() -> Iterator[bytes]:
        with outgoing.open("POST", f"{fake.base_url}/chat/completions", stop=stop, headers={}, trust="operator") as body:
            body.within(0, quietly=True)
            yield from body.chunks()

    fake.always({"text": "x" * 1_000_000})

    assert list(pieces()) == []
