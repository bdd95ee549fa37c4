// Does what has a key, by the table of the page; opens over it the help, the search, and what links with `data-over` lead to.
{
  const sheet = Object.assign(document.createElement("dialog"), { id: "sheet", className: "dialog" });
  const show = (html, closedBy) => {
    sheet.innerHTML = html;
    const page = sheet.querySelector("main");
    page?.replaceWith(Object.assign(document.createElement("div"), { className: page.className, innerHTML: page.innerHTML }));
    Object.assign(sheet, { closedBy, scrollTop: 0, ariaLabel: sheet.querySelector("h1").textContent });
    if (!sheet.open) document.body.appendChild(sheet).showModal();
    else sheet.querySelector("[autofocus], [aria-invalid=true], [type=submit]")?.focus();
    window.htmx?.process(sheet);
    millrace.later(sheet);
  };
  const open = async (path) => {
    if (sheet.open || location.pathname === path) return sheet.close();
    const html = await millrace.fragment(path, { headers: { "HX-Request": "true", "HX-Current-URL": location.href } }, true);
    html ? show(html, "any") : location.assign(path);
  };
  // What is typed there is not lost by a click beside it. A form that leads to its own page stays, like a list after a removal.
  const over = async (url, options = {}) => {
    const answer = await fetch(url, { headers: { "Millrace-Over": "1" }, ...options }).catch(() => null),
      next = answer?.headers.get("HX-Redirect"),
      html = answer && !answer.redirected && (await millrace.html(answer));
    if (next && new URL(next, location).pathname === sheet.dataset.path) return over(next);
    if (!html) return options.body && !next ? millrace.lost() : location.assign(next ?? url);
    if (!options.body) sheet.dataset.path = new URL(url, location).pathname;
    show(html, "closerequest");
  };
  sheet.addEventListener("submit", (event) => {
    const { target, submitter } = event;
    if (event.defaultPrevented || target.method !== "post") return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(target, submitter));
    over(submitter?.getAttribute("formaction") ?? target.action, { method: "POST", body });
  });
  sheet.oncancel = () => !sheet.querySelector("[data-unsaved]") || millrace.mayLeave();
  sheet.onclose = () => sheet.replaceChildren();
  sheet.addEventListener("htmx:after:request", ({ target, detail }) => {
    if (target.matches("[hx-post]") && detail.ctx.response?.status < 400) sheet.close();
  });
  // What scripts do by key; they return false where there is nothing to do. For all else a button is pressed.
  millrace.acts = { search: () => open("/search"), help: () => open("/help"), new_chat: () => location.assign("/") };
  const keys = JSON.parse(document.documentElement.dataset.keys);
  const [SOON, TEXTS] = [1_000, "input, textarea, select, dialog *, :popover-open *"];
  let [first, since, again] = ["", 0, -SOON];
  const press = (name, { timeStamp }) => {
    const button = document.querySelector(`[data-shortcut="${name}"]:not(:disabled, .message:not(:last-child) button)`);
    // A key pressed twice starts one new version.
    const isAgain = button?.matches("[formaction$='/again']");
    if (!isAgain || timeStamp - again > SOON) button?.click();
    if (isAgain) again = timeStamp;
    return Boolean(button);
  };
  // What is held to write a sign depends on the keyboard; see `shortcuts.py`.
  millrace.pressed = ({ key = "", ctrlKey, metaKey, altKey, shiftKey }) => {
    const isSign = key.length === 1 && key.toLowerCase() === key.toUpperCase();
    const held = { Ctrl: (ctrlKey || metaKey) && !(isSign && altKey), Alt: altKey && !isSign, Shift: shiftKey && !isSign };
    const names = Object.keys(held).filter((name) => held[name]);
    if (key.length === 1) return [...names, names.length ? key.toUpperCase() : key.toLowerCase()].join("+");
    return [...names, key].join("+");
  };
  document.addEventListener("keydown", (event) => {
    const [key, { target, timeStamp }] = [millrace.pressed(event), event];
    const kept = /^Arrow/.test(key) ? `:is(${TEXTS}, [tabindex='0']):not(#composer-text:placeholder-shown)` : TEXTS;
    if (!/Ctrl\+|Alt\+|F\d/.test(key) && target.matches?.(kept)) return;
    const name = (timeStamp - since < SOON && keys[`${first} then ${key}`]) || keys[key];
    const isFirst = !name && Object.keys(keys).some((each) => each.startsWith(`${key} then `));
    if (isFirst) [first, since] = [key, timeStamp];
    const act = name && (millrace.acts[name] ?? press);
    if (!isFirst && (!act || (!event.repeat && act(name, event) === false))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  // The server draws buttons for all people alike, so their keys are said here.
  const say = () => {
    for (const button of document.querySelectorAll("[data-shortcut]:not(.message *)")) {
      const key = Object.keys(keys).find((each) => keys[each] === button.dataset.shortcut);
      if (!key) continue;
      const spoken = new Set(["Control", "Meta"].map((held) => key.replace("Ctrl", held)));
      if (!key.includes(" ")) button.ariaKeyShortcuts = [...spoken].join(" ");
      if (button.title) button.title = `${button.textContent.trim()} (${key.replaceAll("+", " + ")})`;
    }
  };
  for (const change of ["arrived", "htmx:after:swap"]) document.addEventListener(change, say);
  document.addEventListener("click", (event) => {
    const link = millrace.isPlain(event) && event.target.closest?.("a[data-over], a[href='/search']");
    if (!link || location.pathname === link.pathname) return;
    event.preventDefault();
    link.closest("[popover]")?.hidePopover();
    "over" in link.dataset ? over(link.href) : open("/search");
  });
  document.addEventListener("input", ({ target }) => target.type === "range" && (target.nextElementSibling.value = target.value));
  const tell = () => {
    for (const line of document.querySelectorAll(".offline:not([data-kept])")) line.hidden = navigator.onLine;
  };
  for (const change of ["online", "offline", "arrived"]) addEventListener(change, tell);
  // A page that is swapped in has no place for a dialog of the one before.
  addEventListener("pagehide", () => sheet.close());
}
