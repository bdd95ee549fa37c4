// Reads an answer aloud, sentence by sentence and without code, also while it is being written: by the browser or by voice.js.
{
  const LAST = 800;
  // As long as what the server reads at a time (speakable.py).
  const PARTS = /\S.{0,499}(?=\s|$)|\S{500}/gs;
  const sentences = (text) => {
    const copy = text.cloneNode(true);
    for (const each of copy.querySelectorAll(".code, .calls")) each.remove();
    for (const each of copy.querySelectorAll("td, th")) each.append(", ");
    const blocks = copy.querySelectorAll("p, li, ul, ol, tr, h1, h2, h3, h4, h5, h6, summary");
    for (const each of blocks) each.replaceWith("\f", ...each.childNodes, "\f");
    const all = copy.textContent.split(/\f|(?<=[.!?…])\s+/);
    return all.flatMap((each) => each.replace(/\s+/g, " ").trim().match(PARTS) ?? []);
  };
  const speech = self.speechSynthesis;
  // One sentence at a time, as browsers cut off long texts. The language of a text is unknown, so the browser's is used.
  const browser = {
    say(words, done, failed) {
      const heard = { lang: navigator.language, onend: done, onerror: () => failed() };
      read.speech = Object.assign(new SpeechSynthesisUtterance(words), heard);
      speech.speak(read.speech);
    },
    hush: () => speech?.cancel(),
  };
  let read = {};
  const hasBrowserVoice = () => speech?.getVoices().length > 0;
  const voice = () => (!read.isFallen && document.querySelector("#end[data-later]") && millrace.voice) || browser;
  const asideOf = (id) => document.getElementById(`message-${id}-aside`);
  // The last text of an answer arrives just after its end.
  const isGrowing = (id) => {
    if (asideOf(id)?.matches(".aside--live")) read.until = Infinity;
    else if (read.until === Infinity) {
      read.until = Date.now() + LAST;
      setTimeout(next, LAST + 10);
    }
    return Date.now() < (read.until ?? 0);
  };
  const button = (value) => {
    const button = Object.assign(document.createElement("button"), { type: "button", value }),
      icon = document.querySelector("svg.icon").cloneNode(true),
      use = icon.querySelector("use");
    button.className = "button button--bare button--small aloud";
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#volume-2"));
    button.append(icon, document.createElement("span"));
    return button;
  };
  const show = () => {
    // Below its text: an answer that is read is stopped without its menu, which one that grows doesn't have yet.
    const ids = [read.id, voice() !== browser && millrace.running()?.id.slice("message-".length)];
    for (const id of ids) if (id && !asideOf(id)?.querySelector(":scope > .aloud")) asideOf(id)?.append(button(id));
    for (const each of document.querySelectorAll(".aside > .aloud:not(:focus)")) if (!ids.includes(each.value)) each.remove();
    for (const each of document.querySelectorAll(".aloud"))
      each.querySelector("span").textContent = each.value === read.id ? _("Stop reading") : _("Read aloud");
  };
  const next = () => {
    if (!read.id || read.isAhead) return;
    const text = document.getElementById(`message-${read.id}-text`),
      // The last sentence of an answer that grows isn't complete.
      [words, after] = (text ? sentences(text) : []).slice(read.at, isGrowing(read.id) ? -1 : undefined),
      mine = read;
    if (read.isSpeaking) {
      read.isAhead = Boolean(after);
      if (after) voice().prepare?.(after);
      return;
    }
    if (!words) return isGrowing(read.id) ? undefined : begin();
    const done = () => {
      if (mine !== read) return;
      Object.assign(read, { at: read.at + 1, isSpeaking: false, isAhead: false });
      next();
    };
    // Where the server fails, the browser reads the same sentence.
    const failed = (why = "") => {
      if (mine !== read) return;
      const goesOn = why && hasBrowserVoice();
      if (why) millrace.toast(goesOn ? `${why} ${_("Continuing with your browser's voice.")}` : why);
      if (!goesOn) return begin();
      read.isFallen = true;
      browser.say(words, done, failed);
    };
    read.isSpeaking = true;
    voice().say(words, done, failed);
    next();
  };
  const begin = (id) => {
    for (const each of [browser, millrace.voice]) each?.hush();
    read = { id, at: 0 };
    next();
    show();
  };
  document.addEventListener("click", ({ target }) => {
    const button = target.closest(".aloud");
    if (button) begin(button.value === read.id ? undefined : button.value);
  });
  // Some browsers have no voices, others load them later.
  const heard = () => document.documentElement.toggleAttribute("data-voice", Boolean(millrace.voice) || hasBrowserVoice());
  speech?.addEventListener?.("voiceschanged", heard);
  document.addEventListener("voice", heard);
  heard();
  // The server's voice can have been loaded before this script.
  show();
  for (const each of ["grown", "htmx:after:swap"]) document.addEventListener(each, next);
  for (const each of ["voice", "status", "htmx:after:swap"]) document.addEventListener(each, show);
  addEventListener("pagehide", () => begin());
}
