// The sidebar: its rows and their menus, and the words of a search in the message that was found.
{
  const WORD = /[\p{L}\p{N}]+/gu;
  const ranges = (text, words) => {
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT),
      all = [];
    while (walker.nextNode()) {
      for (const { 0: word, index } of walker.currentNode.data.matchAll(WORD)) {
        if (!words.has(word.toLowerCase())) continue;
        const range = new Range();
        range.setStart(walker.currentNode, index);
        range.setEnd(walker.currentNode, index + word.length);
        all.push(range);
      }
    }
    return all;
  };
  const show = () => {
    const words = new Set(new URLSearchParams(location.search).get("found")?.match(WORD));
    const text = words.size && location.hash && document.querySelector(`${location.hash} .message-text`);
    const marks = text && CSS.highlights ? ranges(text, words) : [];
    if (!marks.length) return;
    CSS.highlights.set("found", new Highlight(...marks));
    const fold = text.parentElement.querySelector(".fold");
    if (fold) fold.checked = true;
    marks[0].startContainer.parentElement.scrollIntoView({ block: "center", behavior: "instant" });
  };
  const reach = () => {
    const list = document.getElementById("sidebar-chats"),
      row = list?.querySelector("[aria-current]");
    if (!row) return;
    const above = row.getBoundingClientRect().top - list.getBoundingClientRect().top,
      most = list.clientHeight - row.offsetHeight;
    // To the middle, which in a low window is less than a row from the end.
    if (above < 0 || above > most) list.scrollTop += above - most / 2;
  };
  // The menu of a row is loaded and opens next to it; it closes when the form of an action was sent.
  const menu = () => document.getElementById("sidebar-menu");
  let opener = null;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".chats__more");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    opener = link;
    menu().replaceChildren();
    htmx.ajax("GET", link.href, { target: menu(), swap: "innerHTML" });
  });
  document.addEventListener("htmx:after:swap", () => {
    if (!opener || !menu().querySelector("form")) return;
    const row = opener.closest("li").getBoundingClientRect();
    opener = null;
    menu().showPopover();
    const { style, offsetHeight } = menu();
    style.left = `${row.left}px`;
    style.top = `${Math.max(8, Math.min(row.bottom + 2, innerHeight - offsetHeight - 8))}px`;
  });
  document.addEventListener("dragstart", ({ target }) => {
    const list = target.closest?.("#sidebar-chats");
    if (list) void import(list.dataset.drag);
  });
  document.addEventListener("submit", ({ target }) => target.closest("#sidebar-menu") && setTimeout(() => menu().hidePopover()));
  // A page comes with the newest rows: others stay if they were loaded and follow these.
  millrace.keepRows = (old, scrollTop) => {
    const list = document.getElementById("sidebar-chats"),
      [was, now] = [old, list].map((place) => [...(place?.querySelectorAll("li > a:first-child") ?? [])]);
    if (was.length > now.length && now.every(({ href }, at) => href === was[at].href)) {
      list?.replaceChildren(...old.childNodes);
      for (const [at, row] of was.entries()) {
        if (now[at]) row.parentElement.replaceWith(now[at].parentElement);
        else row.ariaCurrent = row.pathname === location.pathname ? "page" : null;
      }
    }
    if (list) list.scrollTop = scrollTop;
  };
  // A title that is cut is complete in its tooltip.
  document.addEventListener("pointerover", ({ target }) => {
    if (target.matches(".chats bdi") && target.scrollWidth > target.clientWidth) target.title = target.textContent;
  });
  document.addEventListener("arrived", reach);
  // After the browser has scrolled to the message.
  addEventListener("load", show);
  document.addEventListener("arrived", () => setTimeout(show));
}
