// Completions in the text of a workflow: the request sends the caret's position, and the chosen one is inserted there.
"use strict";
document.addEventListener("arrived", () => {
  const source = document.getElementById("source"),
    found = document.getElementById("completions");
  if (!source) return;
  // Counts code points, as the server does.
  const place = () => {
    source.form.elements.at.value = [...source.value.slice(0, source.selectionStart)].length;
  };
  for (const event of ["input", "click", "keyup"]) source.addEventListener(event, place);
  source.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.ctrlKey) return;
    event.preventDefault();
    found.querySelector("button")?.focus();
  });
  found.addEventListener("keydown", ({ key }) => key === "Escape" && source.focus());
  found.addEventListener("click", ({ target }) => {
    const rest = target.closest("[data-rest]")?.dataset.rest;
    if (!rest) return;
    source.focus();
    // Only this way of inserting can be undone.
    document.execCommand("insertText", false, rest);
  });
});
