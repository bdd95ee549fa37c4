"""A picture of ten megabytes in an answer does not delay the answers of other users."""

import json
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from tests.attacks.scene import Scene, opened
from tests.support.bystander import bystander
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SIZE = (1_900, 1_800)


def noise() -> str:
    """Returns a picture of ten megabytes, as a data URL."""
    file = BytesIO()
    Image.frombytes("RGB", SIZE, Random(1).randbytes(3 * SIZE[0] * SIZE[1])).save(file, "PNG", compress_level=0)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(tmp_path_factory.mktemp("pictures"), fake_process) as scene:
        yield scene


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
def test_a_large_picture_in_an_answer(scene: Scene, fake: Upstream, is_streamed: bool) -> None:
    message = {"content": "Here:", "images": [{"image_url": {"url": noise()}}]}
    choice = {"index": 0, "finish_reason": "stop", "delta" if is_streamed else "message": message}
    reply = json.dumps({"choices": [choice]})
    if is_streamed:
        fake.always({"steps": [{"send": f"data: {reply}\n\ndata: [DONE]\n\n"}]})
    else:
        fake.always({"json": json.loads(reply)})
    with bystander(scene.server, fake, person=scene.owner, allowed_ms=100):
        path = scene.members[0].begin("Draw a mill")
        scene.await_the_end()
    assert '<span class="pictures">' in scene.members[0].get(path).text
