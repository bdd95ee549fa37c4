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
  const TOKEN = new RegExp(
    Object.entries(KINDS)
      .map(([kind, { source }]) => `(?<${kind}>${source})`)
      .join("|"),
    "g",
  ); // prettier-ignore
  const REST = { '"': /^(?:[^"\\]|\\.)*"?/, "'": /^[^']*'?/ };
  // A line's parts, and how the next begins: inside quotation marks, in a block indented by more than so many spaces, or afresh.
  const read = (line, begun) => {
    const head = begun in REST ? REST[begun].exec(line)[0] : begun && (!line.trim() || line.search(/\S/) > begun) ? line : "";
    const parts = [[head, "string"]];
    if (begun && head === line && head.at(-1) !== begun) return { parts, next: begun };
    let [at, next] = [head.length, /:\s*[|>][-+\d]*\s*(?:#.*)?$/.test(line) ? `${line.search(/[^\s-]/)}` : ""];
    for (const { 0: part, groups, index } of line.matchAll(TOKEN)) {
      if (index < at) continue;
      const kind = Object.keys(KINDS).find((name) => groups[name]);
      parts.push([line.slice(at, index)], [part, kind === "key" && !words.has(part) ? "name" : kind]);
      at = index + part.length;
      if (kind === "string" && (part.length < 2 || part.at(-1) !== part[0])) [next] = part;
    }
    return { parts: [...parts, [line.slice(at)]], next };
  };
  const element = (className, ...children) => {
    const made = Object.assign(document.createElement("span"), { className });
    made.append(...children);
    return made;
  };
  const row = ({ parts }) => {
    // Answers are named inside texts, too.
    const pieces = parts.flatMap(([part, kind]) => part.split(/(\{\{.*?\}\})/).map((piece) => [piece, kind]));
    const spans = pieces.map(([piece, kind]) => element(`code__${piece.startsWith("{{") ? "answer" : kind}`, piece));
    return element("code__line", element("code__text", ...spans));
  };
  // Only the lines from the first to the last change are drawn.
  let [lines, seen] = [[], new Map()];
  const draw = () => {
    const [before, known] = [lines, seen];
    let begun = "";
    seen = new Map();
    lines = source.value.split("\n").map((line) => {
      const key = `${begun}\n${line}`;
      if (!seen.has(key)) seen.set(key, known.get(key) ?? read(line, begun));
      begun = seen.get(key).next;
      return key;
    });
    let [first, last] = [0, 0];
    while (first < lines.length && lines[first] === before[first]) first++;
    while (last < Math.min(lines.length, before.length) - first && lines.at(-1 - last) === before.at(-1 - last)) last++;
    for (const old of [...drawn.children].slice(first, before.length - last)) old.remove();
    const behind = drawn.children[first] ?? null;
    for (const key of lines.slice(first, lines.length - last)) drawn.insertBefore(row(seen.get(key)), behind);
  };
  for (const event of ["input", "changed"]) source.addEventListener(event, draw);
  draw();
});
