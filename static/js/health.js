// Listens to numbered pieces and shows which of the page's words are true of the way they arrive.
"use strict";
document.addEventListener("DOMContentLoaded", async () => {
  const place = document.querySelector("[data-listen]"), pieces = [];
  const show = (kind, word) => place.querySelectorAll(`[data-${kind}]`).forEach((each) => { each.hidden = each.dataset[kind] !== word; });
  const listen = async () => {
    const reader = (await fetch(place.dataset.listen)).body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", piece = {}; !(piece = await reader.read()).done;) {
      const frames = (rest + piece.value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) pieces.push({ ...JSON.parse(frame.slice(6)), heard: performance.now() });
    }
  };
  const protocol = performance.getEntriesByType("navigation")[0]?.nextHopProtocol;
  show("protocol", ["http/1.1", "h2", "h3"].includes(protocol) ? protocol : "other");
  await listen().catch(() => {});
  if (pieces.length !== Number(place.dataset.pieces)) return show("verdict", "broken");
  const moments = pieces.filter((piece, at) => !at || piece.heard - pieces[at - 1].heard > 40).length;
  show("verdict", moments === 1 ? "held" : moments < pieces.length * 0.7 ? "lumps" : "flows");
  const span = (of) => Math.round(pieces.at(-1)[of] - pieces[0][of]);
  place.querySelector("[data-measured]").textContent = `${pieces.length} pieces: sent within ${span("at")} ms, heard within ${span("heard")} ms.`;
});
