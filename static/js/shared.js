// All pages of a browser share one connection, as browsers open only six per server. A shared worker holds it.
// This file is both the page's part and the worker.
"use strict";
{
  const NAME = "Shared-Stream", PATIENCE = 3000, PULSE = 2000, LONGEST = 300000;
  const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  const beWorker = () => {
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
      const [head, ...lines] = message.split("\n"), feed = head.replace("event: ", "");
      const words = lines.map((line) => line.replace("data: ", "")).join("\n");
      if (feed === "end") forget(words); else feeds.get(feed)?.port.postMessage([feed, words]);
    };
    const read = async (reader) => {
      for (let rest = "", piece; !(piece = await reader.read()).done;) {
        const messages = (rest + piece.value).split("\n\n");
        rest = messages.pop();
        messages.forEach(pass);
      }
    };
    const begin = () => {
      const mine = { id: random(), ending: new AbortController() }, headers = { Accept: "text/event-stream", [NAME]: mine.id };
      mine.answer = fetch("/live/stream", { headers, signal: mine.ending.signal }).catch(() => Response.error());
      mine.answer.then(({ ok, body }) => ok && read(body.pipeThrough(new TextDecoderStream()).getReader()))
        .catch(() => {}).finally(() => over(mine));
      return mine;
    };
    const open = async (port, feed) => {
      feeds.set(feed, { port });
      const mine = stream ??= begin();
      if ((await mine.answer).ok) port.postMessage([feed, "", mine.id]);
    };
    self.onconnect = ({ ports: [port] }) => {
      port.onmessage = ({ data: { wanted, left, isLost } }) => {
        port.heard = Date.now();
        if (wanted) open(port, wanted); else if (left) leave(left); else if (isLost) over(stream);
        else port.postMessage([]);
      };
    };
    // A page that has crashed doesn't say that it leaves.
    setInterval(() => { for (const [feed, { port }] of feeds) if (Date.now() - port.heard > LONGEST) leave(feed); }, LONGEST);
  };

  const bePage = (source) => {
    const own = fetch.bind(self), coder = new TextEncoder(), feeds = new Map();
    let port = null, isSilent = false;
    const end = (feed) => {
      const { pipe, opened } = feeds.get(feed) ?? {};
      if (feeds.delete(feed)) pipe.close();
      opened?.("");
    };
    const leave = (feed) => {
      end(feed);
      port?.postMessage({ left: feed });
    };
    const leaveAll = () => [...feeds.keys()].forEach(leave);
    const connect = () => {
      const worker = new SharedWorker(source);
      port = worker.port;
      isSilent = false;
      port.onmessage = ({ data: [feed, words, stream] }) => {
        isSilent = false;
        if (words === null) end(feed); else if (stream) feeds.get(feed)?.opened(stream);
        else feeds.get(feed)?.pipe.enqueue(coder.encode(words));
      };
      worker.onerror = () => { port = null; };
    };
    // Presents a feed of the shared connection as a response of its own; if that fails, the page opens its own connection.
    self.fetch = async (address, options) => {
      if (!port || !/\/events(\?|$)/.test(address)) return own(address, options);
      const feed = random();
      const cancel = () => feeds.delete(feed) && leave(feed);
      let body;
      const stream = await new Promise((opened) => {
        body = new ReadableStream({ start: (pipe) => { feeds.set(feed, { pipe, opened }); }, cancel });
        port.postMessage({ wanted: feed });
        setTimeout(opened, PATIENCE, "");
      });
      const headers = stream ? { ...options.headers, [NAME]: `${stream}.${feed}` } : options.headers;
      const answer = await own(address, { ...options, headers }).catch((error) => { leave(feed); throw error; });
      if (answer.headers.has(NAME)) return new Response(body, answer);
      leave(feed);
      return answer;
    };
    // Pages are not told when a shared worker dies.
    setInterval(() => {
      if (!feeds.size || !port) return;
      if (isSilent) { leaveAll(); connect(); }
      isSilent = true;
      port.postMessage({});
    }, PULSE);
    addEventListener("pagehide", leaveAll);
    addEventListener("offline", () => port?.postMessage({ isLost: true }));
    connect();
  };

  if (!self.document) beWorker(); else if (self.SharedWorker) bePage(document.currentScript.src);
}
