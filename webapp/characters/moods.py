"""Which expression fits an answer: the one that it names last, by its own word or one that people use for it. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache

NEUTRAL = "neutral"
# The end of an answer says how it leaves someone.
READ_CHARS = 4_000
# The names that programs for cards use, and the beginnings of words that speak of them.
WORDS = {
    "admiration": "admir impress marvel",
    "amusement": "amus chuckl giggl laugh snort grin",
    "anger": "anger angry angrily furious fury glar scowl snarl rage",
    "annoyance": "annoy irritat groan huff eye-roll",
    "approval": "approv nod agree",
    "caring": "caring gentl comfort tender sooth",
    "confusion": "confus puzzl bewilder perplex baffl",
    "curiosity": "curio intrigu wonder lean",
    "desire": "desir longing yearn",
    "disappointment": "disappoint dejected crestfallen",
    "disapproval": "disapprov frown tuts",
    "disgust": "disgust grimac revol wrinkl",
    "embarrassment": "embarrass blush flush sheepish",
    "excitement": "excit thrill eager bounc",
    "fear": "fear afraid scared terrif frighten trembl",
    "gratitude": "grateful thank gratitude",
    "grief": "grief griev mourn sob",
    "joy": "joy happy happi delight beam smil",
    "love": "love loving affection ador",
    "nervousness": "nervous anxious fidget uneas",
    "optimism": "optimis hope",
    "pride": "pride proud",
    "realization": "realiz realis dawn",
    "relief": "relie sigh exhal",
    "remorse": "remorse sorry apolog guilt",
    "sadness": "sad sorrow tear crie cry weep",
    "surprise": "surpris startl gasp astonish shock",
}
SAME = {"happy": "joy", "sad": "sadness", "angry": "anger", "scared": "fear", "surprised": "surprise", "smile": "joy"}


def expression_for(text: str, names: Sequence[str]) -> str:
    """Returns the name of the expression for an answer: `neutral` if it names none, and empty without that."""
    pattern, by_word = _pattern(tuple(names))
    last = ""
    for match in pattern.finditer(text[-READ_CHARS:].lower()) if by_word else ():
        last = by_word[match[1]]
    return last or next((name for name in names if name.lower() == NEUTRAL), "")


@lru_cache(maxsize=500)
def _pattern(names: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """Returns a pattern of the words that lead to one of these expressions, and what each leads to."""
    by_word = dict[str, str]()
    for name in names:
        own = name.lower()
        if own == NEUTRAL:
            continue
        for word in (own, *WORDS.get(SAME.get(own, own), "").split()):
            by_word.setdefault(word, name)
    words = sorted(by_word, key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, words))})"), by_word
