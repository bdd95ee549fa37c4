// Indentation in a text: Enter keeps it, Tab and Shift + Tab change it. Tab leaves the field after Esc, and before anything is typed.
"use strict";
document.addEventListener("arrived", () => {
  const source = document.getElementById("source");
  let leaves = true;
  // Only this way of inserting can be undone.
  const put = (start, end, text) => {
    source.setSelectionRange(start, end);
    document.execCommand(text ? "insertText" : "delete", false, text);
  };
  const shift = (by) => {
    const { selectionStart: start, selectionEnd: end, value } = source;
    const first = value.lastIndexOf("\n", start - 1) + 1;
    if (by > 0 && start === end) return put(start, end, " ".repeat(2 - ((start - first) % 2)));
    const last = Math.max(end - (end > start && value[end - 1] === "\n" ? 1 : 0), first);
    const behind = value.indexOf("\n", last) < 0 ? value.length : value.indexOf("\n", last);
    const before = value.slice(first, behind);
    const after = before.replace(by > 0 ? /^(?=.)/gm : /^ {1,2}/gm, by > 0 ? "  " : "");
    if (after === before) return undefined;
    const moved = before.split("\n")[0].length - after.split("\n")[0].length;
    put(first, behind, after);
    const more = after.length - before.length;
    return source.setSelectionRange(Math.max(first, start - moved), start === end ? Math.max(first, start - moved) : end + more);
  };
  const breakLine = () => {
    const { selectionStart: at, selectionEnd: end, value } = source;
    const line = value.slice(value.lastIndexOf("\n", at - 1) + 1, at);
    const [indent, dash] = /^ *((?:- +)*)/.exec(line);
    if (line.trim() === "-") return put(at - line.length, end, "");
    return put(at, end, `\n${" ".repeat(indent.length)}${/(?:^|[^:]):$|[|>]-?$/.test(line.trimEnd()) && !dash ? "  " : ""}`);
  };
  source?.addEventListener("keydown", (event) => {
    const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || millrace.isComposing(event));
    const acts = isPlain && ((event.key === "Tab" && !leaves) || (event.key === "Enter" && !event.shiftKey));
    leaves = event.key === "Escape" || (leaves && ["Tab", "Shift"].includes(event.key));
    if (!acts) return;
    event.preventDefault();
    if (event.key === "Enter") breakLine();
    else shift(event.shiftKey ? -1 : 1);
  });
  source?.addEventListener("pointerdown", () => (leaves = false));
  source?.addEventListener("blur", () => (leaves = true));
});
