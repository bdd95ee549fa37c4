"""The tool `make_picture`: the request, both kinds of replies, prices, refusals, and servers that mean harm."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from flask import Flask

from tests.chat.test_files import drawn
from tests.tools.built_in.conftest import NewContext, Site
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream as Fake
from tests.upstream.server import PICTURES
from webapp.base.errors import Invalid
from webapp.models.connections.purposes import PICTURE_MODEL as MODEL
from webapp.settings.service import set_setting
from webapp.tools.built_in.make_picture import make, unavailable
from webapp.tools.tool import Result, ToolFailed

__all__ = ["app"]
PNG = drawn()
PACKED = b64encode(PNG).decode()


@pytest.fixture
def make_picture(new_context: NewContext) -> Any:
    """Makes a picture of an otter with the model that the settings name."""
    set_setting(MODEL, "openai/gpt-image-1")

    def make_picture(context: Any = None, **more: Any) -> Result:
        return make(context or new_context(), {"prompt": "An otter\u202e", **more})

    return make_picture


def reply(fake: Fake, value: Any, **how: Any) -> None:
    fake.always({"json": value, **how}, at=PICTURES)


def test_it_is_not_offered_without_a_model(app: Flask) -> None:
    with app.app_context():
        assert unavailable().startswith("No picture model is set.")
        set_setting(MODEL, "openai/gpt-image-1")
        assert unavailable() == ""


@pytest.mark.parametrize(
    ("model", "why"), [("gone:model", "No connection has the model gone:model"), ("demo/quick", "The demo makes no pictures")]
)
def test_a_model_that_can_make_none_is_refused(make_app: Callable[..., Flask], model: str, why: str) -> None:
    with make_app().app_context(), pytest.raises(Invalid, match=why):
        set_setting(MODEL, model)


def test_a_picture_comes_with_the_reply(make_picture: Any, fake: Fake) -> None:
    reply(fake, {"data": [{"b64_json": PACKED}], "usage": {"cost": 0.04, "prompt_tokens": 9, "completion_tokens": 1}})
    result = make_picture(shape="wide", name="river/otter.png")
    (post,) = fake.log()
    assert post["body"] == {"model": "openai/gpt-image-1", "prompt": "An otter", "n": 1, "size": "1536x1024"}
    assert [(file.name, file.content) for file in result.files] == [("river-otter.png", PNG)]
    assert (result.text, result.cost) == ("It cost $0.04.", "0.04")


def test_a_picture_is_fetched_from_its_address_without_the_key(make_picture: Any, fake: Fake, site: Site) -> None:
    reply(fake, {"data": [{"url": site.says("/otter.png", PNG, kind="image/png")}]})
    with pytest.raises(ToolFailed, match="isn't allowed to use"):
        make_picture()
    assert site.requests == [], "another server is asked only if it is public"
    fake.always({"json": {"data": [{"url": fake.url.removesuffix("/api/v1") + "/api/v1/otter.png"}]}}, at=PICTURES)
    with pytest.raises(ToolFailed, match="has no picture at the address"):
        make_picture()
    assert fake.log()[-1]["path"] == "/api/v1/otter.png"
    assert "authorization" not in fake.log()[-1]["headers"]


def test_its_price_is_that_of_the_list_if_the_reply_has_none(make_picture: Any, fake: Fake) -> None:
    reply(fake, {"data": [{"b64_json": PACKED}], "usage": {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010}})
    result = make_picture()
    assert (result.text, result.cost) == ("What it cost is not known.", None)


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ({"json": {"error": {"code": "content_policy_violation", "message": "No otters."}}, "status": 400}, "No otters."),
        ({"json": {"error": {"message": "No such model"}}, "status": 404}, "No such model"),
        ({"json": {"data": []}}, "didn't return a picture"),
        ({"json": {"data": [{"b64_json": "§"}]}}, "didn't return a picture"),
        ({"json": {"data": [{"url": "file:///etc/passwd"}]}}, "didn't return a picture"),
        ({"json": {"data": [{"url": ["x"]}]}}, "didn't return a picture"),
        ({"json": [1, 2]}, "isn't a model's answer"),
        ({"html": "<p>Sign in"}, "web page"),
        ({"json": {"data": [{"b64_json": "A" * 33_554_500}]}}, "larger than"),
    ],
)
def test_a_refusal_is_a_sentence(make_picture: Any, fake: Fake, behaviour: dict[str, Any], says: str) -> None:
    fake.always(behaviour, at=PICTURES)
    with pytest.raises(ToolFailed) as failed:
        make_picture()
    assert says in failed.value.message
    assert not failed.value.is_unknown


def test_what_was_sent_and_got_no_reply_may_have_been_made(make_picture: Any, new_context: NewContext, fake: Fake) -> None:
    fake.always({"raw": [{"close": "rst"}]}, at=PICTURES)
    with pytest.raises(ToolFailed) as failed:
        make_picture()
    assert failed.value.is_unknown
    fake.always({"steps": [{"hang": True}]}, at=PICTURES)
    context = new_context()

    stopping = gevent.spawn_later(0.5, context.stop.request, "stopped")
    with pytest.raises(ToolFailed) as failed:
        make_picture(context)
    assert failed.value.is_unknown
    stopping.get()
