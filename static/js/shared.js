// All pages of a browser share one connection, as browsers open only six per server. A shared worker holds it.
if (self.SharedWorker) {
  const NAME = "Shared-Stream";
  const PATIENCE = 3000;
  const PULSE = 2000;
  const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const source = document.currentScript.dataset.worker;
  const own = fetch.bind(self),
    coder = new TextEncoder(),
    feeds = new Map();
  let port = null,
    isSilent = false;
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
      if (words === null) end(feed);
      else if (stream) feeds.get(feed)?.opened(stream);
      else feeds.get(feed)?.pipe.enqueue(coder.encode(words));
    };
    worker.onerror = () => void (port = null);
  };
  // Presents a feed of the shared connection as a response of its own; if that fails, the page opens its own connection.
  self.fetch = async (address, options) => {
    if (!port || !/\/events(\?|$)/.test(address)) return own(address, options);
    const feed = random();
    const cancel = () => feeds.delete(feed) && leave(feed);
    let body;
    const stream = await new Promise((opened) => {
      body = new ReadableStream({ start: (pipe) => void feeds.set(feed, { pipe, opened }), cancel });
      port.postMessage({ wanted: feed });
      setTimeout(opened, PATIENCE, "");
    });
    const headers = stream ? { ...options.headers, [NAME]: `${stream}.${feed}` } : options.headers;
    const answer = await own(address, { ...options, headers }).catch((error) => {
      leave(feed);
      throw error;
    });
    if (answer.headers.has(NAME)) return new Response(body, answer);
    leave(feed);
    return answer;
  };
  // Pages are not told when a shared worker dies.
  setInterval(() => {
    if (!feeds.size || !port) return;
    if (isSilent) {
      leaveAll();
      connect();
    }
    isSilent = true;
    port.postMessage({});
  }, PULSE);
  addEventListener("pagehide", leaveAll);
  addEventListener("offline", () => port?.postMessage({ isLost: true }));
  connect();
}
