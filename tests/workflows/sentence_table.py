"""Answers in ten languages with the end of their second sentence: each tricky sentence first, second, and next to a tricky one.

A bar marks where the answer is cut. Each language has its plain sentences first, then the tricky ones.
"""

from collections.abc import Iterator

LANGUAGES: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "English": (
        ("We leave at noon.", "Then it rained."),
        (
            "Dr. Smith paid 3.50 euros to Mr. Brown.",
            "See e.g. the U.S. market, i.e. Section 2.1.",
            'He asked "Why?" and left.',
            "Use `a. b. C.` in version 2.0.1 of example.com.",
            "J. R. R. Tolkien wrote it at 5 p.m. on a Monday.",
            "Wait... what was it?",
            "She shouted “Stop!” twice.",
            "It costs $1,299.99, approx. a third less (cf. p. 12).",
            "On a scale of 1 to 10, give it a 7.",
            "Is it no. 3 on the list, or no?",
            "My answer is no.",
        ),
    ),
    "German": (
        ("Wir gehen um zwölf.", "Danach hat es geregnet."),
        (
            "Das kostet z. B. 3,50 Euro, d. h. fast nichts.",
            "Prof. Dr. Meier kommt am 3. Mai.",
            "Er rief „Halt!“ und blieb stehen.",
            "Vgl. Nr. 7 auf S. 12 im Band von J. S. Bach.",
            "Nimm `x. y. Z.` aus Version 1.2.3.",
            "Ach … wirklich?",
            "Es sind ca. 1.250 Menschen, u. a. viele Kinder.",
            "Das gilt bis zum 24. Dezember und ggf. länger!",
            "Am Montag, 3. Mai, im 2. Stock.",
        ),
    ),
    "French": (
        ("Nous partons à midi.", "Ensuite il a plu."),
        (
            "M. Dupont a payé 3,50 euros à Mme. Martin.",
            "Il dit : « Assez ! » et sort.",
            "Voyez p. ex. la version 2.1 du texte.",
            "Euh... pourquoi pas ?",
            "Le Dr. Roux habite au no. 7 de la rue.",
            "Tapez `a. b. C.` sur exemple.fr !",
            "« Vraiment ? » demanda-t-elle.",
            "C'est J. J. Rousseau qui l'écrit.",
        ),
    ),
    "Spanish": (
        ("Salimos a las doce.", "Luego llovió."),
        (
            "El Sr. López pagó 3.50 euros a la Sra. Ruiz.",
            "¿Qué hora es?",
            "¡No puede ser!",
            "Vea p. ej. la pág. 12 del libro.",
            "Dijo «¡Basta!» y se fue.",
            "Pues... no sé.",
            "Use `a. b. C.` de la versión 2.0.1.",
            "La Dra. Gil vive en la Av. Mayor.",
        ),
    ),
    "Portuguese": (
        ("Saímos ao meio-dia.", "Depois choveu."),
        (
            "O Sr. Silva pagou 3,50 euros à Sra. Costa.",
            "Veja a pág. 12 da versão 2.1.",
            "Ele disse “Basta!” e saiu.",
            "Bem... não sei.",
            "O Dr. Melo mora na Av. Central.",
            "Use `a. b. C.` em exemplo.pt!",
            "Por que não?",
            "Foi J. M. Eça quem o escreveu.",
        ),
    ),
    "Russian": (
        ("Мы уходим в полдень.", "Потом пошёл дождь."),
        (
            "Это стоит 3.50 евро, т. е. почти ничего.",
            "См. стр. 12 и рис. 4 в книге.",
            "Он спросил: «Зачем?» и ушёл.",
            "Хм... почему бы и нет?",
            "А. С. Пушкин это написал!",
            "Возьми `a. b. C.` из версии 2.0.1.",
            "Он живёт на ул. Мира в г. Туле.",
            "«Стой!» — крикнула она.",
        ),
    ),
    "Arabic": (
        ("نغادر عند الظهر.", "ثم هطل المطر."),
        (
            "الثمن 3.50 يورو فقط.",
            "كم الساعة الآن؟",
            "قال «كفى!» ثم خرج.",
            "استخدم `a. b. C.` من النسخة 2.0.1.",
            "حسنًا... لا أعرف.",
            "يا للعجب!",
            "هل أنت هنا؟",
            "افتح example.com الآن.",
        ),
    ),
    "Hindi": (
        ("हम दोपहर को निकलते हैं।", "फिर बारिश हुई।"),
        (
            "इसका दाम 3.50 यूरो है।",
            "क्या समय हुआ है?",
            "उसने कहा “बस!” और चला गया।",
            "संस्करण 2.0.1 का `a. b. C.` लें।",
            "अच्छा... पता नहीं।",
            "वाह!",
            "डॉ. शर्मा यहाँ रहते हैं।",
            "example.com खोलो।",
        ),
    ),
    "Chinese": (
        ("我们中午出发。", "后来下雨了。"),
        (
            "价格是3.50欧元。",
            "现在几点了？",
            "他说：“够了！”",
            "请用版本2.0.1的`a. b. C.`代码。",
            "嗯……我不知道。",
            "太好了！",
            "打开example.com看看。",
            "（见第12页。）",
        ),
    ),
    "Japanese": (
        ("正午に出発します。", "それから雨が降った。"),
        (
            "値段は3.50ユーロです。",
            "今何時ですか？",
            "彼は「もういい！」",
            "バージョン2.0.1の`a. b. C.`を使ってください。",
            "ええと……わかりません。",
            "すごい！",
            "example.comを開いて。",
            "（12ページを参照。）",
        ),
    ),
}


def lines() -> Iterator[tuple[str, str]]:
    """Yields the language and the text of each line."""
    for language, ((plain, last), tricky) in LANGUAGES.items():
        gap = "" if language in ("Chinese", "Japanese") else " "
        for place, sentence in enumerate(tricky):
            other = tricky[(place + 3) % len(tricky)]
            yield language, f"{sentence}{gap}{plain}|{gap}{last}"
            yield language, f"{plain}{gap}{sentence}|{gap}{last}"
            yield language, f"{sentence}{gap}{other}|{gap}{plain}"
            yield language, f"{plain}\n\n{sentence}|{gap}{last}"
            yield language, f"{plain}{gap}{sentence}|\n\n{last}"
