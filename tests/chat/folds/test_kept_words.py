"""Rules, numbers, names and paths are found in several languages, and what only looks like one is not."""

import re

import gevent
import pytest
from hypothesis import given, strategies as st

from tests.support.speed import takes_at_most
from webapp.base.heavy.turns import by_turns
from webapp.chat.folds.kept_words import (
    MOST_DETAIL_CHARS,
    MOST_DETAILS,
    MOST_RULE_CHARS,
    MOST_RULES,
    KeptWords,
    Said,
    details_in,
    kept_words,
    language,
    missing_in,
    parts,
)

RULES = [
    "Never mention the budget.",
    "Don't use exclamation marks.",
    "Please do not suggest restaurants with meat.",
    "You must quote every source.",
    "Answers must be under 100 words.",
    "From now on, answer in Portuguese.",
    "Please write all headings in sentence case.",
    "Call me Captain.",
    "I am allergic to peanuts.",
    "I’m allergic to cats, by the way.",
    "My name is Oda.",
    "Remember that the door is locked at ten.",
    "Only use the metric system.",
    "Always show the formula before the result!",
    "Thanks, and never say that word again.",
    "Keep it short.",
    "Be concise.",
    "It is important that all prices include tax.",
    "You have to cite every claim.",
    "Whenever I send code, review it first.",
    "I never want to see tables.",
    "I prefer metric units.",
    "Your name is Max.",
    "Could you please always answer in German?",
    "**Never** use tables.",
    "Antworte immer auf Deutsch.",
    "Bitte schreib ohne Fremdwörter.",
    "Ich möchte, dass du mich duzt.",
    "Erwähne nie meinen Bruder.",
    "Verwende keine Emojis.",
    "Ich bin allergisch gegen Nüsse.",
    "Du darfst den Code nicht ändern.",
    "Nenn mich Jo.",
    "Réponds toujours en français.",
    "Ne mentionne jamais mon frère.",
    "Je m'appelle Anouk.",
    "S'il te plaît, utilise des phrases courtes.",
    "Responde siempre en español.",
    "No uses tablas.",
    "Soy alérgica al marisco.",
    "Rispondi sempre in italiano.",
    "Non usare mai il passato remoto.",
    "Responda sempre em português.",
    "Não use emojis.",
    "Antwoord altijd in het Nederlands.",
    "Gebruik geen tabellen.",
    "Zawsze odpowiadaj po polsku.",
    "Nie używaj tabel.",
    "不要使用表格。",
    "请用中文回答。",
    "表を使わないでください。",
    "必ず日本語で答えてください。",
]
NO_RULES = [
    "Must I bring my passport?",
    "Should I never do that?",
    "Can only two people come?",
    "I never saw that film.",
    "She always loved the sea.",
    "We only have two chairs.",
    "He must be asleep by then.",
    "I don't know.",
    "No idea.",
    "Don't worry about it.",
    "What is the capital of Peru?",
    "Here is the text you wanted.",
    "The weather was fine all day.",
    "Thank you, that helps.",
    "Write a poem about the sea.",
    "They do not agree with each other.",
    "I have used it before.",
    "> Never use tabs.",
    "I use a Mac.",
    "Use cases are listed below.",
    "There must be a mistake.",
    "You were right, the only bug was in line 3.",
    "Er kommt immer zu spät.",
    "Ich habe das nie verstanden.",
    "Was kostet das Buch?",
    "Muss ich das bezahlen?",
    "Wir waren im Mai in Rom.",
    "Keine Ahnung.",
    "Das Buch liegt auf dem Tisch.",
    "Merci, c'est parfait.",
    "Faut-il toujours payer ?",
    "Le train part à midi.",
    "Sin embargo, el tren llegó tarde.",
    "No sé qué decir.",
    "Il pleut toujours ici.",
    "Non lo so.",
    "No funciona.",
    "Il treno parte a mezzogiorno.",
    "Não sei.",
    "De trein vertrekt om twaalf uur.",
    "Nie wiem.",
    "To nie jest dobre.",
    "今天天气很好。",
    "明日は雨です。",
    "```\nNever do this.\n```",
    "~~~text\nAlways do this.\n~~~",
]
DETAILS = [
    ("The train leaves at 14:30.", ["14:30"]),
    ("It takes 30 minutes, or 5% more.", ["30 minutes", "5%"]),
    ("We meet on 12 May 2026 there.", ["12 May 2026"]),
    ("We meet on 2026-05-12.", ["2026-05-12"]),
    ("Wir treffen uns nicht am 12. Mai 2026 mit dem Hund im Haus.", ["12. Mai 2026"]),
    ("It costs $12.50 or 1,200 yen.", ["$12.50", "1,200 yen"]),
    ("There I met Anna Kern, and later Bo.", ["Anna Kern", "Bo"]),
    ("Look at src/app/main.py and ~/notes.", ["src/app/main.py", "~/notes"]),
    ("It is in C:\\data\\new.txt now.", ["C:\\data\\new.txt"]),
    ("Write to jo@example.com, please.", ["jo@example.com"]),
    ("See [this](https://example.com/a?b=1).", ["https://example.com/a?b=1"]),
    ("The order is A4-17B in fooBar of NASA.", ["A4-17B", "fooBar", "NASA"]),
    ("Run `make it so` first.", ["make it so"]),
    ("Ich habe gestern mit Anna Kern und dem Hund in Hamburg gegessen.", ["Anna Kern", "Hamburg"]),
    ("Ich kenne die Katze und den Hund von Herrn Müller nicht.", ["Herrn Müller"]),
    ("On est venus lundi avec Paul.", ["lundi", "Paul"]),
    ("我们2026年5月3日买3個。", ["2026年5月3日买", "3個"]),
    ("Nothing to keep here.", []),
    ("THIS IS VERY LOUD.", []),
    ("```\nx = 5\n```", []),
]
HOSTILE = {
    "digits": "1" * 1_000_000,
    "no space": "a" * 1_000_000,
    "capitals": "Ab " * 300_000,
    "numbers": "1 " * 500_000,
    "stops": ". " * 500_000,
    "dots": "." * 1_000_000,
    "ends": '."?!' * 250_000,
    "brackets": "[" * 1_000_000,
    "quotes": ">" * 1_000_000,
    "ticks": "`" * 1_000_000,
    "lines": "\n" * 1_000_000,
    "broken lines": "x" * 40 + "\na" * 500_000,
    "short words": "a. B. 5. use. " * 70_000,
    "paths": ("/a" * 140 + " ") * 3_500,
    "rules": "don't, use " * 90_000,
    "slashes": "a/ " * 300_000,
    "one path": "a/" * 500_000,
    "dashes": "-" * 1_000_000,
    "clauses": "use," * 250_000,
    "control": "\x00\x1f\x1b[0m" * 200_000,
    "emoji": "😀" * 1_000_000,
    "Chinese": "不要在这里" * 200_000,
    "right to left": "\u202eلا تفعل " * 100_000,
    "marks": "a\u0301" * 500_000,
    "surrogates": "\ud800" * 1_000,
}


def by_person(*texts: str) -> list[Said]:
    return [Said("Jo", "user", text) for text in texts]


@pytest.mark.parametrize("sentence", RULES)
def test_a_rule_is_kept_word_for_word(sentence: str) -> None:
    kept = kept_words(by_person(f"Hello there! {sentence} That was all."))
    assert [rule for rule in kept.rules if sentence in rule]


@pytest.mark.parametrize("sentence", NO_RULES)
def test_a_sentence_without_a_rule_is_not_kept(sentence: str) -> None:
    assert not kept_words(by_person(sentence)).rules


def test_rules_are_the_persons_in_order_and_each_once() -> None:
    said = [*by_person("Never lie.", "Keep it short. Never lie."), Said("Bot", "assistant", "Never say never.")]
    assert kept_words(said).rules == ("Keep it short.", "Never lie.")


def test_a_rule_over_lines_broken_by_hand_is_one_rule() -> None:
    text = "Never use the name of the first ship in a heading or\nin a caption. That is all."
    assert kept_words(by_person(text)).rules == ("Never use the name of the first ship in a heading or in a caption.",)


def test_a_list_of_rules_is_several_rules() -> None:
    assert kept_words(by_person("- Never lie\n- Don't use tabs\n3. Avoid jargon")).rules == (
        "Never lie",
        "Don't use tabs",
        "Avoid jargon",
    )


def test_a_stop_after_a_short_word_does_not_end_a_rule() -> None:
    assert kept_words(by_person("Never quote Dr. Kern, e.g. Her letters.")).rules == ("Never quote Dr. Kern, e.g. Her letters.",)


@pytest.mark.parametrize("rule", ["don't use tabs.", "Never mention plan B.", "Never name J. R. Kern.", "Nie am 12. Mai fragen."])
def test_a_question_after_a_rule_does_not_hide_it(rule: str) -> None:
    assert kept_words(by_person(f"{rule} Can you do that?")).rules == (rule,)


def test_a_long_rule_is_cut_between_words() -> None:
    (rule,) = kept_words(by_person("Never say " + "word " * 300)).rules
    assert rule.startswith("Never say word")
    assert MOST_RULE_CHARS - 10 < len(rule) <= MOST_RULE_CHARS


@pytest.mark.parametrize(("sentence", "details"), DETAILS)
def test_details_are_found(sentence: str, details: list[str]) -> None:
    assert sorted(kept_words(by_person(sentence)).details) == sorted(details)


def test_details_are_of_everyone() -> None:
    said = [*by_person("I have 3 cats."), Said("Bot", "assistant", "Cats live 15 years.")]
    assert kept_words(said).details == ("3 cats", "15 years")


def test_the_newest_are_kept() -> None:
    kept = kept_words(by_person(*(f"Never say word{number}." for number in range(1_000))))
    assert len(kept.rules) == MOST_RULES
    assert len(kept.details) == MOST_DETAILS
    assert kept.rules[-1] == "Never say word999."
    assert kept.details[-1] == "word999"


def test_others_can_run_while_a_conversation_is_read() -> None:
    said = by_person("Never lie. There are 3 cats.", *("Use. " * 10_000,) * 3)
    runs = list[int]()
    other = gevent.spawn(lambda: [(runs.append(count), gevent.sleep(0)) for count in range(1_000)])
    assert kept_words(said, in_turns=by_turns) == kept_words(said)
    other.kill()
    assert len(runs) > 2


def test_what_is_missing_is_found_by_whole_words() -> None:
    kept = KeptWords(("Never lie.", "Keep it short."), ("12", "Rome", "3.5 kg", "3個", "a/b.py"))
    text = "Never\n lie. It was 12.5, 112, 12:30 and Romeo with 3.5 kg, 全部で3個です in x/a/b.pyc"
    assert missing_in(text, kept) == KeptWords(("Keep it short.",), ("12", "Rome", "a/b.py"))
    assert missing_in("Keep it short. Never lie. 12. (Rome's) 3.5 kg 3個 a/b.py:7", kept) == KeptWords((), ())


@given(st.lists(st.text(max_size=200), max_size=6))
def test_nothing_is_missing_in_the_whole_text(texts: list[str]) -> None:
    kept = kept_words(by_person(*texts))
    assert all(len(rule) <= MOST_RULE_CHARS for rule in kept.rules)
    assert all(0 < len(detail) <= MOST_DETAIL_CHARS for detail in kept.details)
    # Bullets are left out of sentences, and the middle of nothing is.
    words = " ".join(part.text for text in texts for part in parts(text))
    assert not missing_in(words, kept).rules


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "This is what you said about the house, and it was not true."),
        ("de", "Das ist nicht das Haus, von dem du mir erzählt hast."),
        ("fr", "Je ne sais pas ce que vous avez dit dans cette maison."),
        ("es", "No sé lo que me dijo ella, pero los niños están en la casa y las flores son para ella."),
        ("ja", "明日は雨が降るそうです。"),
        ("zh", "明天会下雨，我们在家里。"),
        ("cyrillic", "Завтра будет дождь."),
        ("", "42"),
        ("", ""),
    ],
)
def test_the_language_is_told_if_it_is_sure(code: str, text: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_no_longer(name: str) -> None:
    with takes_at_most(1):
        kept = kept_words(by_person(HOSTILE[name]))
        missing_in(HOSTILE[name], kept)
    assert len(kept.details) <= MOST_DETAILS


def test_a_long_conversation_is_read_in_time() -> None:
    filler = (
        re.sub(r"\s+", " ", "We walked to the river and she told me about 12 ships. Then it rained, and Anna went home. ") * 53
    )
    said = [Said("Jo", ("user", "assistant")[index % 2], filler[:5_000]) for index in range(1_000)]
    with takes_at_most(1.5):
        kept = kept_words(said)
    assert set(kept.details) == {"12 ships", "Anna"}


def test_details_in_a_block_of_code_are_left_out() -> None:
    (code,) = parts("```python\nvalue = 5\n```")
    assert code.text == "value = 5"
    assert details_in(code) == []
