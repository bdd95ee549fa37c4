// The shared worker that holds the one connection of all pages of a browser: see shared.js.
"use strict";
{
  const NAME = "Shared-Stream";
  const LONGEST = 300000;
  const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  // The page of each feed; one stream carries all of them while there are any.
  const feeds = new Map();
  let stream = null;
  const over = (ended) => {
    if (!ended || ended !== stream) return;
    stream.ending.abort();
    stream = null;
    for (const feed of feeds.keys()) forget(feed);
  };
  const forget = (feed) => {
    feeds.get(feed)?.port.postMessage([feed, null]);
    feeds.delete(feed);
    if (!feeds.size) over(stream);
  };
  const leave = (feed) => {
    const isKnown = feeds.has(feed);
    forget(feed);
    if (!isKnown || !stream) return;
    const body = new URLSearchParams({ place: `${stream.id}.${feed}` });
    fetch("/live/leave", { method: "POST", body }).catch(() => {});
  };
  const pass = (message) => {
    const [head, ...lines] = message.split("\n"),
      feed = head.replace("event: ", "");
    const words = lines.map((line) => line.replace("data: ", "")).join("\n");
    if (feed === "end") forget(words);
    else feeds.get(feed)?.port.postMessage([feed, words]);
  };
  const read = async (reader) => {
    for (let rest = "", piece; !(piece = await reader.read()).done; ) {
      const messages = (rest + piece.value).split("\n\n");
      rest = messages.pop();
      messages.forEach(pass);
    }
  };
  const begin = () => {
    const mine = { id: random(), ending: new AbortController() },
      headers = { Accept: "text/event-stream", [NAME]: mine.id };
    mine.answer = fetch("/live/stream", { headers, signal: mine.ending.signal }).catch(() => Response.error());
    mine.answer
      .then(({ ok, body }) => ok && read(body.pipeThrough(new TextDecoderStream()).getReader()))
      .catch(() => {})
      .finally(() => over(mine));
    return mine;
  };
  const open = async (port, feed) => {
    feeds.set(feed, { port });
    const mine = (stream ??= begin());
    if ((await mine.answer).ok) port.postMessage([feed, "", mine.id]);
  };
  self.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data: { wanted, left, isLost } }) => {
      port.heard = Date.now();
      if (wanted) open(port, wanted);
      else if (left) leave(left);
      else if (isLost) over(stream);
      else port.postMessage([]);
    };
  };
  // A page that has crashed doesn't say that it leaves.
  setInterval(() => {
    for (const [feed, { port }] of feeds) if (Date.now() - port.heard > LONGEST) leave(feed);
  }, LONGEST);
}
