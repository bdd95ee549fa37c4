// Registers the service worker (sw.js), and keeps what it keeps up to date. Loaded after the page.
if (self.caches && navigator.serviceWorker) {
  const ENDED = ["completed", "stopped", "interrupted", "failed"];
  let isOld = false;

  // A page that is left after an answer has ended is kept as it then stands.
  const keepAgain = () => {
    const mayBe = document.querySelector(".offline[data-keeps]") && /^\/chats\/\w+$/.test(location.pathname);
    if (!isOld || !mayBe || !navigator.onLine) return;
    isOld = false;
    fetch(location.pathname, { headers: { Accept: "text/html" } }).catch(() => {});
  };
  const begin = async () => {
    const registration = await navigator.serviceWorker.register("/sw.js").catch(() => null);
    if (await registration?.pushManager?.getSubscription()) document.documentElement.dataset.isPushed = "";
  };

  document.addEventListener("status", ({ detail }) => (isOld ||= ENDED.includes(JSON.parse(detail.data).status)));
  document.addEventListener("visibilitychange", () => document.hidden && keepAgain());
  addEventListener("pagehide", keepAgain);
  // The server has ended the session, or access to this chat.
  document.addEventListener("refused", async ({ detail: status }) => {
    for (const name of await caches.keys()) {
      if (status === 401 && name.startsWith("kept ")) await caches.delete(name);
      if (status === 404) await (await caches.open(name)).delete(location.pathname);
    }
  });
  // The page has caught up with the server.
  document.addEventListener("htmx:sse:after:connection", () => document.querySelector("[data-kept]")?.remove());
  begin();
}
