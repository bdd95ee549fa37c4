// Two sheets that float over any page, by key: help, and the palette, which narrows down as one types. Both are pages, too.
"use strict";
{
  const sheet = Object.assign(document.createElement("dialog"), { id: "sheet", className: "dialog", closedBy: "any" });

  const open = async (path) => {
    if (sheet.open || location.pathname === path) return sheet.close();
    const answer = await fetch(path, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return location.assign(path);
    sheet.innerHTML = await answer.text();
    sheet.setAttribute("aria-label", sheet.querySelector("h1").textContent);
    document.body.append(sheet);
    sheet.showModal();
  };
  document.addEventListener("keydown", (event) => {
    const isPalette = event.key === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (isPalette) event.preventDefault();
    if (isPalette || (event.key === "?" && !event.target.matches?.("input, textarea, select"))) open(isPalette ? "/palette" : "/help");
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-narrows]")) return;
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const each of document.querySelectorAll("[data-words]")) each.hidden = !words.every((word) => each.dataset.words.includes(word));
  });
  const tell = () => { for (const line of document.querySelectorAll(".offline")) line.hidden = navigator.onLine; };
  for (const change of ["online", "offline", "load"]) addEventListener(change, tell);
}
