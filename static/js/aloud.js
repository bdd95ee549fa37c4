// Reads an answer aloud with the browser's own voice, sentence by sentence, leaving out code.
"use strict";
if (self.speechSynthesis) {
  const sentences = (text) => {
    const copy = text.cloneNode(true);
    for (const each of copy.querySelectorAll(".code")) each.remove();
    for (const each of copy.querySelectorAll("td, th")) each.append(", ");
    const blocks = copy.querySelectorAll("p, li, ul, ol, tr, h1, h2, h3, h4, h5, h6, summary");
    for (const each of blocks) each.replaceWith("\f", ...each.childNodes, "\f");
    return copy.textContent
      .split(/\f|(?<=[.!?…])\s+/)
      .map((each) => each.replace(/\s+/g, " ").trim())
      .filter(Boolean);
  };
  let read = {};
  const show = () => {
    const words = (button) => (button.value === read.id ? _("Stop reading") : _("Read aloud"));
    for (const each of document.querySelectorAll(".aloud span")) each.textContent = words(each.parentElement);
  };
  // One sentence at a time, as browsers cut off long texts. The language of a text is unknown, so the browser's is used.
  const say = (mine, [words, ...rest]) => {
    if (mine !== read) return;
    if (!words) return begin();
    const after = { onend: () => say(mine, rest), onerror: () => say(mine, []) };
    mine.speech = Object.assign(new SpeechSynthesisUtterance(words), { lang: navigator.language, ...after });
    speechSynthesis.speak(mine.speech);
  };
  const begin = (id) => {
    speechSynthesis.cancel();
    read = { id };
    if (id) say(read, sentences(document.getElementById(`message-${id}-text`)));
    show();
  };
  document.addEventListener("click", ({ target }) => {
    const button = target.closest(".aloud");
    if (button) begin(button.value === read.id ? undefined : button.value);
  });
  // Some browsers have no voices, others load them later.
  const heard = () => document.documentElement.toggleAttribute("data-voice", speechSynthesis.getVoices().length > 0);
  speechSynthesis.addEventListener?.("voiceschanged", heard);
  heard();
  document.addEventListener("htmx:after:swap", show);
  addEventListener("pagehide", () => begin());
}
