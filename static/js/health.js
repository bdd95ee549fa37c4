// Receives numbered chunks and shows whether streaming works, or is buffered on the way.
"use strict";
document.addEventListener("arrived", async () => {
  const place = document.querySelector("[data-listen]"),
    pieces = [];
  if (!place) return;
  const show = (kind, word) => {
    for (const each of place.querySelectorAll(`[data-${kind}]`)) each.hidden = each.dataset[kind] !== word;
  };
  const source = new EventSource(place.dataset.listen);
  source.onmessage = (event) => pieces.push({ ...JSON.parse(event.data), heard: performance.now() });
  const protocol = performance.getEntriesByType("navigation")[0]?.nextHopProtocol;
  show("protocol", ["http/1.1", "h2", "h3"].includes(protocol) ? protocol : "other");
  // The end of the stream is an error event, too.
  await new Promise((ended) => (source.onerror = ended));
  source.close();
  if (pieces.length !== Number(place.dataset.pieces)) return show("verdict", "broken");
  const moments = pieces.filter((piece, at) => !at || piece.heard - pieces[at - 1].heard > 40).length;
  show("verdict", moments === 1 ? "held" : moments < pieces.length * 0.7 ? "lumps" : "flows");
  const over = (words, name, of) => words.replace(name, Math.round(pieces.at(-1)[of] - pieces[0][of]));
  const words = _("%(num)s pieces: sent over %(sent)s ms, received over %(received)s ms.").replace("%(num)s", pieces.length);
  place.querySelector("[data-measured]").textContent = over(over(words, "%(sent)s", "at"), "%(received)s", "heard");
});
