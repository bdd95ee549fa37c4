"""The index of words made anew from passages that came from another database."""

from sqlalchemy import Connection, select

from webapp.health.copying.indexes import Index
from webapp.knowledge import index, words
from webapp.knowledge.tables import Document, Passage, PassageTerm

# As many as the reader of a document tells of at once.
AT_ONCE = 20


def fill(connection: Connection) -> None:
    """Indexes every passage as the reader of its document has."""
    read = select(Passage.row, Document.title, Passage.heading, Passage.head, Passage.text)
    read = read.join(Document, Document.id == Passage.document_id).order_by(Passage.row)
    for batch in connection.execute(read, execution_options={"yield_per": AT_ONCE}).partitions():
        texts = [(f"{row.title} {row.heading}", row.head + row.text) for row in batch]
        weights = words.weights(texts)
        told = [
            {"terms": terms, "index": [words.spaced(head), words.spaced(body)]}
            for (head, body), (terms, _) in zip(texts, weights, strict=True)
        ]
        index.put(connection, [row.row for row in batch], told)


INDEX = Index(PassageTerm.__tablename__, fill)
