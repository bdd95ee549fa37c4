// Opens a page beside the chat, by a link with `data-panel`. In a narrow window it is over the chat, and Back closes it.
{
  const [BESIDE, SPACIOUS] = ["960px", "64rem"].map((width) => matchMedia(`(min-width: ${width})`)),
    OVER = "dialog:modal, :popover-open:not(#tuning[popover=manual])";
  let opener, coming, isNoted, isLeaving;
  const panel = () => document.getElementById("panel");
  // The text becomes narrower: what opened the panel keeps its place.
  const open = () => {
    const { top } = opener.getBoundingClientRect();
    isNoted = !BESIDE.matches;
    panel().closedBy = isNoted ? "any" : "none";
    panel()[isNoted ? "showModal" : "show"]();
    if (isNoted) history.pushState({}, "");
    else if (!millrace.isRunning()) scrollBy({ top: opener.getBoundingClientRect().top - top, behavior: "instant" });
  };
  const fill = async (url) => {
    coming = url;
    const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => ({})),
      html = answer.ok && (!answer.redirected || /texts/.test(answer.url)) && (await millrace.html(answer).catch(() => ""));
    if (coming !== url) return;
    if (!html) return location.assign(url);
    const { title } = document.activeElement.closest("#panel [title]") ?? {};
    panel().innerHTML = html;
    htmx.process(panel());
    millrace.equip(panel());
    millrace.later(panel());
    const heading = panel().querySelector("h2");
    panel().ariaLabel = heading.textContent;
    document.querySelector("#tuning:popover-open")?.hidePopover();
    if (!panel().open) open();
    (panel().querySelector(`a[title="${title}"]`) ?? heading).focus({ preventScroll: true });
    panel().querySelector(".passage--wanted")?.scrollIntoView({ block: "start", behavior: "instant" });
  };
  const twin = () => document.querySelector(`a[data-panel][href="${opener.getAttribute("href")}"]`);
  const giveBack = () => (opener.isConnected ? opener : twin())?.focus({ preventScroll: true });
  // In the capture phase: it would stop an answer, too. A list or a form over the chat is closed first.
  const leave = (event) => {
    const isElsewhere = event.target.closest?.(".edit, .rename, [type=search]") || document.querySelector(OVER),
      beside = document.querySelector("#panel[open], #tuning[popover=manual]:popover-open");
    if (event.key !== "Escape" || isElsewhere || !beside || millrace.isComposing(event)) return;
    event.stopPropagation();
    beside[beside === panel() ? "close" : "hidePopover"]();
  };
  const closed = ({ target }) => {
    if (target !== panel()) return;
    coming = target.replaceChildren();
    giveBack();
    [isLeaving, isNoted] = [isNoted, false];
    if (isLeaving) history.back();
  };
  addEventListener("keydown", leave, true);
  addEventListener("close", closed, true);
  // Beside the text, the chat's settings stay while they are tried in the chat; over it, any click there closes them.
  const tune = ({ target }) => {
    const settings = target.closest?.("[popovertarget=tuning]") && document.querySelector("#tuning:not(:popover-open)");
    if (settings) settings.popover = SPACIOUS.matches ? "manual" : "auto";
  };
  const settle = ({ target, newState }) => {
    if (target.id === "tuning") panel()?.close();
    const isLeft = newState === "closed" && target.matches("#tuning[popover=manual]:focus-within");
    if (isLeft) document.getElementById("composer-tune")?.focus({ preventScroll: true });
  };
  addEventListener("click", tune, true);
  addEventListener("beforetoggle", settle, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#panel [data-close]")) return panel().close();
    const link = millrace.isPlain(event) && panel() && event.target.closest?.("a[data-panel]");
    if (!link) return;
    event.preventDefault();
    if (link === opener && panel().open) return panel().close();
    if (!link.closest("#panel")) opener = link;
    fill(link.dataset.panel || link.href);
  });
  addEventListener("popstate", () => {
    if (isLeaving) requestAnimationFrame(giveBack);
    else if (isNoted) panel()?.close();
    isNoted = isLeaving = false;
  });
  addEventListener("pagehide", () => void (coming = isNoted = isLeaving = null));
}
