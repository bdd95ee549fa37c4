// The text of a workflow with line numbers and colours, drawn behind the textarea, which lays out the same letters.
"use strict";
document.addEventListener("arrived", () => {
  const [source, code, drawn] = ["source", "code", "code-lines"].map((id) => document.getElementById(id));
  if (!source) return;
  const words = new Set(code.dataset.words.split(" "));
  const KINDS = {
    comment: /(?<=^|\s)#.*/,
    string: /(?<=^\s*|[-:,[{(=<>]\s*|\b(?:and|or|not|in)\s+)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?)/,
    key: /(?<=^[\s-]*|[{,]\s*)[\w-]+(?=\s*:(?:\s|$))/,
    step: /(?<=\b(?:go|next|collect|generate|id):\s*)[\w-]+/,
    number: /(?<=[:,[<>=]\s*)(?:-?\d[\d.]*|true|false|yes|no|null)(?=\s*(?:$|[\],}#]|and\b|or\b))/,
  };
  const named = Object.keys(KINDS).map((kind) => `(?<${kind}>${KINDS[kind].source})`);
  const TOKEN = new RegExp(named.join("|"), "g");
  const span = (className, ...children) => {
    const element = Object.assign(document.createElement("span"), { className });
    element.append(...children);
    return element;
  };
  // Draws a line, and notes how the next begins: in a block of text that is indented by more than so many spaces, or afresh.
  const row = (line, begun) => {
    const text = span("code__text");
    // Answers are named inside texts, too.
    const add = (part, kind) => {
      for (const piece of part.split(/(\{\{.*?\}\})/))
        text.append(span(`code__${piece.startsWith("{{") ? "answer" : kind}`, piece));
    };
    const isBlock = begun !== "" && (!line.trim() || line.search(/\S/) > begun);
    const next = isBlock ? begun : /:\s*[|>][-+\d]*\s*(?:#.*)?$/.test(line) ? line.search(/[^\s-]/) : "";
    let at = isBlock ? line.length : 0;
    add(line.slice(0, at), "string");
    for (const { 0: part, groups, index } of line.matchAll(TOKEN)) {
      if (index < at) continue;
      const kind = Object.keys(KINDS).find((name) => groups[name]);
      add(line.slice(at, index));
      add(part, kind === "key" && !words.has(part) ? "name" : kind);
      at = index + part.length;
    }
    add(line.slice(at));
    return Object.assign(span("code__line", text), { line, begun, next });
  };
  // Only lines that differ are drawn again, or begin differently: those above the first change and below the last one stay.
  const draw = () => {
    const [lines, rows] = [source.value.split("\n"), [...drawn.children]];
    let [first, last, begun] = [0, 0, ""];
    while (first < lines.length && rows[first]?.line === lines[first]) first++;
    while (last < Math.min(lines.length, rows.length) - first && rows.at(-1 - last).line === lines.at(-1 - last)) last++;
    for (const old of rows.slice(first, rows.length - last)) old.remove();
    lines.forEach((line, at) => {
      const here = drawn.children[at];
      if (at >= first && at < lines.length - last) drawn.insertBefore(row(line, begun), here ?? null);
      else if (here.begun !== begun) here.replaceWith(row(line, begun));
      begun = drawn.children[at].next;
    });
  };
  source.addEventListener("input", draw);
  draw();
});
