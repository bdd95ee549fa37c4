"""What a person's message says of themselves: the part that they wrote, whether it can hold a fact, and what is not to be kept.

Pure. The words are those of eight languages; what they miss costs a request or a proposal, never a wrong fact.
"""

import re

# Attached texts and code stand in fences, and words of others behind the mark of a quotation. Whatever is in it, this takes no
# more than the time for its length, as the end of an answer waits for it.
NOT_WRITTEN = re.compile(
    r"^(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n.*?(?:^(?P=fence)[`~]*[ \t]*$|\Z)|^[ \t]*+>[^\n]*"
    r"|!?\[[^\[\]\n]*+\]\([^)\n]{0,1000}+\)|https?://\S+",
    re.MULTILINE | re.DOTALL,
)
PIECE = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+|$)", re.MULTILINE)
LEAST_WORDS, LEAST_SIGNS = 4, 6
ABOUT_ME = re.compile(
    r"\b(?:i|i'm|i’m|i've|i’ve|my|mine|me|we|our|us"
    r"|ich|mein\w*|mir|mich|wir|unser\w*|uns"
    r"|je|j['’]\w+|mon|ma|mes|moi|nous|notre|nos"
    r"|yo|mi|mis|soy|tengo|vivo|nosotros|nuestr\w+"
    r"|io|mio|mia|miei|sono|abbiamo|nostr\w+"
    r"|eu|meu|minha|sou|tenho|moro|nosso|nossa"
    r"|ik|mijn|wij|ons|onze"
    r"|jestem|mam|mój|moja|mieszkam)\b"
    r"|我|私|僕|俺|我们|나는|저는|\bя\b|\bмой\b|\bмоя\b|\bмы\b",
    re.IGNORECASE,
)
REMEMBER = re.compile(
    r"\b(?:remember|keep in mind|merk\w* dir|denk daran|retiens|souviens|recuerda|ricorda|lembre)\b", re.IGNORECASE
)
# A wish for an answer says nothing of the person.
WISH = re.compile(
    r"^\W*(?:(?:please|bitte|hi|hello|hallo|hey|thanks|danke|so|and|und|now|ok|okay)[\s,!]+)*"
    r"(?:(?:i|we)(?:['’]d| would)? (?:like|want|need|wish|wonder)\b(?: you| help| to (?:know|see|ask|understand|learn))"
    r"|(?:can|could|would|will) (?:you|i|we)\b|(?:tell|show|give|help|let|send|write|make|explain) (?:me|us|my)\b"
    r"|(?:ich|wir) (?:möchte|will|würde|brauche|hätte|frage)\w*\b.{0,40}\b(?:wissen|hilfe|fragen|mich|erfahren|verstehen)\b"
    r"|(?:kannst|könntest|würdest) du\b|(?:sag|zeig|gib|hilf|schreib|erklär)\w* (?:mir|uns)\b"
    r"|(?:peux|pourrais)-tu\b|(?:dis|montre|donne|aide|explique)[sz]?-(?:moi|nous)\b|(?:dime|muéstrame|dame|ayúdame)\b)",
    re.IGNORECASE,
)
PRIVATE = re.compile(
    r"\b(?:diagnos\w+|cancer|krebs|hiv|aids|depress\w+|bipolar|schizo\w+|addict\w*|alcoholi\w+|alkoholi\w+|süchtig|pregnan\w+"
    r"|schwanger\w*|abortion|abtreibung|illness|disease|disorder|krank\w*|therap\w+|medication|medikament\w*|suicid\w+|suizid\w*"
    r"|gay|lesbian|lesbisch|schwul|bisexual\w*|transgender|affair|affäre|divorc\w+|geschieden|scheidung|cheat\w+"
    r"|salary|gehalt|debts?|schulden|bankrupt\w*|pleite|arrest\w*|convict\w*|verurteilt|vorbestraft|prison|gefängnis"
    r"|muslim\w*|jewish|jüdisch|christian|catholic|katholisch|atheist\w*|votes? for|wählt|undocumented"
    r"|enceinte|malade|maladie|dépress\w+|salaire|dettes|embarazad\w+|enferm\w+|salario|deudas)\b",
    re.IGNORECASE,
)
OTHERS = re.compile(
    r"\b(?:he|she|they|his|her|their|him|them|er|sie|seine?\w?|ihre?\w?|il|elle|él|ella"
    r"|(?:my|our|meine?\w?|unsere?\w?|mon|ma|mi|mes|mis) (?:\w+ )?(?:wife|husband|partner|girlfriend|boyfriend|son|daughter"
    r"|child\w*|kids?|mother|father|mum|mom|dad|parents?|brother|sister|boss|colleague|coworker|neighbou?r|friend|ex|manager|doctor"
    r"|teacher|uncle|aunt|cousin|grand\w+|frau|mann|freund\w*|sohn|tochter|kind\w*|mutter|vater|eltern|bruder|schwester|chef\w*|kolleg\w+"
    r"|nachbar\w*|oma|opa|onkel|tante|femme|mari|fils|fille|mère|père|frère|sœur|amie?|hermano|hermana|madre|padre|hijo|hija|amigo))\b",
    re.IGNORECASE,
)


def written(content: str) -> str:
    """Returns what the person wrote in a message, every other part as blanks, so that all stands where it stood."""
    return NOT_WRITTEN.sub(lambda part: " " * len(part[0]), content)


def may_hold_fact(text: str) -> bool:
    """Returns whether a sentence in a text can say something lasting of its writer: no command, no question, no few words."""
    return any(_is_of_writer(piece[0].strip()) for piece in PIECE.finditer(text))


def _is_of_writer(sentence: str) -> bool:
    is_long = len(sentence.split()) >= LEAST_WORDS or (len(sentence) >= LEAST_SIGNS and ord(max(sentence)) > 0x3000)
    if not is_long or sentence.endswith(("?", "？")):
        return False
    return bool(REMEMBER.search(sentence) or (ABOUT_ME.search(sentence) and not WISH.match(sentence)))


def is_private_to_others(text: str) -> bool:
    """Returns whether a sentence looks as if it said something private of another person."""
    return bool(PRIVATE.search(text)) and bool(OTHERS.search(text) or not ABOUT_ME.search(text))
