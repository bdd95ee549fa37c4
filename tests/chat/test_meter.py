"""How full a model's context is, with texts and pictures."""

from webapp.base.ids import new_id
from webapp.chat.files.reference import reference
from webapp.chat.record.tables import Message
from webapp.models.tokens import PER_PICTURE
from webapp.workspace.page.composer_shown import meter


def test_pictures_count_as_far_as_they_are_sent():
    written = "\n".join(reference("a.png", new_id()).written for _ in range(15))
    said = [Message(id=new_id(), role="user", content="Look\n\n" + written) for _ in range(2)]
    quoted = Message(id=new_id(), role="assistant", content=written)

    one, two = meter(said[:1], 30_000), meter(said, 30_000)
    assert one
    assert two
    assert one.tokens > 15 * PER_PICTURE
    assert 20 * PER_PICTURE < two.tokens < 22 * PER_PICTURE + one.tokens - 15 * PER_PICTURE
    assert meter([quoted], 30_000) is None
