"""An answer that ends between two queries of one request: what is read of it fits together."""

from tests.engine.bench import Bench
from tests.support.marks import on_both_databases
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.chat.record import queries
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation

__all__ = ["app"]


@on_both_databases
def test_the_text_that_is_read_belongs_to_the_end_that_is_read(bench: Bench, fake) -> None:
    fake.always({"says": "The whole text.", "holds": [0]})
    id = bench.ask(person=bench.person())
    bench.until(lambda: len(fake.posts()) == 1)
    with bench.app.app_context():
        generation = db.session.get_one(Generation, id)
        message = db.session.get_one(Message, generation.message_id)
        assert message.content == ""
        db.session.expunge(generation)
        fake.goes_on()
        bench.until(lambda: id not in bench.engine.live)
        (read,) = queries.generations_with_texts([message])[message.id]
        assert (read.status, message.content) in (("completed", "The whole text."), ("queued", ""), ("running", ""))
