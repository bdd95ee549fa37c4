// Opens help and the palette over any page, by key.
"use strict";
{
  const sheet = Object.assign(document.createElement("dialog"), { id: "sheet", className: "dialog", closedBy: "any" });

  let last = -1_000;
  const open = async (path) => {
    if (sheet.open || location.pathname === path) return sheet.close();
    const answer = await fetch(path, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return location.assign(path);
    sheet.innerHTML = await answer.text();
    sheet.setAttribute("aria-label", sheet.querySelector("h1").textContent);
    document.body.appendChild(sheet).showModal();
    window.htmx?.process(sheet);
  };
  document.addEventListener("keydown", (event) => {
    const isPalette = event.key === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    const isTyping = event.target.matches?.("input, textarea, select");
    const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.repeat);
    const isIdle = !isTyping || (/^Arrow/.test(event.key) && event.target.matches("#composer-text:placeholder-shown"));
    const isKey = (event.key === "#" || (/^([a-z]|Arrow(Left|Right))$/.test(event.key) && isPlain)) && isIdle;
    const isChord = (event.ctrlKey || event.metaKey) && event.shiftKey && !event.altKey;
    const isNew = isChord && /^o$/i.test(event.key);
    const toggle = isChord && /^s$/i.test(event.key) && document.querySelector("#sidebar-toggle button");
    if (isPalette || isNew || toggle) event.preventDefault();
    if (toggle || isNew) return toggle ? toggle.click() : location.assign("/");
    if (isPalette || (event.key === "?" && !isTyping)) open(isPalette ? "/palette" : "/help");
    else if (isKey && !event.target.matches?.("[tabindex='0']")) {
      const button = document.querySelector(`[data-key="${event.key}"]:not(.message:not(:last-child) *)`);
      // A key pressed twice starts one new version.
      if (button?.matches("[formaction$='/again']")) {
        if (event.timeStamp - last < 1_000) return;
        last = event.timeStamp;
      }
      button?.click();
    }
  });
  // In the palette, arrows move between hits and Enter opens the first one or, without hits, searches.
  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("#palette")?.querySelector("[data-narrows]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const hits = [...document.querySelectorAll("#palette [data-words]:not([hidden]) :is(a, button)")];
    const next = step ? (hits[hits.indexOf(event.target) + step] ?? box) : hits[0];
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && box && event.target === box) {
      event.preventDefault();
      return box.form.requestSubmit();
    }
    if (!box || !(step || (event.key === "Enter" && event.target === box && box.value.trim() && next))) return;
    event.preventDefault();
    step ? next.focus() : next.click();
  });
  document.addEventListener("input", (event) => {
    if (event.target.type === "range") event.target.nextElementSibling.value = event.target.value;
    if (!event.target.matches("[data-narrows]")) return;
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const each of document.querySelectorAll("[data-words]")) {
      each.hidden = !words.every((word) => each.dataset.words.includes(word));
    }
  });
  const tell = () => {
    for (const line of document.querySelectorAll(".offline")) line.hidden = navigator.onLine;
  };
  for (const change of ["online", "offline"]) addEventListener(change, tell);
  document.addEventListener("arrived", tell);
  // A page that is swapped in has no place for a dialog of the one before.
  addEventListener("pagehide", () => sheet.close());
}
