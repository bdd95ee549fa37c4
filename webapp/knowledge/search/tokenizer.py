"""Tokenizes and stems texts as both databases index them, by SQLite's FTS5. Pure."""

import re
import sqlite3
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise

TOKENIZER = "porter unicode61 remove_diacritics 2"
# Chinese and Japanese have no spaces between words, so each pair of adjacent characters is indexed as a word.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
WORD = re.compile(r"[^\W_]+")
# Unicode normalization sorts combining marks on one letter one by one: a hundred thousand of them take half a minute. So a
# space is inserted after every 30. Two Japanese letters become such marks.
STACKED = re.compile(r"(?:[^\w\s\x00-\x7f]|[\uff9e\uff9f]){30}")
MOST_WORDS, MOST_WORD_CHARS = 30, 60
# Enough for `MOST_WORDS` words: a message has up to 200,000 characters, and normalization turns some characters into eighteen.
MOST_QUESTION_CHARS = 8_000
# How many times a word in the title or a heading counts, compared to one in the text.
HEAD_WEIGHT = 2
# In English, German, French, Spanish, Italian, Portuguese and Dutch.
STOP_WORDS = frozenset(
    """
    a aan aber about after al all als also am an and any ao are as at au auch auf aus aux avec be been bei bij bin bis
    but by can ce ces cette che chi ci com come como con cosa could cuando cuál da dal dalla dans das dass dat de dei
    del della dem den der des deze di did die dies diese dit do doch does donde door dos dove du dónde e een ein eine
    einem einen einer el ela ele ella elle em en er eres es esse est esta este et eu eux foi for from für get gli ha
    haar haben had has hat have hay he heb heeft her het hij him his ho hoe how i ich if ihr ik il ils im in into io is
    isso ist isto it its ja je just já kan kann la las le les leur lo los lui ma maar mais man mas me mein met mi mijn
    mit more muy my más na naar nach nas ne nel nella nicht niet no noch nog non nos not notre nous nur não o ob oder
    of om on ook op or os ou our out over où par para pas pelo per perché pero più por porque pour qual quale quando
    que quel quelle quem questo qui quién qué sa se sem ser ses seu she should si sich sie sin sind so sobre some son
    sono sont su such suo sur sus são ta también te than that the their them then there these they this those to too
    tot tra tu uit um uma un una und under une uns up us van você von voor vor vos votre vous waar waarom war was wat
    we wel wenn wer werd were what when where which while who whom why wie will wir wird with wo would y yo you your
    zij zijn zu zum zur über
    """.split()  # noqa: SIM905  one a line would be a page
)


def spaced(text: str) -> str:
    """Returns the normalized text with spaces between all words."""
    return UNSPACED.sub(_pairs, unicodedata.normalize("NFKC", STACKED.sub(r"\g<0> ", text)))


def weights(texts: Sequence[tuple[str, str]]) -> Iterator[tuple[dict[str, int], int]]:
    """Yields, for each head and body, the weight of each word and the number of words."""
    weights_by_term: defaultdict[int, Counter[str]] = defaultdict(Counter)
    lengths: Counter[int] = Counter()
    for row, term, column, count in _indexed(texts):
        weights_by_term[row][term[:200]] += count * (HEAD_WEIGHT if column == "head" else 1)
        lengths[row] += count
    for row in range(len(texts)):
        yield dict(weights_by_term[row]), lengths[row]


def query_words(query: str) -> dict[str, str]:
    """Returns the words of a question by stem, without duplicates; stop words only if there are no others."""
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
    """Returns the row, stem, column and count of each word."""
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f"CREATE VIRTUAL TABLE texts USING fts5(head, body, tokenize='{TOKENIZER}')")
        memory.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(texts, 'instance')")
        rows = [(row, spaced(head), spaced(body)) for row, (head, body) in enumerate(texts)]
        memory.executemany("INSERT INTO texts(rowid, head, body) VALUES (?, ?, ?)", rows)
        return memory.execute("SELECT doc, term, col, count(*) FROM terms GROUP BY doc, term, col").fetchall()
