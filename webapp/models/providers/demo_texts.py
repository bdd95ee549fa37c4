"""Texts of the demo, in the catalogues too; names of pages and buttons of the app are in *italics*, nothing else is. Pure."""

import re

GREETING = """\
Hello, and welcome to Millrace.

I am the **demo**: a small script that lives inside this server, so everything works before you have a key. I answer a few \
questions about Millrace, and I am good for trying things out:

- Press *Stop* while I am writing, and then *Continue*.
- Close this tab in the middle of an answer and come back. It will be here, and finished.
- Open the same chat on your phone and watch both move.

What would you like to know?
"""

WHAT_IT_IS = """\
**Millrace** is a chat with language models that you run yourself: one process, one file, your own machine.

What makes it different is where the answer is made. The server asks the model, writes the answer down as it arrives, and shows \
it in every open tab. So an answer survives:

1. a reload, a closed tab, a flat battery,
2. a restart of the server,
3. and even a server that is unplugged the hard way.

It also plays characters, writes structured plans, and shows the cost of every answer.
"""

ADD_A_KEY = """\
To talk to a real model, Millrace needs a key from a service that offers one. It takes about two minutes:

1. Create an account at [openrouter.ai](https://openrouter.ai) and create a key there. One key gives you most models.
2. In Millrace, open *Administration* in the menu with your name, then *Connections*. Press *Change* beside OpenRouter, paste
the key into *Key* and press *Save and test*.
3. When that succeeds, choose a *Model* below your next message, and you are done.

If you don't see *Administration* there, an admin can do it for everyone.

If you run models yourself, for instance with Ollama, press *New connection* there instead and choose its name, or
enter its address:

```
http://localhost:11434/v1
```

The key is stored encrypted, and only its last four characters are ever shown.
"""

CLOSING_THE_TAB = """\
**The answer continues without you.** It is produced by the server, not by the tab, and each piece is saved within a quarter of \
a second.

When you come back, the page shows everything written in the meantime and continues from there. The same goes if your \
connection drops in a tunnel or your laptop goes to sleep.

If you want it to end, press *Stop*. That works from any tab and any device that shows this chat.
"""

STOPPING = """\
Press *Stop* below the answer, in any tab that shows it. The connection to the model is closed at once, and what has been \
written so far is kept.

Afterwards you have a choice:

| button | what it does |
|---|---|
| *Continue* | continues exactly where the text ends |
| *Try again* | writes a new version; the old one is kept as another version |
| *Edit* | changes your question and starts a branch from there |
"""

COST = """\
I cost nothing: no model is asked, and nothing leaves this machine.

With a real model, Millrace notes for every answer how many tokens went in and came out and what the provider charged. When a \
provider does not say, you see “unknown” rather than a zero. How many answers and plans a person can ask for is set under \
*Administration*, then *Settings*.
"""

PRIVACY = """\
Your chats live in one database on the machine that runs Millrace. No one else has it, and there is no tracking.

- With **me**, nothing leaves that machine at all.
- With **a real model**, the text of the chat goes to the provider you chose, because that is who answers.
- Keys and passwords are encrypted or hashed. Pictures and links in an answer load nothing by themselves.

You can export or delete every chat at any time.
"""

WHO_I_AM = """\
I am the demo of Millrace, not a language model. I recognize a handful of topics by their words and answer from texts that were \
written in advance; that is why I am quick, free, and not very clever.

To meet a real model, add a key under *Administration*, then *Connections*. Ask me “how do I add a key”, and I show you the steps.
"""

THANKS = """\
You are welcome. I am here whenever you want to try something, and the real models are one key away, under *Administration*.
"""

# The answer is that of the first row with a phrase that occurs in the person's message.
TOPICS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("close the tab", "closed tab", "close this tab", "close my", "reload", "leave the page", "go offline", "tab schließ"),
        CLOSING_THE_TAB,
    ),
    (
        ("api key", "a key", "my key", "the key", "connect a", "real model", "ollama", "openrouter", "schlüssel", "api-schl"),
        ADD_A_KEY,
    ),
    (("how do i stop", "stop button", "stop an", "stop the", "cancel", "continue an", "stopp", "abbrech"), STOPPING),
    (("cost", "price", "pay", "money", "budget", "free of charge", "kostet", "kosten", "preis"), COST),
    (("private", "privacy", "my data", "secure", "safe", "privat", "datenschutz", "meine daten", "sicher"), PRIVACY),
    (("who are you", "what are you", "which model", "are you a", "are you an", "wer bist du", "welches modell"), WHO_I_AM),
    (
        (
            "what is millrace",
            "about millrace",
            "what is this",
            "what can millrace",
            "what does millrace",
            "was ist millrace",
            "was kann millrace",
        ),
        WHAT_IT_IS,
    ),
    (("thank", "danke", "vielen dank"), THANKS),
)
GREETINGS = (
    " ",
    "hello ",
    "hi ",
    "hey ",
    "hallo ",
    "good morning ",
    "good day ",
    "good evening ",
    "guten morgen ",
    "guten tag ",
    "guten abend ",
    "grüß ",
    "greetings ",
    "moin ",
    "servus ",
)

# Common words by which the demo notices that it is written to in another language, as models do.
COMMON = {
    "de": frozenset(
        """
        aber auf bei bin bist bitte danke das dem den der dein dir du ein einem einer eine einen erkläre es für gibt
        guten hallo hast ich ihr ist kann kannst mein meine mir mit moin nicht oder schreib schreibe servus sie sind
        tag über und welche welches wenn wer wie wir wird wo zu zum
        """.split()  # noqa: SIM905  one a line would be a page
    )
}


def language_of(text: str) -> str:
    """Returns the language of a text, as far as the demo knows it; English if in doubt."""
    words = re.findall(r"\w+", text[:2_000].lower())
    return next((code for code, common in COMMON.items() if 3 * sum(word in common for word in words) >= len(words) > 0), "en")


REFLECTION = """\
You asked:

> {question}

I'd love to answer that properly, but I'm only the demo, and this needs a real model. What I can do is show you what an \
answer looks like here:

1. **It arrives as it is written**, a few words at a time, in every tab that shows this chat.
2. **It can be stopped and continued**, and a new version never replaces the old one.
3. **It is kept.** Your question was saved before I began.

To get a real answer, open *Administration* in the menu with your name, then *Connections*, and add a key; then press *Try again*.
"""

PICTURES = """\
I'd love to see it, but I'm only the demo, and I can't look at pictures. Many real models can: an admin can add one under \
*Administration*, then *Connections*. Then choose it below your message and press *Try again*.
"""

THOUGHTS = """\
The person wrote {words}. First I should see whether I know the topic. {known} Then I decide on a shape: a short answer \
first, details after it, and an honest word about what I am. That should be enough to begin.
"""
KNOWN = "I do, there is a text for it."
UNKNOWN = "I do not, so I will say so and show what I can."

CODE = '''\
Here is a small program, with a table and a list around it, so you can see what they look like.

```python
"""Counts the words of a text, most frequent first."""

from collections import Counter


def frequent(text: str, limit: int = 3) -> list[tuple[str, int]]:
    words = (word.strip(".,;:").lower() for word in text.split())
    return Counter(words).most_common(limit)


print(frequent("the mill, the race, and the wheel"))
```

It prints `[('the', 3), ('mill', 1), ('race', 1)]`.

| part | what it does | cost |
|:---|:---|---:|
| `split` | splits the text at spaces | O(n) |
| `Counter` | counts in one pass | O(n) |
| `most_common` | finds the largest | O(n log k) |

Some things to try:

- Give it another `limit`.
  - With `1` you get only the winner.
  - With `None` you get all of them.
- Leave out words of one letter.

> A program is a text that happens to be run. It is written for people first.

The same from the command line:

```sh
tr -cs '[:alpha:]' '\\n' < text.txt | sort | uniq -c | sort -rn | head -3
```

The share of a word is $f = n_w / n$, and ~~that is all~~ *that is nearly all* there is to it.
'''

CHAPTER = """\
## {number}. {title}

A mill race is the channel that leads water to a wheel. {opening} What matters is that it comes evenly: neither a flood nor a \
trickle turns a wheel well, and so the miller builds a pond, a gate and a channel, and lets each do one thing.

Words from a model come like that water, in gushes and pauses. The pond is a log that only grows. The gate is the moment at \
which something is written down permanently. The channel is the page that you are reading, which takes what there is and never \
asks for more than it can show.

{closing}

"""
OPENINGS = (
    "It begins far above the mill, where nobody looks.",
    "It is dug once and kept clean for a hundred years.",
    "It follows the slope, and the slope decides most things.",
    "It has a second arm, for the days when there is too much.",
)
CLOSINGS = (
    "From this follows a first rule: *write down before you tell*.",
    "From this follows another rule: **one truth, and many who look at it**.",
    "So whoever comes late finds everything, and whoever leaves misses nothing.",
    "And when the wheel stops, the water has not been lost.",
)
TITLES = ("The spring", "The pond", "The gate", "The channel", "The wheel", "The tailwater", "The flood", "The frost")

FURTHER = "A real model would continue from here. The demo has nothing more to add."
STALLED = "I am going to stop in the middle of this sentence and"
MALFORMED = "This begins like any other answer, but what comes next "

TOOL_TITLES = {
    "search_web": "Search the web",
    "search_documents": "Search documents",
    "read_page": "Read a web page",
    "read_document": "Read a document",
    "run_python": "Run Python",
}
TOOLS_LOOK = "I am the demo, so what I do with tools is always the same. First I use {tool} with your question."
CALCULATING, SEARCHING = "Let me calculate that.", "Let me search the web."
TOOLS_ASK = "Before I answer, one question."
TOOLS_QUESTION = "How should the demo answer?"
TOOLS_CHOICES = ("In one sentence", "As a list", "With everything that was found")
TOOLS_CHOSEN = "You chose “{choice}”."
TOOLS_OTHER = "You said: “{text}”"
TOOLS_FOUND = "{tool} gave me:\n\n{lines}"
SEARCHES_FOUND = {
    "search_documents": "In the documents I found:\n\n{lines}",
    "search_web": "On the web I found:\n\n{lines}",
}
CALCULATED = "The result is **{result}**.\n"
TOOLS_NOTHING = "{tool} gave me nothing."
TOOLS_FAILED = "I could not use {tool}: {text}"
TOOLS_ANSWER = """\
{found}

That is all the demo does with results: a real model would read them and answer your question.
"""

PLAN = {
    "title": "Four weeks to a habit of walking",
    "monthly_summary": "A gentle month: short walks first, longer ones later, and a day of rest whenever you need it.",
    "weeks": [
        {"week": 1, "focus": "Begin small", "tasks": ["Walk for ten minutes after lunch", "Put your shoes by the door"]},
        {"week": 2, "focus": "Find your time", "tasks": ["Walk for fifteen minutes", "Try one morning"]},
        {"week": 3, "focus": "Go further", "tasks": ["Walk for twenty minutes", "Choose a new way"]},
        {"week": 4, "focus": "Keep it", "tasks": ["Walk for thirty minutes", "Ask someone to come along"]},
    ],
}
WRONG_TYPES = {
    "title": ["Four weeks", "to a habit of walking"],
    "monthly_summary": 4,
    "weeks": [
        {"week": "one", "focus": None, "tasks": "Walk for ten minutes"},
        {"week": 2.5, "focus": {"is": "odd"}, "tasks": [1, 2]},
    ],
}
FENCE = "Here is the plan as JSON:\n\n```json\n{json}\n```\n\nTell me if you want it gentler.\n"
