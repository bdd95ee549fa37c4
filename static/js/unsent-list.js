// Shows which messages wait for the network, and has them sent when there is one. Loaded after the page.
{
  const [SOON, LATEST, REFUSED, WAITS] = [3_000, 60_000, _("Not sent."), _("Will send when you're back online.")];
  const { serviceWorker } = navigator,
    news = new BroadcastChannel("unsent"),
    keeper = () => document.querySelector(".offline[data-person]"),
    composer = () => document.getElementById("composer"),
    box = () => document.getElementById("composer-text"),
    // What is for a new chat has an empty id.
    chatIn = (action) => new URL(action, location.href).pathname.match(/^\/chats\/(\w+)/)?.[1] ?? "";
  const shown = () => composer() && chatIn(composer().action);
  let [messages, timer, wait, coming, oldHead] = [[], 0, SOON, {}, ""];

  const here = () => messages.filter(({ chat }) => chat === shown());
  // Also what another tab is just keeping.
  const isBehind = ({ action }) =>
    here().some(({ isRefused }) => !isRefused) || (coming.chat === chatIn(action) && Date.now() < coming.until);
  const waiting = () => messages.filter(({ isRefused }) => !isRefused);
  // Only texts can be kept; a temporary chat leaves nothing on a device.
  const isText = (body) => ![...body].some(([name, value]) => value.size || name === "temporary") && body.get("message")?.trim();
  millrace.takes = (ctx) => {
    const { action = "", body } = ctx?.request ?? {};
    const isSent = /^\/chats(\/\w+\/(messages|follow-up))?$/.test(new URL(action, location.href).pathname);
    const isHere = isSent && ctx.sourceElement?.id === "composer" && serviceWorker?.controller;
    return Boolean(isHere && keeper()?.hasAttribute("data-keeps") && isText(body));
  };
  const take = async ({ action, body }) => {
    if (box().value === body.get("message")) box().value = "";
    document.getElementById("composer-chips")?.replaceChildren();
    // Written below what the server then has, and not below what this page shows.
    const fields = [...body].filter(([name, value]) => typeof value === "string" && name !== "after");
    const [chat, { person }, key] = [chatIn(action), keeper().dataset, document.querySelector("#composer [name=key]")];
    if (key) key.value = crypto.randomUUID();
    await unsent.add(person, { chat, fields: [...fields, ["chat", chat], ["person", person]] }).catch(() => {
      giveBack(body.get("message"));
      millrace.toast(_("Couldn't save your message on this device. Your text is still here."));
    });
    await show();
    scrollTo({ top: document.documentElement.scrollHeight });
    later();
  };

  const line = ({ url, fields, isRefused, words }) => {
    const row = document.getElementById("unsent-shape").content.cloneNode(true).firstElementChild;
    row.querySelector("p").textContent = new URLSearchParams(fields).getAll("message").join("\n");
    row.querySelector(".unsent__state").textContent = `${isRefused ? REFUSED : WAITS} ${words ?? ""}`;
    row.dataset.url = url;
    return row;
  };
  const show = async () => {
    const person = keeper()?.dataset.person;
    messages = person ? await unsent.all(person) : [];
    document.getElementById("unsent")?.remove();
    const rows = here().map(line);
    if (!rows.length) return;
    const list = Object.assign(document.createElement("ol"), { id: "unsent", className: "thread unsent" });
    list.append(...rows);
    document.getElementById("sending").after(list);
  };
  // From this page, and by browsers that can also without one.
  const send = async () => {
    if (!waiting().length) return;
    (await serviceWorker?.ready)?.sync?.register("unsent").catch(() => {});
    await unsent.send().catch(() => {});
    await show();
    later();
  };
  const later = () => {
    clearTimeout(timer);
    wait = waiting().length ? Math.min(wait * 2, LATEST) : SOON;
    if (waiting().length) timer = setTimeout(send, wait);
  };
  const now = async () => {
    wait = SOON;
    await show();
    // What waits here can have been kept as a draft before it was sent.
    if (here().some(({ fields }) => new URLSearchParams(fields).get("message") === box().value)) box().value = "";
    await send();
  };
  const giveBack = (text) => {
    box().value = [text, box().value].filter(Boolean).join("\n\n");
    box().dispatchEvent(new Event("input", { bubbles: true }));
    box().focus();
  };
  const takeBack = async (row, isEdited) => {
    if (!(await unsent.remove(keeper().dataset.person, row.dataset.url))) return millrace.toast(_("This message was just sent."));
    await show();
    if (isEdited) giveBack(row.querySelector("p").textContent);
  };

  news.onmessage = async ({ data }) => {
    const { chat, page } = data;
    if ("coming" in data) return void (coming = { chat: data.coming, until: Date.now() + SOON });
    if (page && chat === shown()) oldHead = composer().elements.after?.value;
    await show();
    coming = {};
    // The chat that was begun here has a page now.
    const isHere = page && chat === "" && shown() === "" && !here().length;
    if (isHere && !document.hidden && !box().value) location.assign(page);
  };
  for (const event of ["arrived", "htmx:sse:after:connection", "online"]) addEventListener(event, now);
  now();

  // What is written while others wait goes behind them.
  document.addEventListener(
    "htmx:before:request",
    (event) => {
      const { ctx } = event.detail;
      // The page doesn't show yet what has just been sent.
      if (oldHead && ctx.request.body?.get?.("after") === oldHead) ctx.request.body.delete("after");
      if (!(millrace.takes(ctx) && (isBehind(ctx.request) || !navigator.onLine))) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      take(ctx.request);
    },
    true,
  );
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => millrace.takes(ctx) && take(ctx.request));
  document.addEventListener("click", ({ target }) => {
    const row = target.closest("[data-unsent]")?.closest("li");
    if (row) takeBack(row, target.closest("[data-unsent=edit]"));
  });
  document.addEventListener("submit", (event) => {
    if (!waiting().length || event.target.getAttribute("action") !== "/logout") return;
    const words = _("Unsent messages: %(num)s. Signing out deletes them. Sign out?");
    if (!confirm(words.replace("%(num)s", waiting().length))) event.preventDefault();
  });
}
