// In the message box, `/` lists prompts, `#` knowledge and files, `@` models and characters: at the caret, by key or pointer.
{
  const MOST_ROWS = 8,
    // A sign and what follows it, up to the caret. Names of prompts have no spaces.
    NAMED = /(?:^|[\s(])(?:(\/)([\w.-]*)|([#@])((?!\s)[^\n#@]{0,60}))$/;
  let named = null,
    left = null,
    loads = 0,
    sign = "";

  const box = () => document.getElementById("composer-text");
  const list = () => document.getElementById("mentions");
  const options = (which = "") => [...(list()?.querySelectorAll(`[role=option]${which}`) ?? [])];
  const active = () => options("[aria-selected=true]")[0];

  const read = () => {
    const { selectionStart, selectionEnd, value } = box();
    const match = value.slice(0, selectionEnd).match(NAMED);
    if (!match || selectionStart !== selectionEnd || document.activeElement !== box()) return null;
    const query = match[2] ?? match[4];
    return { sign: match[1] ?? match[3], query, start: selectionEnd - query.length - 1, end: selectionEnd };
  };

  const tell = (name, id) => (id ? box().setAttribute(name, id) : box().removeAttribute(name));
  const mark = (row) => {
    active()?.setAttribute("aria-selected", "false");
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    tell("aria-activedescendant", row?.id);
    tell("aria-controls", row && "mentions-list");
  };
  const close = () => {
    loads += 1;
    sign = "";
    if (list()) mark(null);
    list()?.remove();
  };

  // What begins with the typed words comes first, then what has a word that does; among equals, what was chosen lately.
  const show = () => {
    const words = named.query.toLowerCase(),
      keys = millrace.recent();
    const rank = ({ dataset: { name, key } }) => {
      const at = name.toLowerCase().indexOf(words),
        last = keys.indexOf(key);
      return (at < 1 ? at : /[\p{L}\p{N}]/u.test(name[at - 1]) ? 2 : 1) * 1_000 + (last < 0 ? 999 : last);
    };
    const ranked = options().sort((a, b) => rank(a) - rank(b));
    const fitting = ranked.filter((row) => rank(row) >= 0).slice(0, MOST_ROWS);
    for (const row of ranked) row.hidden = !fitting.includes(row);
    document.getElementById("mentions-list").append(...ranked);
    mark(fitting[0]);
    if (fitting.length || list().querySelector(".mentions__none")) millrace.openAt(list(), box(), named.start);
    else list().hidePopover();
  };

  const load = async (query = "") => {
    const number = ++loads,
      wanted = named.sign;
    const address = `${box().dataset.mentions}&${new URLSearchParams({ sign: wanted, q: query })}`;
    const html = await millrace.fragment(address, {}, true);
    if (!html || number !== loads || !named) return;
    list()?.remove();
    document.getElementById("composer-box").insertAdjacentHTML("beforeend", html);
    sign = wanted;
    show();
    if (!query) loadMore();
  };
  // Of a long list, only the beginning is there: the server searches the rest.
  const loadMore = () => list().dataset.more !== undefined && named.query && load(named.query);

  const update = () => {
    named = box() && read();
    if (left !== named?.start) left = null;
    if (!named || left !== null) return close();
    if (sign !== named.sign) return load();
    show();
    loadMore();
  };

  const choose = async (row) => {
    const { start, end } = named,
      { value } = box();
    millrace.recent(row.dataset.key);
    close();
    const html = row.dataset.url ? await millrace.fragment(row.dataset.url) : row.querySelector("template").innerHTML;
    if (!html || box().value !== value) return;
    box().focus();
    box().setSelectionRange(start, end);
    // Only this way of changing can be undone.
    document.execCommand("delete");
    millrace.insert(html);
  };

  // Before the other keys of the message box.
  const press = (event) => {
    if (event.target.id !== "composer-text" || !list()?.matches(":popover-open") || millrace.isComposing(event)) return;
    const rows = options(":not([hidden])"),
      next = millrace.ring(rows, active(), event.key);
    const isChoosing = ["Enter", "Tab"].includes(event.key) && !event.shiftKey;
    if (event.key !== "Escape" && !(rows.length && (next || isChoosing))) return;
    event.preventDefault();
    event.stopPropagation();
    if (next) return mark(next);
    if (isChoosing) return choose(active());
    left = named.start;
    close();
  };
  addEventListener("keydown", press, true);
  document.addEventListener("input", ({ target }) => target.id === "composer-text" && update());
  document.addEventListener("selectionchange", () => sign && update());
  document.addEventListener("focusout", ({ target }) => target.id === "composer-text" && close());
  const optionAt = ({ target }) => target.closest?.("#mentions [role=option]");
  // The box keeps the focus.
  document.addEventListener("mousedown", (event) => event.target.closest?.("#mentions") && event.preventDefault());
  document.addEventListener("click", (event) => optionAt(event) && choose(optionAt(event)));
  // Loaded after the page, in whose box a name can have been begun.
  if (document.activeElement?.id === "composer-text") update();
}
