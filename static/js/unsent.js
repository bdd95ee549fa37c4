// Messages that were written offline: kept until they are sent, once and in order. Used by pages and by the worker (sw.js).
"use strict";
self.unsent = (() => {
  const [ALL, PATIENCE, NEXT_TIME] = ["waiting ", 30_000, _("The server couldn't accept this yet.")];
  // What the server will never take; anything else is tried again.
  const FOR_GOOD = [400, 403, 404, 410, 413, 415, 422];
  const news = new BroadcastChannel("unsent");
  const tell = (about) => news.postMessage(about);
  // One at a time in the whole browser: nothing is taken back while it is being sent. What is written then is kept at once.
  const [alone, adding] = ["unsent", "adding"].map((name) => (task) => navigator.locks.request(name, task));
  const addresses = async (cache) => (await cache.keys()).map(({ url }) => url).sort();
  const store = (cache, url, message) => cache.put(url, new Response(JSON.stringify(message)));
  const all = async (person) => {
    // Over plain HTTP, browsers keep nothing.
    if (!(await self.caches?.has(ALL + person))) return [];
    const cache = await caches.open(ALL + person);
    // What is sent meanwhile is not there any more.
    const read = async (url) => ({ ...(await (await cache.match(url))?.json()), url });
    return (await Promise.all((await addresses(cache)).map(read))).filter(({ fields }) => fields);
  };
  const add = (person, message) => {
    tell({ coming: message.chat });
    return adding(async () => {
      const cache = await caches.open(ALL + person),
        last = (await addresses(cache)).at(-1) ?? "/0";
      await store(cache, `/unsent/${String(Number(last.split("/").at(-1)) + 1).padStart(6, "0")}`, message);
      tell({});
    });
  };
  // Gives whether it was still there.
  const remove = (person, url) =>
    alone(async () => {
      const isThere = await (await caches.open(ALL + person)).delete(url);
      tell({});
      return isThere;
    });
  // What can't be sent now holds up those behind it in its chat; what is refused doesn't.
  const post = async (cache, url, held) => {
    const message = await (await cache.match(url)).json();
    if (message.isRefused || held.has(message.chat)) return;
    const about = { method: "POST", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) };
    const answer = await fetch("/offline/messages", { ...about, body: new URLSearchParams(message.fields) });
    const { url: page, detail: words = NEXT_TIME } = await answer.json().catch(() => ({}));
    const isSent = answer.ok && Boolean(page),
      isRefused = FOR_GOOD.includes(answer.status);
    if (isSent) await cache.delete(url);
    else await store(cache, url, { ...message, isRefused, words });
    if (!isSent && !isRefused) held.add(message.chat);
    tell({ chat: message.chat, page });
  };
  // Fails if some have to wait, so that a browser tries again without an open page.
  const send = () =>
    alone(async () => {
      const held = new Set();
      for (const name of (await caches.keys()).filter((name) => name.startsWith(ALL))) {
        const cache = await caches.open(name);
        for (const url of await addresses(cache)) await post(cache, url, held);
      }
      if (held.size) throw new Error("Some messages have to wait.");
    });
  return { all, add, remove, send };
})();
