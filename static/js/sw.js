// The service worker: keeps pages to be read offline, has unsent messages sent (unsent.js), and shows what is pushed.
// Of every page the server says for whom it is, and whether it may be kept (ADR 47); nothing kept is shown while it answers.
"use strict";
const [SHELL, PAGE, KEEPER, MOST_PAGES, MOST_CHARS, MOST_ASSETS] = ["shell", "/offline", "Millrace-Keep", 20, 2_000_000, 120];
const [ASSET, LINE] = [/\/static\/(?!vendor\/mermaid)[\w./+-]+\?v=\w+/g, /<p class="offline"/];
const OF_PAGE = _("You're offline. This is the page as of %(time)s.");
const OF_CHAT = _("You're offline. This is the chat as of %(time)s.");
let [turns, newest, line] = [0, 0, Promise.resolve()];
// One after the other: what is forgotten is not kept again by a page that was on its way.
const inTurn = (task) => (line = line.then(task).catch(() => {}));
const forget = async (isStill) => {
  for (const name of await caches.keys()) if (!name.startsWith(SHELL) && !isStill(name)) await caches.delete(name);
};
const keepAssets = async (html) => {
  const assets = await caches.open(SHELL);
  for (const path of new Set(html.match(ASSET))) if (!(await assets.match(path))) await assets.add(path).catch(() => {});
  for (const old of (await assets.keys()).slice(0, -MOST_ASSETS)) await assets.delete(old);
};
const keep = async (path, answer, turn) => {
  const [session, person, isPage] = answer.headers.get(KEEPER)?.split(" ") ?? [];
  if (!session || turn < newest) return;
  newest = turn;
  // Who comes back after their session has ended still has what they wrote; someone else has nothing of it.
  await forget((name) => [`kept ${session}`, `waiting ${person}`].includes(name) || (!person && name.startsWith("waiting ")));
  if (session === "-" || (!isPage && answer.ok)) return;
  const pages = await caches.open(`kept ${session}`);
  await pages.delete(path);
  const html = isPage ? await answer.text() : "";
  if (!html || html.length > MOST_CHARS) return;
  await pages.put(path, new Response(html, { headers: [...answer.headers, ["Kept-At", new Date().toISOString()]] }));
  const chats = (await pages.keys()).filter(({ url }) => new URL(url).pathname !== "/");
  for (const old of chats.slice(0, -MOST_PAGES)) await pages.delete(old);
  await keepAssets(html);
};
const kept = async (path) => {
  const name = (await caches.keys()).find((name) => name.startsWith("kept "));
  const page = name && (await (await caches.open(name)).match(path, { ignoreVary: true }));
  if (!page) return (await caches.match(PAGE, { ignoreVary: true })) ?? Response.error();
  const [at, words] = [page.headers.get("Kept-At"), path === "/" ? OF_PAGE : OF_CHAT];
  const stood = words.replace("%(time)s", `<time datetime="${at}" data-exact>${at}</time>`);
  return new Response((await page.text()).replace(LINE, `$& data-kept>${stood}</p>$&`), { headers: page.headers });
};
const show = async (event, path) => {
  const [turn, early] = [++turns, Promise.resolve(event.preloadResponse)];
  const answer = await early.then((response) => response ?? fetch(event.request)).catch(() => null);
  if (!answer) return kept(path);
  const copy = answer.headers.get(KEEPER)?.endsWith(" page") ? answer.clone() : answer;
  event.waitUntil(inTurn(() => keep(path, copy, turn)));
  return answer;
};
const leave = ({ request }) => {
  newest = ++turns;
  return inTurn(() => forget(() => false)).then(() => fetch(request).catch(() => kept(PAGE)));
};
const load = async () => {
  await (await caches.open(`${SHELL} page`)).add(new Request(PAGE, { credentials: "omit" }));
  await keepAssets(await (await caches.match(PAGE)).text());
};
const announce = ({ title, body, url = "/", tag = url }) =>
  registration.showNotification(title, { body, tag, data: url, icon: "/static/vendor/icon-192.png" });
const open = async (notice) => {
  notice.close();
  const [tabs, url] = [await clients.matchAll({ type: "window" }), new URL(notice.data, location.origin)];
  const tab = tabs.find((tab) => new URL(tab.url).pathname === url.pathname);
  if (url.origin === location.origin) await (tab ? tab.focus() : clients.openWindow(url.href));
};
// Pages can ask only their own origin (Content-Security-Policy).
const answerer = ({ method, mode, headers }, { pathname }) => {
  if (method !== "GET") return method === "POST" && pathname === "/logout" && leave;
  if (mode === "navigate" || headers.get("Accept") === "text/html") return (event) => show(event, pathname);
  return pathname.startsWith("/static/") && (({ request }) => fetch(request).catch(() => caches.match(request)));
};
// A request whose handler returns false is refused.
const respond = (event, answer) => (answer ? event.respondWith(answer(event)) : undefined);
self.onfetch = (event) => respond(event, answerer(event.request, new URL(event.request.url)));
self.oninstall = (event) => event.waitUntil(Promise.all([skipWaiting(), load()]));
self.onactivate = (event) => event.waitUntil(Promise.all([clients.claim(), registration.navigationPreload?.enable()]));
self.onsync = (event) => event.waitUntil(unsent.send());
self.onpush = (event) => event.waitUntil(announce(event.data.json()));
self.onnotificationclick = (event) => event.waitUntil(open(event.notification));
