// Opens a page beside the chat, by a link with `data-panel`, which can name another address. In a narrow window it is over the chat, and Back closes it.
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
    panel().closedBy = BESIDE.matches ? "none" : "any";
    if (BESIDE.matches) panel().show();
    else panel().showModal();
    if (BESIDE.matches && !millrace.isRunning()) scrollBy({ top: top() - before, behavior: "instant" });
    isNoted = !BESIDE.matches;
    if (isNoted) history.pushState({}, "");
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

  document.addEventListener("click", (event) => {
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
  // In the capture phase: it would stop an answer, too. A list or a form over the chat is closed first.
  addEventListener(
    "keydown",
    (event) => {
      const isElsewhere =
        event.target.closest?.(".edit, .rename, .search, [data-search]") || document.querySelector(":popover-open");
      if (event.key !== "Escape" || isElsewhere || millrace.isComposing(event) || !panel()?.matches("[open]:not(:modal)")) return;
      event.preventDefault();
      event.stopPropagation();
      panel().close();
    },
    true,
  );
  const giveBack = () => {
    const heir = opener.isConnected ? opener : document.querySelector(`a[data-panel][href="${opener.getAttribute("href")}"]`);
    heir?.focus({ preventScroll: true });
  };
  // Neither event bubbles. What a preview runs ends with its frame.
  document.addEventListener(
    "close",
    ({ target }) => {
      if (target !== panel()) return;
      coming?.abort();
      target.replaceChildren();
      giveBack();
      [isLeaving, isNoted] = [isNoted, false];
      if (isLeaving) history.back();
    },
    true,
  );
  document.addEventListener(
    "beforetoggle",
    ({ target, newState }) => {
      if (target.id === "tuning" && newState === "open") panel()?.close();
    },
    true,
  );
  addEventListener("popstate", () => {
    // Browsers take the focus away on their way back.
    if (isLeaving) requestAnimationFrame(giveBack);
    if (isNoted) panel()?.close();
    isNoted = isLeaving = false;
  });
  addEventListener("pagehide", () => {
    coming?.abort();
    isNoted = isLeaving = false;
  });
}
