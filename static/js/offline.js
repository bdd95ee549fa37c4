// Registers the service worker (sw.js), and keeps what it keeps up to date. Loaded after the page.
"use strict";
{
  const ENDED = ["completed", "stopped", "interrupted", "failed"];
  const { serviceWorker } = navigator,
    root = document.documentElement.dataset;
  let isOld = false;

  const kept = async () => {
    const name = (await caches.keys()).find((name) => name.startsWith("kept "));
    return name && caches.open(name);
  };
  const forget = async () => {
    for (const name of await caches.keys()) if (name.startsWith("kept ")) await caches.delete(name);
  };
  // A page that is left after an answer has ended is kept as it then stands.
  const keepAgain = () => {
    const mayBe = document.querySelector(".offline[data-keeps]") && /^\/chats\/\w+$/.test(location.pathname);
    if (!isOld || !mayBe || !navigator.onLine) return;
    isOld = false;
    fetch(location.pathname, { headers: { Accept: "text/html" } }).catch(() => {});
  };
  // On the page without a network: what can be opened.
  const list = async () => {
    const place = document.querySelector("[data-kept-list]"),
      pages = place && (await kept());
    if (!pages) return;
    const titles = [];
    for (const { url } of (await pages.keys()).reverse()) {
      const page = new DOMParser().parseFromString(await (await pages.match(url)).text(), "text/html");
      const link = Object.assign(document.createElement("a"), { href: url, textContent: page.title.replace(/ · Millrace$/, "") });
      const row = document.createElement("li");
      row.append(link);
      titles.push(row);
    }
    place.replaceChildren(...titles);
    place.parentElement.hidden = false;
  };
  const begin = async () => {
    const registration = await serviceWorker.register("/sw.js").catch(() => null);
    if (await registration?.pushManager?.getSubscription()) root.isPushed = "";
  };

  document.addEventListener("status", ({ detail }) => (isOld ||= ENDED.includes(JSON.parse(detail.data).status)));
  document.addEventListener("visibilitychange", () => document.hidden && keepAgain());
  addEventListener("pagehide", keepAgain);
  // The server has ended the session, or access to this chat.
  document.addEventListener("refused", async ({ detail: status }) => {
    if (status === 401) await forget();
    if (status === 404) await (await kept())?.delete(location.pathname);
  });
  // The page has caught up with the server.
  document.addEventListener("htmx:sse:after:connection", () => document.querySelector("[data-kept]")?.remove());
  if (serviceWorker) begin();
  document.addEventListener("arrived", list);
}
