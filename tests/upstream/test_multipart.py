"""A body with files is what the server of a form reads, and is sent from the disk."""

import io
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import parse_form_data

from tests.support.turns import nobody_waits
from tests.upstream.handle import Upstream as Fake
from webapp.models.upstream import Multipart, MultipartFile, Upstream
from webapp.models.upstream.multipart import PIECE_BYTES
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

SIZES = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES]


def file_of(tmp_path: Path, content: bytes, *, name: str = "a.wav", field: str = "file") -> MultipartFile:
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    path.write_bytes(content)
    return MultipartFile(field, path, "audio/wav", name)


def read(file: FileStorage) -> tuple[str | None, str, bytes]:
    with closing(file):
        return file.name, file.mimetype, file.read()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["a.wav", 'my "song"\r\nX: y.wav', "Größe.wav"])
def test_it_is_what_a_form_sends(tmp_path: Path, size: int, name: str) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    files = [file_of(tmp_path, content[:size], name=name), file_of(tmp_path, b"b", field="image[]")]
    body = Multipart([("model", "whisper-1"), ("prompt", "Größe\r\n--x")], files)

    sent = b"".join(body)
    environ = {"wsgi.input": io.BytesIO(sent), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": body.content_type}
    _, fields, parsed = parse_form_data({**environ, "REQUEST_METHOD": "POST"})

    assert len(sent) == len(body)
    assert fields.to_dict() == {"model": "whisper-1", "prompt": "Größe\r\n--x"}
    assert read(parsed["file"]) == ("file", "audio/wav", content[:size])
    assert read(parsed["image[]"]) == ("image[]", "audio/wav", b"b")


def test_a_large_file_is_never_in_memory_and_holds_nobody_up(fake: Fake, outgoing: Upstream, stop: Stop, tmp_path: Path) -> None:
    body = Multipart([("model", "m")], [file_of(tmp_path, b"x" * 20_000_000)])

    tracemalloc.start()
    with (
        nobody_waits(0.1),
        outgoing.open("POST", f"{fake.base_url}/hook", stop=stop, headers={}, content=body, trust="operator") as reply,
    ):
        assert reply.status == 200
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    (entry,) = fake.log()
    assert entry["headers"]["content-length"] == str(len(body))
    assert entry["headers"]["content-type"] == body.content_type
    assert "transfer-encoding" not in entry["headers"]
    assert most_bytes < 2_000_000


@pytest.mark.parametrize("left", [None, b"", b"xx"], ids=["gone", "empty", "shorter"])
def test_a_file_that_changes_meanwhile_is_refused(
    fake: Fake, outgoing: Upstream, stop: Stop, tmp_path: Path, left: bytes | None
) -> None:
    file = file_of(tmp_path, b"x" * 9)
    body = Multipart([], [file])
    file.path.unlink() if left is None else file.path.write_bytes(left)

    with (
        pytest.raises(ProviderError, match=r"The file a\.wav can't be read any more\."),
        outgoing.open("POST", f"{fake.base_url}/hook", stop=stop, headers={}, content=body, trust="operator"),
    ):
        pass


def test_a_file_that_is_not_there_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="can't be read any more"):
        Multipart([], [MultipartFile("file", tmp_path / "none", "audio/wav", "a.wav")])
