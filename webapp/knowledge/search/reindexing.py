"""Rebuilds the full-text index from passages that were copied from another database."""

from sqlalchemy import Connection, select

from webapp.base.database.copying import Index
from webapp.knowledge.search import index, tokenizer
from webapp.knowledge.tables import Document, Passage, PassageTerm

# The same batch size as the reader process uses.
AT_ONCE = 20


def fill(connection: Connection) -> None:
    """Indexes every passage the way the reader process does."""
    read = select(Passage.row, Document.title, Passage.heading, Passage.head, Passage.text)
    read = read.join(Document, Document.id == Passage.document_id).order_by(Passage.row)
    for batch in connection.execute(read, execution_options={"yield_per": AT_ONCE}).partitions():
        texts = [(f"{row.title} {row.heading}", row.head + row.text) for row in batch]
        weights = tokenizer.weights(texts)
        pieces = [
            {"terms": terms, "index": [tokenizer.spaced(head), tokenizer.spaced(body)]}
            for (head, body), (terms, _) in zip(texts, weights, strict=True)
        ]
        index.put(connection, [row.row for row in batch], pieces)


INDEX = Index(PassageTerm.__tablename__, fill)
