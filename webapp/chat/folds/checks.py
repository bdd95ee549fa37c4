"""Whether a model's text can replace a stretch of a conversation, and what it lacks added to it. Pure."""

from webapp.chat.folds.kept_words import KeptWords, language, missing_in

RULES, NAMED = "Rules, word for word:", "Also named:"
SAMPLE_CHARS = 2_000
# How models begin that write down what they think.
REASONING = (
    "<think",
    "okay, the user",
    "ok, the user",
    "okay, so the user",
    "alright, the user",
    "the user wants",
    "the user is asking",
    "the user asks",
    "let me",
    "i need to",
    "we need to",
    "first, i need",
    "okay, let me",
    "okay, let's",
    "okay, i need",
    "hmm,",
    "also gut, der nutzer",
    "okay, der nutzer",
    "der nutzer möchte",
)
THOUGHTS_END = "</think"


def fault(text: str, words: KeptWords, *, original_chars: int, was_cut: bool) -> str:
    """Returns in a word or two why a text can't replace so many characters; empty if it can."""
    text = text.strip()
    if not text:
        return "empty"
    if was_cut:
        return "cut"
    if 2 * len(text) > original_chars:
        return "too long"
    beginning = text[:SAMPLE_CHARS]
    if beginning.lower().lstrip("*_#> \n").startswith(REASONING) or THOUGHTS_END in text:
        return "reasoning"
    if _is_in_another_language(beginning, words):
        return "another language"
    if 2 * len(missing_in(text, words).details) > len(words.details):
        return "details missing"
    return ""


def _is_in_another_language(text: str, words: KeptWords) -> bool:
    code = language(text)
    return bool(code and words.language and code != words.language)


def completed(text: str, words: KeptWords) -> str:
    """Returns a text with the rules and details below it that it lacks."""
    missing = missing_in(text, words)
    sections = [text.rstrip()]
    if missing.rules:
        sections.append("\n".join([RULES, *(f"- {rule}" for rule in missing.rules)]))
    if missing.details:
        sections.append(f"{NAMED} {'; '.join(missing.details)}")
    return "\n\n".join(section for section in sections if section)
