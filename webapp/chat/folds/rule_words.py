"""The words by which rules, languages, dates and names are found, in eight languages and two without spaces. Pure."""


def _phrases(*lists: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrases in lists for phrase in phrases.split(";"))


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in words.split())


# They make a rule of a sentence wherever they are in it, unless the word before tells a story (`NARRATING`).
ANYWHERE = _phrases(
    """refer to; i can't eat; i don't eat; i do not eat; i can't have; you have to; has to be; have to be; whenever; each
    time; every time; i need you to; i need all; i prefer; i hate; i want you to; i'd like you to; i would like you to;
    i never want; i always want; i only want; i don't want; i do not want; you shall; your name is; act as; act like;
    pretend to; pretend that; for the rest of; as of today; as of now; every answer; each answer; all answers; your
    answers; is important that; i don't like; i live in; an allergy; nut allergy; nobody may; no one may; you are never;
    never; always; must; mustn't; must not; only; at all times; from now on; from here on; under no circumstances; no
    matter what; not allowed; is forbidden; are forbidden; is required; off limits; at most; no more than; no longer
    than; call me; my name is; i go by; i am allergic; i'm allergic; i am vegan; i'm vegan; i am vegetarian; i'm
    vegetarian; my pronouns are; remember that; keep in mind; bear in mind; make sure; be sure to; you should; you
    shouldn't; you may not; you can't; you are not to; instead of""",
    """ich bin veganer; ich bin veganerin; ich esse kein; ich esse keine; ich darf kein; ich darf keine; ich möchte dass;
    ich will dass; ich möchte nur; ich will nur; ich möchte nie; ich will nie; ich möchte immer; ich will immer; jedes
    mal; jedesmal; ich bevorzuge; ich hasse; dein name ist; du heißt; deine antworten; jede antwort; niemals; immer;
    stets; muss; musst; müssen; müsst; darf; darfst; dürfen; dürft; nur; ausschließlich; auf keinen fall; ab jetzt; ab
    sofort; von nun an; künftig; in zukunft; höchstens; verboten; nenn mich; nenne mich; nennen sie mich; ich heiße;
    mein name ist; ich bin allergisch; ich bin vegan; ich bin vegetarier; ich bin vegetarierin; ich vertrage kein; ich
    vertrage keine; merk dir; merke dir; merken sie sich; denk daran; denke daran; vergiss nicht; achte darauf; achten
    sie darauf; du sollst; sie sollen""",
    """je préfère; je déteste; je veux que; je voudrais que; je veux toujours; je ne veux jamais; je ne veux pas; je ne
    mange pas; chaque fois; tes réponses; vos réponses; jamais; toujours; dois; doit; devez; doivent; uniquement;
    seulement; à partir de maintenant; désormais; dorénavant; en aucun cas; interdit; interdite; au maximum; au plus;
    appelle moi; appelez moi; je m'appelle; mon nom est; je suis allergique; je suis végétarien; je suis végétarienne;
    souviens toi; souvenez vous; n'oublie pas; n'oubliez pas; tu ne dois; vous ne devez; il faut; il ne faut""",
    """prefiero; quiero que; no quiero; odio; cada vez que; no como; tus respuestas; nunca; jamás; siempre; debe; debes;
    deben; sólo; solamente; únicamente; a partir de ahora; de ahora en adelante; bajo ningún concepto; prohibido; como
    máximo; llámame; me llamo; mi nombre es; soy alérgico; soy alérgica; soy vegetariano; soy vegetariana; recuerda que;
    recuerde que; no olvides; ten en cuenta; tienes que; hay que""",
    """preferisco; voglio che; vorrei che; non voglio; ogni volta; non mangio; le tue risposte; sempre; deve; devi; devono;
    soltanto; solamente; esclusivamente; d'ora in poi; da adesso in poi; in nessun caso; vietato; al massimo; chiamami;
    mi chiamo; il mio nome è; sono allergico; sono allergica; sono vegetariano; sono vegetariana; ricorda che;
    ricordati; non dimenticare; tieni presente; bisogna""",
    """prefiro; quero que; não quero; não como; suas respostas; as tuas respostas; deves; devem; apenas; somente; a partir
    de agora; de agora em diante; em caso algum; em hipótese alguma; proibido; no máximo; chama me; chame me; me chame;
    meu nome é; o meu nome é; chamo me; me chamo; sou alérgico; sou alérgica; sou vegetariano; sou vegetariana; lembra
    te; lembre se; não esqueças; não esqueça; tens de; tem que""",
    """ik wil dat; ik heb liever; elke keer; mag geen; ik eet geen; je antwoorden; nooit; altijd; moet; moeten; mag niet;
    mogen niet; alleen; uitsluitend; vanaf nu; voortaan; onder geen beding; verboden; hoogstens; maximaal; noem me; noem
    mij; ik heet; mijn naam is; ik ben allergisch; ik ben vegetariër; onthoud dat; vergeet niet; let op""",
    """wolę; chcę żebyś; nie chcę; za każdym razem; nie jem; twoje odpowiedzi; nigdy; zawsze; musi; musisz; muszą; tylko;
    wyłącznie; od teraz; odtąd; w żadnym wypadku; pod żadnym pozorem; nie wolno; najwyżej; mów mi; mam na imię; nazywam
    się; mam alergię; mam uczulenie; jestem wegetarianinem; jestem wegetarianką; pamiętaj; pamiętaj że; nie zapomnij;
    zakazane""",
)
# They do the same only beside one of these words: in another language they mean something else.
BESIDE = {
    "mai": _words("non"),
    "solo": _words("el los en por con para que se lo il di che per non con le la un una y e"),
    "nie": _words(
        "ich du das der die dem den ein eine es in im mit und mehr wieder auf für zu sie wir mich mein meine meinen deinen"
    ),
}
# They make a rule of a sentence in which they begin a clause.
OPENINGS = _phrases(
    """leave the; be concise; be brief; be honest; be careful; treat everything; treat all; make every; make all; make
    each; let us not; dont ever; don't; do not; dont; use; answer; reply; respond; avoid; stop; keep; stick to; write
    in; speak; address me; refer to me; treat me; no; not; without; remember; note that; ensure; assume that; leave out;
    skip""",
    """verzichte; verzichten sie; sprich mich; beginne; beende; verwende; verwenden sie; benutze; benutz; benutzen sie;
    nutze; antworte; antworten sie; vermeide; vermeiden sie; schreib in; schreib auf; schreibe in; schreibe auf; schreib
    nicht; schreibe nicht; sag nicht; sprich; sprechen sie; duze; sieze; kein; keine; keinen; nie; nicht; lass; hör auf;
    bleib; halte dich""",
    """ne; n'utilise; n'utilisez; n'écris; n'écrivez; utilise; utilisez; réponds; répondez; évite; évitez; écris en;
    écrivez en; parle; parlez; tutoie; vouvoie; pas de; sans; arrête; arrêtez""",
    """no; usa; use; utiliza; utilice; responde; responda; contesta; conteste; evita; evite; escribe en; escriba en; habla;
    trátame; sin; deja de""",
    """non; usa; usi; utilizza; rispondi; risponda; evita; eviti; scrivi in; parla; dammi del; niente; senza; smetti di""",
    """não; usa; use; utilize; utiliza; responde; responda; evita; evite; escreve em; escreva em; fala; fale; sem; pare de;
    para de""",
    """gebruik; antwoord; vermijd; schrijf in; spreek; geen; zonder; niet; stop met""",
    """nie; używaj; używajcie; odpowiadaj; odpowiedz; unikaj; pisz; mów; bez; przestań""",
)
# With one of these, a sentence is a rule if one of `ASKED` is in it, too.
POLITE = _words("please bitte plaît favor favore alsjeblieft alstublieft graag proszę")
ASKED = _words(
    "answer answers reply respond write use speak keep avoid stop address format refer quote cite include leave",
    "antworte antworten schreib schreibe schreiben verwende verwenden benutze benutzen nutze sprich vermeide duze",
    "sieze réponds répondez écris écrivez utilise utilisez parle parlez évite évitez tutoie responde responda",
    "contesta escribe escriba usa use utiliza habla evita rispondi scrivi utilizza parla escreve escreva fala",
    "antwoord schrijf gebruik spreek vermijd odpowiadaj pisz używaj mów unikaj",
)
# A clause can begin with these before an opening.
FILLING = _words(
    "please and but so also just or then now ok okay yes oh well again bitte und aber auch dann also jetzt et mais",
    "alors donc y pero por favor entonces e ma per favore allora mas então en maar dus dan ale proszę więc",
)
# Before a word of `ANYWHERE` (of a single word), they say that something is told, not asked for.
NARRATING = _words(
    "i he she we they who i've i'd he'd she'd we'd they'd has have had was were is are been i'm he's she's it's not",
    "er wir hat hatte habe haben war waren wurde j'ai il elle ils elles a avait avons yo él ella ha había he io lui",
    "lei ho hanno eu ele ela tinha hij zij heeft had on ona był była",
    "there the my it's that's ist sind waren è to",
)
# A sentence that begins with one of these tells something, if only a word of `ANYWHERE` is in it.
TELLERS = _words("ich er wir je il elle")
# A question is a rule if it begins with one of these and has one of `STANDING`.
ASKING = _words(
    "could would will kannst könntest würdest können könnten würden peux pourrais pouvez pourriez puedes podrías puoi"
)
STANDING = _words("always never immer nie niemals toujours jamais siempre nunca sempre mai altijd nooit zawsze nigdy")
# What follows an opening if it only says something about the person, or about what isn't so.
TELLING = _phrases(
    """use cases; use case; keep up; stop there; don't know; don't worry; do not worry; no idea; no problem; no worries; no
    thanks; no thank; no one; no wonder; no doubt; not sure; not really; not bad; not yet; not at; not much; use of;
    keep going; stop it; skip it""",
    """nie wiem; nie mam; nie ma; nie mogę; nie jest; nie jestem; nie rozumiem; nie sądzę; nie chcę; nie wiedziałem; nie
    był; nie była; keine ahnung; kein problem; keine sorge; nicht schlecht; nicht sicher; nie gesehen; nie gehört""",
    """no funciona; no va; non funziona; non va; no sirve; no pasa; no sé; no tengo; no hay; no es; no entiendo; no puedo;
    no creo; no me; no lo; no está; no estoy; no era; no soy; no gracias; no obstante; sin embargo; sin duda; non so;
    non ho; non è; non capisco; non posso; non credo; non c'è; non sono; non era; non lo; niente di; senza dubbio""",
    """não funciona; nie działa; het werkt; não deu; não consigo; não sei; não tenho; não há; não é; não entendo; não
    posso; não acho; não está; não estou; não era; não sou; sem dúvida; geen idee; geen probleem; niet slecht; ne sais;
    pas de problème; pas de souci; sans doute; bez problemu; bez wątpienia""",
)
# What makes a rule of a sentence in Chinese and Japanese.
SIGNS = _words(
    "不要 不得 不能 不准 不许 不許 禁止 必须 必須 务必 務必 总是 總是 永远 永遠 绝不 絕不 从不 只能 只用",
    "仅限 请用 請用 从现在 從現在 以后都 叫我 我叫 我的名字 过敏 過敏 记住 記住 别用 别再 切勿 请勿 請勿",
    "ないで てはいけ ではいけ てはだめ てはなら なければなら なければいけ ねばなら べからず 常に いつも 絶対に",
    "決して 必ず これから 今後 のみ だけにして してください で答えて と呼んで 私の名前 アレルギー 覚えてお",
    "忘れない ようにして",
)

# Words that are frequent in one language and are no words, or rare, in the others.
COMMON = {
    "en": _words("the and you of is that it was for with are this have not what your they we be she he had were which would my"),
    "de": _words(
        "der und ich nicht ist das ein eine zu mit auf für dem den sie wir auch aber wie im wird einen sind bei du mir mich"
    ),
    "fr": _words(
        "le les et est une je pas pour dans vous avec qui sur nous il elle ce des au cette mais sont être du j'ai c'est"
    ),
    "es": _words("el los y las es una por con para se del pero como está muy yo qué más ella hay fue su lo este eso"),
    "it": _words("il di che è un per non sono con della gli ho una più ma anche questo del nel alla lo ci perché molto sei"),
    "pt": _words("o os e não uma um com para que é do da em eu você mais mas muito isso está são ao pela na ele ela"),
    "nl": _words("de het een en van ik niet dat je op te zijn met voor maar er aan ook wij hij naar heeft bij deze wordt"),
    "pl": _words("się nie w i na jest że z do to jak ale co ja mam ty po był już tak czy dla są przez może tylko"),
}
# By their letters: a text with one of these is Japanese even if most of its signs are Chinese, so the order counts.
SCRIPTS = {
    "ja": "\u3040-\u30ff",
    "ko": "\uac00-\ud7af\u1100-\u11ff",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff",
    "cyrillic": "\u0400-\u04ff",
    "greek": "\u0370-\u03ff",
    "arabic": "\u0600-\u06ff\u0750-\u077f",
    "hebrew": "\u0590-\u05ff",
    "devanagari": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
}

# Days and months that are names nowhere else: elsewhere they have a capital letter and are found as names.
DATE_WORDS = _words(
    "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonnabend Sonntag Januar Februar März April Mai Juni Juli",
    "August September Oktober November Dezember lundi mardi mercredi jeudi vendredi samedi dimanche janvier février",
    "avril juin juillet août septembre octobre novembre décembre lunes martes miércoles jueves viernes sábado domingo",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunedì martedì",
    "mercoledì giovedì venerdì sabato domenica gennaio febbraio aprile maggio giugno luglio settembre ottobre",
    "dicembre segunda-feira terça-feira quarta-feira quinta-feira sexta-feira janeiro fevereiro março maio junho",
    "julho setembro outubro novembro dezembro maandag dinsdag woensdag donderdag vrijdag zaterdag zondag januari",
    "februari maart juni juli augustus oktober december poniedziałek wtorek środa środę czwartek piątek sobota sobotę",
    "niedziela niedzielę stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada",
    "grudnia",
)
# In German, where all nouns have a capital letter, a name follows one of these, or another capitalized word.
BEFORE_NAMES = _words("Herr Herrn Frau Dr Prof in aus nach von bei In Aus Nach Von Bei heiße heißt")
# Capitalized, and not names.
NOT_NAMES = _words("ok okay hi hello hallo hey yes no ja nein oui sí i'm i'll i've i'd")
# After these, a stop doesn't end the sentence.
SHORT_WORDS = _words(
    "mr mrs ms dr prof st sr jr vs approx fig vol pp ca cf dept est max min e.g i.e z.b d.h u.a bzw nr str evtl ggf",
    "vgl inkl sra mme mlle p.ex dra pág av ul nb bijv dhr mevr np z d",
)
