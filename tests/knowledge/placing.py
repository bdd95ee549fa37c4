"""Documents in the state after reading, inserted directly into the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from webapp.base.ids import new_id
from webapp.knowledge.search import index, tokenizer
from webapp.knowledge.tables import Collection, Document, Passage


def place(session: Session, collection: Collection, title: str, texts: Sequence[str], **more: Any) -> Document:
    """Inserts a document whose passages are these texts."""
    counted = list(tokenizer.weights([(title, text) for text in texts]))
    length = sum(count for _, count in counted)
    said = {"name": "placed.md", "hash": new_id(), "bytes": 1, "characters": 1, "state": "ready", "edition": 1}
    document = Document(collection_id=collection.id, title=title, **{**said, "passages": len(texts), "words": length, **more})
    session.add(document)
    session.flush()
    same = {"document_id": document.id, "edition": 1, "heading": "", "head": "", "overlap": 0}
    rows = [
        Passage(**same, number=number, text=text, words=count)
        for number, (text, (_, count)) in enumerate(zip(texts, counted, strict=True))
    ]
    session.add_all(rows)
    session.flush()
    told = [
        {"terms": terms, "index": [tokenizer.spaced(title), tokenizer.spaced(text)]}
        for text, (terms, _) in zip(texts, counted, strict=True)
    ]
    index.put(session.connection(), [row.row for row in rows], told)
    return document
