// When what has the focus is swapped away, the focus goes to what stands in its place, never to nowhere.
"use strict";
{
  let left = null;
  const articles = () => [...document.querySelectorAll("#thread > article")];
  const name = (element) => element.title || element.textContent.trim();

  const successor = ({ words, top, index, place }) => {
    if (top) return document.querySelector(`#${top} :is(a, button)`);
    if (place === "earlier") return document.querySelector("#earlier a") ?? articles()[0];
    if (place === "follow-up") return document.getElementById("composer-text");
    const article = articles()[Math.min(index, articles().length - 1)];
    if (index < 0 || !article || millrace.isRunning()) return document.querySelector("#composer-controls .go");
    const able = [...article.querySelectorAll("a, button, summary")].filter((each) => !each.disabled && each.checkVisibility());
    // Not the next Delete: pressed twice, it would take more than was meant.
    return (words !== "Delete" && able.find((each) => name(each) === words)) || article;
  };

  document.addEventListener("htmx:before:swap", () => {
    const element = document.activeElement;
    if (!element || element === document.body) return;
    const top = element.closest("#chat-title, #chat-menu")?.id, place = element.closest("#earlier, #follow-up")?.id;
    left = { element, words: name(element), top, place, index: articles().indexOf(element.closest("article")) };
  });
  document.addEventListener("htmx:after:swap", () => {
    const isLost = document.activeElement === document.body && left && !left.element.isConnected;
    const next = isLost ? successor(left) : null;
    if (next?.matches("article")) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
    if (isLost) left = null;
  });
}
