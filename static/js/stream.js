// The page's stream: shows the state of answers and of the connection.
{
  const WAITING = _("Connection lost. Reconnecting; new text will appear here.");
  let [lateLine, isOver, attempts, sign] = [0, false, 0, ""];

  const feed = () => document.querySelector("#thread, #plan-feed");
  const isOurs = (event) => event.target === feed();

  // One line shows the state of the connection, and what the person can do about it.
  const line = (words) => {
    clearTimeout(lateLine);
    lateLine = 0;
    document.getElementById("status-line").replaceChildren(words);
  };
  // A short interruption isn't shown.
  const soonLine = (words, pause) => {
    document.getElementById("countdown")?.setAttribute("data-since", new Date(Date.now() + pause).toISOString());
    lateLine ||= setTimeout(line, 1500, words);
  };
  const refused = (status) => {
    if (status >= 500 || status === 429) return;
    isOver = true;
    line((document.getElementById(`over-${status}`) ?? document.getElementById("over")).content.cloneNode(true));
    document.dispatchEvent(new CustomEvent("refused", { detail: status }));
  };

  // The extension doesn't retry a first connection, so this does.
  const retry = () => {
    const pause = Math.min(15000, 500 * 2 ** attempts++) * (0.7 + 0.6 * Math.random());
    soonLine(WAITING, pause);
    setTimeout(() => feed()?.dispatchEvent(new CustomEvent("reconnect")), pause);
  };

  document.addEventListener("htmx:error", (event) => isOurs(event) && retry());
  document.addEventListener("htmx:after:request", (event) => {
    const { status } = event.detail.ctx.response,
      isSent = feed() && event.target.id === "composer" && [401, 404].includes(status);
    if (isSent) event.preventDefault();
    if (isSent || isOurs(event)) refused(status);
    if (isOurs(event) && !isOver) retry();
  });

  document.addEventListener("htmx:sse:before:connection", (event) => {
    const { attempt, config } = event.detail.connection;
    if (isOurs(event) && isOver) event.preventDefault();
    else if (isOurs(event) && attempt) soonLine(WAITING, Math.min(config.reconnectDelay * 2 ** (attempt - 1), 15000));
  });
  document.addEventListener("htmx:sse:after:connection", (event) => {
    if (!isOurs(event)) return;
    attempts = line("") ?? 0;
    if (event.detail.connection.status === 204) refused(204);
    setTimeout(letGo);
  });
  document.addEventListener("htmx:sse:error", (event) => isOurs(event) && event.detail.status && refused(event.detail.status));
  document.addEventListener("superseded", (event) => isOurs(event) && refused(204));
  document.addEventListener("gone", () => location.reload());
  document.addEventListener("click", (event) => event.target.matches("#status-line button") && location.reload());

  // A hidden page keeps its stream while an answer runs. The extension would close it, so it gets the event later.
  document.addEventListener("visibilitychange", (event) => {
    if (document.hidden && millrace.isRunning()) event.stopImmediatePropagation();
    if (!document.hidden) mark("");
  });
  const letGo = () => {
    if (document.hidden && !millrace.isRunning()) document.dispatchEvent(new Event("visibilitychange"));
  };
  // After a network change a stream would wait for a timeout, and a retry for its delay.
  addEventListener("online", () => {
    const sse = feed()?._htmx?.sse;
    sse?.reader?.cancel();
    sse?.delayCanceller?.();
  });

  // The title and the icon show the state in the tab bar.
  const icon = document.querySelector("link[rel=icon]"),
    plain = icon?.href;
  const mark = (otherwise = sign) => {
    sign = millrace.isRunning() ? "… " : otherwise;
    const title = sign + document.title.replace(/^[…●] /, ""),
      icons = document.getElementById("announcer")?.dataset ?? {};
    if (document.title !== title) document.title = title;
    const href = { "… ": icons.runningIcon, "● ": icons.doneIcon }[sign] ?? plain;
    if (icon && icon.getAttribute("href") !== href) icon.href = href;
  };
  document.addEventListener("arrived", () => {
    [lateLine, isOver, attempts] = [clearTimeout(lateLine), false, 0];
    mark("");
  });
  // An answer can be on the page before the stream speaks of it, or so late that it says nothing of it but more text.
  document.addEventListener("htmx:after:swap", () => mark());
  document.addEventListener("status", () => {
    mark(document.hidden ? "● " : "");
    setTimeout(letGo, 1000);
  });
}
