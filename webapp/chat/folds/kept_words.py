"""What of a conversation has to be kept when a short text replaces it: rules word for word, numbers, names, paths. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal, NamedTuple, Protocol, TypeVar

from webapp.chat.folds.rule_words import (
    ANYWHERE,
    ASKED,
    ASKING,
    BEFORE_NAMES,
    BESIDE,
    COMMON,
    DATE_WORDS,
    FILLING,
    NARRATING,
    NOT_NAMES,
    OPENINGS,
    POLITE,
    SCRIPTS,
    SHORT_WORDS,
    SIGNS,
    STANDING,
    TELLERS,
    TELLING,
)
from webapp.knowledge.search.tokenizer import STOP_WORDS

MOST_RULES, MOST_RULE_CHARS = 200, 500
MOST_DETAILS, MOST_DETAIL_CHARS = 400, 80
# A longer message is read only at its beginning and its end, each up to half of this.
MOST_READ_CHARS = 100_000
# Of a longer conversation, only the newest is searched for details.
MOST_SEARCHED_CHARS = 2_000_000
# So much of each message tells its language.
SAMPLE_CHARS, LEAST_COMMON = 600, 3
# A longer word is no code: text without spaces, or data.
MOST_TOKEN_CHARS = 300
# How often a detail is looked for inside longer words and numbers, before it counts as missing.
MOST_TRIES = 200
# A line of so many characters can be one of a paragraph that was broken by hand, which ends after so many at the latest.
BROKEN_LINE_CHARS, MOST_PARAGRAPH_CHARS = 40, 5_000

FENCE = re.compile(r"\s{0,8}(```+|~~~+)")
BULLET = re.compile(r"(?:[-*+•]|#{1,6}|\d{1,3}[.)])\s+")
# A run of stops is looked at once: of a long one, its first.
END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]{0,4}\s+|[。！？]+[」』”]?\s*")
PIECE = re.compile(rf"\S.{{0,{MOST_RULE_CHARS - 1}}}(?=\s|$)|\S{{{MOST_RULE_CHARS}}}", re.DOTALL)
CLAUSE = re.compile(r"[,;:()–—“”\"]|\s-\s")
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
ANY_SIGN = re.compile("|".join(map(re.escape, sorted(SIGNS))))
UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
QUESTION = ("?", "？")
AROUND = " \t,;:!?…\"'“”„‘’«»()[]{}<>*`|。、，！？「」『』（）【】・："
CODE_SPAN = re.compile(rf"`([^`\n]{{1,{MOST_DETAIL_CHARS}}})`")
# Numbers, dates and Latin words in a text without spaces, each number with the sign after it.
IN_UNSPACED = re.compile(r"\d[\d.,:/年月日時时分-]{0,30}[^\W\d_a-zA-Z]?|[A-Za-z][A-Za-z0-9@./_-]{1,79}")
PATH = re.compile(r"[/~.\\][\w./~\\-]*[/\\]|/\w|[A-Za-z]:[\\/]|[^/]+/[^/]+/|[\w./\\-]*[\w-]{2}\.[A-Za-z][A-Za-z0-9]{0,5}$")
# Most sentences have no capital letter after the first, no number and no sign, and so no detail.
TRACE = re.compile(r"[A-Z0-9@/\\_]|\w\.\w|[^\x00-\x7f]")
NUMBER = re.compile(r"[+\-−~≈±]?[$€£¥#]?\d[\d.,:/-]*[%°€$£¥]?")
UNIT, YEAR = re.compile(r"[^\W\d_][\w/²³°%-]{0,24}|[%°€$£¥]"), re.compile(r"\d{4}")
ADDRESS = re.compile(r"https?://[^\s<>\"'()\[\]]+")
CAMEL = re.compile(r"[^\W\d_A-Z][A-Z]")
SCRIPT_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in SCRIPTS.items()}

T = TypeVar("T")
Kind = Literal["words", "quote", "code"]


class Said(NamedTuple):
    """A message without its attachments; the role is `user` or `assistant`. One from outside has no rules of the person."""

    who: str
    role: str
    text: str
    is_outside: bool = False


class Part(NamedTuple):
    """A sentence, a quoted sentence, or a block of code."""

    kind: Kind
    text: str


class InTurns(Protocol):
    """Yields the items, and can let others run between them, such as `by_turns`."""

    def __call__(self, items: Iterable[T], /) -> Iterable[T]: ...


@dataclass(frozen=True, slots=True)
class KeptWords:
    """The rules of the person, the details of everyone, in order, and the language of most messages; empty if that is unsure."""

    rules: tuple[str, ...]
    details: tuple[str, ...]
    language: str = ""


def kept_words(said: Iterable[Said], *, in_turns: InTurns = iter) -> KeptWords:
    """Returns what has to be kept; `in_turns` can let others run meanwhile. The newest message is read first.

    Left out: rules that are questions, quoted or in code; details in blocks of code; details longer than 80 characters; what is
    older than the newest 200 rules and 400 details; the middle of messages longer than 100 000 characters. A rule longer than
    500 characters is cut between words. Details are searched for in the newest 2 000 000 characters.
    """
    messages = tuple(said)
    rules: dict[str, None] = {}
    details: dict[str, None] = {}
    usual_language, chars = common_language(messages), 0
    for message in in_turns(reversed(messages)):
        chars += len(message.text)
        has_rules = message.role == "user" and not message.is_outside and len(rules) < MOST_RULES
        has_details = len(details) < MOST_DETAILS and chars <= MOST_SEARCHED_CHARS
        if not has_rules and not has_details:
            continue
        is_german = (language(message.text[:SAMPLE_CHARS]) or usual_language) == "de"
        own_rules, own_details = list[str](), list[str]()
        for part in in_turns(parts(message.text)):
            if has_rules and is_rule(part):
                own_rules.append(part.text)
            if has_details:
                own_details += details_in(part, is_german=is_german)
        rules.update(dict.fromkeys(reversed(own_rules)))
        details.update(dict.fromkeys(reversed(own_details)))
    newest = [*islice(rules, MOST_RULES)], [*islice(details, MOST_DETAILS)]
    return KeptWords(tuple(reversed(newest[0])), tuple(reversed(newest[1])), usual_language)


def missing_in(text: str, words: KeptWords) -> KeptWords:
    """Returns what a text lacks: rules are found word for word but for white space, details as whole words and numbers."""
    text = " ".join(text.split())
    rules = tuple(rule for rule in words.rules if rule not in text)
    return KeptWords(rules, tuple(detail for detail in words.details if not _has_whole(text, detail)), words.language)


def parts(text: str) -> Iterator[Part]:
    """Yields the sentences and blocks of code of a message, sentences with single spaces and at most 500 characters."""
    if len(text) > MOST_READ_CHARS:
        text = f"{text[: MOST_READ_CHARS // 2]}\n{text[-MOST_READ_CHARS // 2 :]}"
    fence, code = "", list[str]()
    paragraph = ""
    kind: Kind = "words"
    for line in text.splitlines():
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence):
                yield Part("code", "\n".join(code))
                fence = ""
            else:
                code.append(line)
            continue
        if paragraph and kind == "words" and _continues(paragraph, line):
            paragraph = f"{paragraph} {line.strip()}"
            continue
        yield from _sentences(kind, paragraph)
        paragraph = ""
        if mark:
            fence, code = mark[1], []
            continue
        kind = "quote" if line.lstrip().startswith(">") else "words"
        paragraph = line.lstrip("> \t").rstrip()
        paragraph = paragraph[bullet.end() :] if (bullet := BULLET.match(paragraph)) else paragraph
    yield from [Part("code", "\n".join(code))] if fence else _sentences(kind, paragraph)


def _continues(paragraph: str, line: str) -> bool:
    """Returns whether a line belongs to the sentence before it, as in texts whose lines are broken by hand."""
    is_broken = BROKEN_LINE_CHARS <= len(paragraph) <= MOST_PARAGRAPH_CHARS
    return is_broken and paragraph[-1] not in ".!?:;。！？" and line.lstrip()[:1].islower()


def _sentences(kind: Kind, paragraph: str) -> Iterator[Part]:
    paragraph = " ".join(paragraph.split())
    ends = [end.end() for end in END.finditer(paragraph) if not _is_inside(paragraph, end)]
    for start, end in pairwise([0, *ends, len(paragraph)]):
        sentence = paragraph[start:end].strip()
        if len(sentence) > MOST_RULE_CHARS:
            yield from (Part(kind, piece) for piece in PIECE.findall(sentence))
        elif sentence:
            yield Part(kind, sentence)


def _is_inside(paragraph: str, end: re.Match[str]) -> bool:
    """Returns whether a sentence continues after this stop: after short words, initials and days, and after dots."""
    if end[0][0] not in ".…":
        return False
    if "…" in end[0] or ".." in end[0]:
        return paragraph[end.end() : end.end() + 1].islower()
    start = end.start()
    begin = paragraph.rfind(" ", max(0, start - 24), start) + 1
    last = paragraph[begin:start].lstrip("(\"'“„")
    if last.isdigit():
        # A day in German: `12. Mai`.
        following = WORD.match(paragraph, end.end())
        return following is not None and following[0] in DATE_WORDS
    if len(last) != 1:
        return last.lower() in SHORT_WORDS
    # An initial is beside another or behind a name: `Never mention plan B.` is a sentence.
    earlier = paragraph[max(0, begin - 24) : begin].split()[-1:]
    is_beside_one = (
        not earlier or earlier[0][0].isupper() or earlier[0][-1] == "." or paragraph[end.end() + 1 : end.end() + 2] == "."
    )
    return last in SHORT_WORDS or (last.isupper() and is_beside_one)


def is_rule(part: Part) -> bool:
    """Returns whether a sentence of a person says what always, never or only is to be done, or who they are."""
    if part.kind != "words":
        return False
    is_question = part.text.rstrip("\"'”’»)*_ ").endswith(QUESTION)
    if not part.text.isascii() and ANY_SIGN.search(part.text):
        return not is_question
    sentence = part.text.lower().replace("’", "'")
    words = WORD.findall(sentence)
    if RULE_KEYS.isdisjoint(words):
        return False
    if is_question:
        return words[0] in ASKING and not STANDING.isdisjoint(words)
    return _has_word(words) or _has_phrase(words) or _is_polite(words) or any(map(_opens, CLAUSE.split(sentence)))


def _has_word(words: Sequence[str]) -> bool:
    return words[0] not in TELLERS and any(
        (word in RULE_WORDS or (word in BESIDE and not BESIDE[word].isdisjoint(words)))
        and (not at or words[at - 1] not in NARRATING)
        for at, word in enumerate(words)
    )


def _has_phrase(words: Sequence[str]) -> bool:
    joined = f" {' '.join(words)} "
    return any(f" {phrase} " in joined for word in words for phrase in PHRASES.get(word, ()))


def _is_polite(words: Sequence[str]) -> bool:
    return not (POLITE.isdisjoint(words) or ASKED.isdisjoint(words))


def _opens(clause: str) -> bool:
    words = WORD.findall(clause)
    while words and words[0] in FILLING:
        words = words[1:]
    if len(words) < 2 or _begins(words, TELLING):
        return False
    return _begins(words, OPENINGS)


def _begins(words: Sequence[str], phrases: frozenset[str]) -> bool:
    return any(" ".join(words[:count]) in phrases for count in (1, 2, 3))


def _keyed(phrases: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns the phrases by their longest word, so that most sentences are not searched for any."""
    by_key: dict[str, tuple[str, ...]] = {}
    for phrase in sorted(phrases):
        key = max(phrase.split(), key=len)
        by_key[key] = (*by_key.get(key, ()), phrase)
    return by_key


RULE_WORDS = frozenset(phrase for phrase in ANYWHERE if " " not in phrase)
PHRASES = _keyed(ANYWHERE - RULE_WORDS)
RULE_KEYS = RULE_WORDS | BESIDE.keys() | PHRASES.keys() | POLITE | {phrase.split()[0] for phrase in OPENINGS}


def details_in(part: Part, *, is_german: bool = False) -> list[str]:
    """Returns the numbers, dates, names, paths, addresses and codes of a sentence; none of a block of code."""
    if part.kind == "code":
        return []
    sentence = part.text
    details: list[str] = CODE_SPAN.findall(sentence) if "`" in sentence else []
    if not sentence.isascii() and UNSPACED.search(sentence):
        return [*details, *map(_stripped, IN_UNSPACED.findall(sentence))]
    tokens = sentence.split()
    if not TRACE.search(sentence, 1 if sentence[:1].isalpha() else 0) and DATE_WORDS.isdisjoint(tokens):
        return details
    capitals = list[int]()
    is_shouted, until = sentence.isupper() and len(tokens) > 2, 0
    for at, token in enumerate(tokens):
        if at < until or (token.isalpha() and token.islower() and token not in DATE_WORDS):
            continue
        word = _stripped(token)
        if word.isalpha() and word.islower() and word not in DATE_WORDS:
            continue
        if NUMBER.fullmatch(word):
            until = _number_end(tokens, at)
            details.append(" ".join([*tokens[at : until - 1], _stripped(tokens[until - 1])]))
        elif _is_code(word, is_shouted=is_shouted):
            details += ADDRESS.findall(word) or [word]
        elif at and not is_shouted and _is_capital(word) and tokens[at - 1][-1] not in ".:!?":
            capitals.append(at)
    return [
        detail for detail in (*details, *_names(tokens, capitals, is_german=is_german)) if 0 < len(detail) <= MOST_DETAIL_CHARS
    ]


def _stripped(token: str) -> str:
    return token.lstrip(AROUND).rstrip(f"{AROUND}.").removesuffix("'s").removesuffix("’s")


def _number_end(tokens: Sequence[str], at: int) -> int:
    """Returns where a number ends with its unit or the word after it, and a date with its year."""
    following = _stripped(tokens[at + 1]) if at + 1 < len(tokens) else ""
    is_day = tokens[at][-1] == "." and following in DATE_WORDS
    if not is_day and (tokens[at][-1] in ",;:.!?)]}*`\"'" or not UNIT.fullmatch(following) or following.lower() in STOP_WORDS):
        return at + 1
    has_year = at + 2 < len(tokens) and YEAR.fullmatch(_stripped(tokens[at + 2])) and tokens[at + 1][-1].isalpha()
    return at + 3 if has_year else at + 2


def _is_code(word: str, *, is_shouted: bool) -> bool:
    """Returns whether a word is a date, an address, a path, or has digits, capitals or signs in it as codes have."""
    if not word or len(word) > MOST_TOKEN_CHARS:
        return False
    if word in DATE_WORDS or any(map(str.isdigit, word)) or CAMEL.search(word) or PATH.match(word):
        return True
    return any(sign in word[1:-1] for sign in "@_\\") or "://" in word or (len(word) > 1 and word.isupper() and not is_shouted)


def _is_capital(word: str) -> bool:
    lowered = word.lower()
    return len(word) > 1 and word[0].isupper() and lowered not in STOP_WORDS and lowered not in NOT_NAMES


def _names(tokens: Sequence[str], capitals: Sequence[int], *, is_german: bool) -> Iterator[str]:
    """Yields the runs of capitalized words; of German, where every noun is one, only those that are likely to be names."""
    start = 0
    for end in range(1, len(capitals) + 1):
        if end < len(capitals) and capitals[end] == capitals[end - 1] + 1 and tokens[capitals[end - 1]][-1].isalpha():
            continue
        first, last = capitals[start], capitals[end - 1]
        start = end
        if not is_german or last > first or tokens[first - 1].rstrip(".") in BEFORE_NAMES:
            yield " ".join([*tokens[first:last], _stripped(tokens[last])]).lstrip(AROUND)


def _has_whole(text: str, detail: str) -> bool:
    """Returns whether a text has a detail, not only as a part of a longer word or number."""
    start = 0
    for _ in range(MOST_TRIES):
        start = text.find(detail, start)
        if start < 0:
            return False
        end = start + len(detail)
        if not (_is_glued(text[max(0, start - 2) : start][::-1], detail[0]) or _is_glued(text[end : end + 2], detail[-1])):
            return True
        start += 1
    return False


def _is_glued(outside: str, edge: str) -> bool:
    """Returns whether a word or number continues outside its edge; `outside` is read away from it."""
    if not outside or UNSPACED.match(outside) or UNSPACED.match(edge):
        return False
    if edge.isdigit() and outside[0] in ".,:" and outside[1:].isdigit():
        return True
    return edge.isalnum() and outside[0].isalnum()


def language(text: str) -> str:
    """Returns the language of a text by its letters or most frequent words; empty if that is unsure."""
    letters = sum(map(str.isalpha, text))
    if not text.isascii():
        for name, pattern in SCRIPT_LETTERS.items():
            # Japanese has Chinese signs between its own.
            if len(pattern.findall(text)) > letters * (0.1 if name == "ja" else 0.4):
                return name
    words = WORD.findall(text.lower().replace("’", "'"))
    counts = {name: sum(map(common.__contains__, words)) for name, common in COMMON.items()}
    best, second = sorted(counts, key=counts.__getitem__, reverse=True)[:2]
    is_sure = counts[best] >= max(LEAST_COMMON, len(words) / 10) and counts[best] > 1.4 * counts[second]
    return best if is_sure else ""


def common_language(messages: Sequence[Said]) -> str:
    """Returns the language of two thirds of the messages whose language is sure; of long conversations, of a sample."""
    sample = messages[:: max(1, len(messages) // 100)]
    languages = [code for code in (language(message.text[:SAMPLE_CHARS]) for message in sample) if code]
    best = max(sorted(set(languages)), key=languages.count, default="")
    return best if best and 3 * languages.count(best) >= 2 * len(languages) else ""
