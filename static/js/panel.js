// Opens a page beside the chat, by a link with `data-panel`, which can name another address. In a narrow window it is over the
// chat, and Back closes it.
"use strict";
{
  const BESIDE = matchMedia("(min-width: 1100px)");
  let opener, coming, isNoted, isLeaving;
  const panel = () => document.getElementById("panel");
  const isPlain = (event) => !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

  // The text becomes narrower: what opened the panel keeps its place.
  const open = () => {
    const top = () => opener.getBoundingClientRect().top,
      before = top();
    document.querySelector("#tuning:popover-open")?.hidePopover();
    isNoted = !BESIDE.matches;
    panel().closedBy = isNoted ? "any" : "none";
    if (isNoted) {
      panel().showModal();
      return history.pushState({}, "");
    }
    panel().show();
    if (!millrace.isRunning()) scrollBy({ top: top() - before, behavior: "instant" });
  };
  const fill = async (url, method = "GET") => {
    coming?.abort();
    const { signal } = (coming = new AbortController());
    const answer = await fetch(url, { method, signal, headers: { "HX-Request": "true" } }).catch(() => null),
      html = await answer?.text().catch(() => null);
    if (signal.aborted) return;
    // The page itself says what is wrong.
    if (!answer?.ok || answer.redirected || html === null) return location.assign(url);
    const { title } = document.activeElement.closest("#panel [title]") ?? {};
    panel().innerHTML = html;
    htmx.process(panel());
    const heading = panel().querySelector("h2");
    panel().ariaLabel = heading.textContent;
    if (!panel().open) open();
    (panel().querySelector(`a[title="${title}"]`) ?? heading).focus({ preventScroll: true });
    panel().querySelector(".passage--wanted")?.scrollIntoView({ block: "start", behavior: "instant" });
  };
  const giveBack = () => {
    const heir = opener.isConnected ? opener : document.querySelector(`a[data-panel][href="${opener.getAttribute("href")}"]`);
    heir?.focus({ preventScroll: true });
  };
  const FIRST = ".edit, .rename, .search, [data-search]";
  // In the capture phase: it would stop an answer, too. A list or a form over the chat is closed first.
  const leave = (event) => {
    const isElsewhere = event.target.closest?.(FIRST) || document.querySelector(":popover-open");
    if (event.key !== "Escape" || isElsewhere || millrace.isComposing(event) || !panel()?.matches("[open]:not(:modal)")) return;
    event.preventDefault();
    event.stopPropagation();
    panel().close();
  };
  // What a preview runs ends with its frame.
  const closed = ({ target }) => {
    if (target !== panel()) return;
    coming?.abort();
    target.replaceChildren();
    giveBack();
    [isLeaving, isNoted] = [isNoted, false];
    if (isLeaving) history.back();
  };
  const makeRoom = ({ target, newState }) => {
    if (target.id === "tuning" && newState === "open") panel()?.close();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#panel [data-close]")) return panel().close();
    const link = isPlain(event) && !event.defaultPrevented && panel() && event.target.closest?.("a[data-panel]");
    if (!link) return;
    event.preventDefault();
    if (link === opener && panel().open) return panel().close();
    if (!link.closest("#panel")) opener = link;
    fill(link.dataset.panel || link.href);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("#panel [data-panel]")) return;
    event.preventDefault();
    fill(event.target.action, "POST");
  });
  for (const [name, act] of Object.entries({ keydown: leave, close: closed, beforetoggle: makeRoom }))
    addEventListener(name, act, true);
  addEventListener("popstate", () => {
    // Browsers take the focus away on their way back.
    if (isLeaving) requestAnimationFrame(giveBack);
    else if (isNoted) panel()?.close();
    isNoted = isLeaving = false;
  });
  addEventListener("pagehide", () => {
    coming?.abort();
    isNoted = isLeaving = false;
  });
}
