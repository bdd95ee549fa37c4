"""Stop words in English, German, French, Spanish, Italian, Portuguese and Dutch. Pure."""

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
