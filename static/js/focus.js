// When the focused element is swapped away, its replacement gets the focus.
{
  const FORM = ".edit, .rename";
  let [left, origin] = [null, null];
  const articles = () => [...document.querySelectorAll("#thread > article")];
  const name = (element) => element.title || element.textContent.trim();

  const successor = ({ words, top, index, place, isBack, edited }) => {
    if (isBack && origin?.isConnected) return origin;
    if (top) return document.querySelector(`#${top} :is(a, button)`);
    // After a decision: the next one, or what is written meanwhile.
    if (place?.endsWith("asks")) return document.querySelector(`.ask, ${millrace.thumbs.matches ? ".go" : "#composer-text"}`);
    if (place === "earlier") return document.querySelector("#earlier a") ?? articles()[0];
    if (place === "follow-up") return document.getElementById("composer-text");
    const isLast = index >= articles().length - 2;
    if (edited === "user" && isLast && !millrace.thumbs.matches) return document.getElementById("composer-text");
    const article = articles()[Math.min(index, articles().length - 1)];
    if (index < 0 || !article || (millrace.isRunning() && !isBack)) return document.querySelector("#composer-controls .go");
    const able = [...article.querySelectorAll("a, button, summary")].filter((each) => !each.disabled && each.checkVisibility());
    // Never the next Delete: pressing the key twice would delete more than intended.
    const opens = (each) => each.matches("[formaction$='/edit'], [popovertarget]");
    const isSame = (each) => (isBack || edited === "assistant" ? opens(each) : name(each) === words);
    return (words !== "Delete" && able.find(isSame)) || article;
  };

  document.addEventListener("arrived", () => void (left = origin = null));
  // Remembers which element opened a form.
  document.addEventListener("focusin", ({ target, relatedTarget }) => {
    if (target.closest(FORM) && !relatedTarget?.closest(FORM)) origin = relatedTarget;
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const [isBack, element] = [Boolean(event.target.closest?.(".edit a, .rename a")), document.activeElement];
    if (!element || element === document.body) return;
    const [top, place] = ["#chat-title, #chat-menu", "#earlier, #follow-up, .asks"].map((parts) => element.closest(parts)?.id);
    const edited = isBack ? "" : element.closest(".edit")?.closest("article").dataset.role;
    left = { element, isBack, edited, words: name(element), top, place, index: articles().indexOf(element.closest("article")) };
  });
  document.addEventListener("htmx:after:swap", () => {
    const isLost = document.activeElement === document.body && left && !left.element.isConnected;
    const next = isLost ? successor(left) : null;
    if (next?.matches("article")) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
    if (isLost) left = null;
  });
}
