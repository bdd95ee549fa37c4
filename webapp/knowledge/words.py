"""The words of a text as both databases index them, by the tokenizer and the stemmer of SQLite. Pure."""

import re
import sqlite3
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise

from webapp.knowledge.stop_words import STOP_WORDS

TOKENIZER = "porter unicode61 remove_diacritics 2"
# Chinese and Japanese have no blanks between words: two signs that stand together are one.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
WORD = re.compile(r"[^\W_]+")
# Marks that stand upon one letter are put in order one by one: of a hundred thousand that takes half a minute.
# Of letters, two Japanese ones become such marks.
STACKED = re.compile(r"(?:[^\w\s\x00-\x7f]|[\uff9e\uff9f]){30}")
MOST_WORDS, MOST_WORD_CHARS = 30, 60
# Enough for so many words; a message has up to 200 000, and some signs become eighteen.
MOST_QUESTION_CHARS = 8_000
# How much more a word of the title or of a heading counts than one of the text.
HEAD_WEIGHT = 2


def spaced(text: str) -> str:
    """The text with a blank between all that counts as a word."""
    return UNSPACED.sub(_pairs, unicodedata.normalize("NFKC", STACKED.sub(r"\g<0> ", text)))


def weights(texts: Sequence[tuple[str, str]]) -> Iterator[tuple[dict[str, int], int]]:
    """Of each head and body: what each of their words weighs, and how many words they have."""
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    lengths: Counter[int] = Counter()
    for row, term, column, count in _indexed(texts):
        found[row][term[:200]] += count * (HEAD_WEIGHT if column == "head" else 1)
        lengths[row] += count
    for row in range(len(texts)):
        yield dict(found[row]), lengths[row]


def asked_for(query: str) -> dict[str, str]:
    """The words of a question by their stems, each once; stop words only where there is nothing else."""
    words = [word[:MOST_WORD_CHARS] for word in WORD.findall(spaced(query[:MOST_QUESTION_CHARS]).lower())]
    words = ([word for word in words if word not in STOP_WORDS] or words)[:MOST_WORDS]
    stems: defaultdict[int, list[str]] = defaultdict(list)
    for row, term, _, _ in _indexed([("", word) for word in words]):
        stems[row].append(term)
    return {stems[row][0]: word for row, word in reversed(list(enumerate(words))) if len(stems[row]) == 1}


def _pairs(run: re.Match[str]) -> str:
    signs = run.group()
    return f" {' '.join(map(''.join, pairwise(signs))) or signs} "


def _indexed(texts: Sequence[tuple[str, str]]) -> list[tuple[int, str, str, int]]:
    """Row, stem, column and count of each word."""
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f"CREATE VIRTUAL TABLE texts USING fts5(head, body, tokenize='{TOKENIZER}')")
        memory.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(texts, 'instance')")
        rows = [(row, spaced(head), spaced(body)) for row, (head, body) in enumerate(texts)]
        memory.executemany("INSERT INTO texts(rowid, head, body) VALUES (?, ?, ?)", rows)
        return memory.execute("SELECT doc, term, col, count(*) FROM terms GROUP BY doc, term, col").fetchall()
