// Opens help and the search over any page, by key.
"use strict";
{
  const sheet = Object.assign(document.createElement("dialog"), { id: "sheet", className: "dialog", closedBy: "any" });

  let last = -1_000;
  const open = async (path) => {
    if (sheet.open || location.pathname === path) return sheet.close();
    const answer = await fetch(path, { headers: { "HX-Request": "true", "HX-Current-URL": location.href } }).catch(() => null);
    if (!answer?.ok) return location.assign(path);
    sheet.innerHTML = await answer.text();
    sheet.setAttribute("aria-label", sheet.querySelector("h1").textContent);
    document.body.appendChild(sheet).showModal();
    window.htmx?.process(sheet);
  };
  document.addEventListener("keydown", (event) => {
    const isSearch = event.key === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    const isTyping = event.target.matches?.("input, textarea, select");
    const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.repeat);
    const isIdle = !isTyping || (/^Arrow/.test(event.key) && event.target.matches("#composer-text:placeholder-shown"));
    const isKey = (event.key === "#" || (/^([a-z]|Arrow(Left|Right))$/.test(event.key) && isPlain)) && isIdle;
    const isChord = (event.ctrlKey || event.metaKey) && event.shiftKey && !event.altKey;
    const isNew = isChord && /^o$/i.test(event.key);
    const toggle = isChord && /^s$/i.test(event.key) && document.querySelector("#sidebar-toggle button");
    if (isSearch || isNew || toggle) event.preventDefault();
    if (toggle || isNew) return toggle ? toggle.click() : location.assign("/");
    if (isSearch || (event.key === "?" && !isTyping)) open(isSearch ? "/search" : "/help");
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
  document.addEventListener("click", (event) => {
    const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey);
    if (!isPlain || !event.target.closest?.("a[href='/search']") || location.pathname === "/search") return;
    event.preventDefault();
    open("/search");
  });
  document.addEventListener("input", (event) => {
    if (event.target.type === "range") event.target.nextElementSibling.value = event.target.value;
  });
  const tell = () => {
    for (const line of document.querySelectorAll(".offline")) line.hidden = navigator.onLine;
  };
  for (const change of ["online", "offline"]) addEventListener(change, tell);
  document.addEventListener("arrived", tell);
  // A page that is swapped in has no place for a dialog of the one before.
  addEventListener("pagehide", () => sheet.close());
}
