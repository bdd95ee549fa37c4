// Typing in the text of a workflow: completions for the caret's position, which the request sends, and indentation. Tab leaves
// the text after Esc, and before anything is typed.
document.addEventListener("arrived", () => {
  const source = document.getElementById("source"),
    found = document.getElementById("completions");
  if (!source) return;
  let leaves = true;
  // Only this way of inserting can be undone.
  const put = (start, end, text) => {
    source.setSelectionRange(start, end);
    document.execCommand(text ? "insertText" : "delete", false, text);
  };
  const shift = (by) => {
    const { selectionStart: start, selectionEnd: end, value } = source;
    if (by > 0 && start === end) return put(start, end, "  ");
    const first = value.lastIndexOf("\n", start - 1) + 1,
      stop = end > start && value[end - 1] === "\n" ? end - 1 : end;
    const before = value.slice(first, stop) + /^.*/.exec(value.slice(stop))[0],
      after = before.replace(by > 0 ? /^(?=.)/gm : /^ {1,2}/gm, by > 0 ? "  " : "");
    if (after !== before) put(first, first + before.length, after);
    const at = Math.max(first, start + after.length - before.length);
    return source.setSelectionRange(start === end ? at : first, start === end ? at : first + after.length);
  };
  const breakLine = () => {
    const { selectionStart: at, selectionEnd: end, value } = source;
    const line = value.slice(value.lastIndexOf("\n", at - 1) + 1, at),
      [indent, dash] = /^ *((?:- +)*)/.exec(line);
    if (line.trim() === "-") return put(at - line.length, end, "");
    return put(at, end, `\n${" ".repeat(indent.length)}${!dash && /(?:^|[^:]):$|[|>]-?$/.test(line.trimEnd()) ? "  " : ""}`);
  };
  // Counts code points, as the server does.
  const place = () => (source.form.elements.at.value = [...source.value.slice(0, source.selectionStart)].length);
  for (const event of ["input", "click", "keyup"]) source.addEventListener(event, place);
  source.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    const isPlain = !(ctrlKey || metaKey || altKey || millrace.isComposing(event));
    const acts = isPlain ? (key === "Tab" && !leaves) || (key === "Enter" && !shiftKey) : key === " " && ctrlKey;
    leaves = key === "Escape" || (leaves && ["Tab", "Shift"].includes(key));
    if (!acts) return;
    event.preventDefault();
    if (key === " ") found.querySelector("button")?.focus();
    else if (key === "Enter") breakLine();
    else shift(shiftKey ? -1 : 1);
  });
  source.addEventListener("pointerdown", () => (leaves = false));
  source.addEventListener("blur", () => (leaves = true));
  found.addEventListener("keydown", ({ key }) => key === "Escape" && source.focus());
  found.addEventListener("click", ({ target }) => {
    const rest = target.closest("[data-rest]")?.dataset.rest;
    if (!rest) return;
    source.focus();
    put(source.selectionStart, source.selectionEnd, rest);
  });
});
