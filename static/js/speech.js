// Gives quoted speech in chats with characters its own color. The browser paints ranges of the text, so the page stays the same.
if (globalThis.Highlight) {
  const BLOCKS = ".message-text :is(p, li, blockquote, summary, td, th, dd, h1, h2, h3, h4, h5, h6):not(.calls *)";
  const SILENT = `code, pre, math, button, ${BLOCKS}`,
    MOST_CHARS = 20000;
  // Straight quotes count from a word's edge, so that inches and seconds don't.
  const QUOTES = /(?<![\p{L}\p{N}])"[^"]+"(?![\p{L}\p{N}])|„[^“”„]+[“”]|“[^“”]+”|«[^«»]+»|»[^«»]+«|「[^「」]+」|『[^『』]+』/gu;
  const spoken = new Highlight(),
    known = new WeakMap(),
    waiting = new Set();

  // The texts of a block, without those of blocks and code inside it.
  const texts = (node) => {
    const inside = [...node.childNodes].filter((each) => !each.matches?.(SILENT));
    return inside.flatMap((each) => (each.nodeType === Node.TEXT_NODE ? [each] : texts(each)));
  };
  const place = (nodes, at) => {
    const node = nodes.find(({ length }) => at <= length || void (at -= length));
    return [node, at];
  };
  const look = (block) => {
    known.get(block)?.forEach((range) => void spoken.delete(range));
    const nodes = block.isConnected ? texts(block) : [],
      text = nodes.map((node) => node.data).join("");
    const found = text.length > MOST_CHARS ? [] : [...text.matchAll(QUOTES)];
    known.set(
      block,
      found.map(({ 0: { length }, index }) => {
        const range = new Range();
        range.setStart(...place(nodes, index));
        range.setEnd(...place(nodes, index + length));
        spoken.add(range);
        return range;
      }),
    );
  };
  const lookAll = () => {
    // What was removed from the page leaves an empty range.
    for (const range of spoken) if (range.collapsed) spoken.delete(range);
    waiting.forEach(look);
    waiting.clear();
  };
  const wait = (node) => {
    if (!waiting.size) requestAnimationFrame(lookAll);
    const block = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    for (const each of [block?.closest(BLOCKS), ...(block?.querySelectorAll(BLOCKS) ?? [])]) if (each) waiting.add(each);
  };
  const changed = ({ target, addedNodes }) => {
    if (target.nodeType === Node.TEXT_NODE || target.closest(BLOCKS)) wait(target);
    addedNodes.forEach(wait);
  };
  CSS.highlights.set("speech", spoken);
  const watched = { childList: true, characterData: true, subtree: true },
    observer = new MutationObserver((changes) => changes.forEach(changed));
  // The page that one comes to from a chat with characters can be one without.
  const begin = () => {
    const main = document.querySelector("main[data-later=speech]");
    observer.disconnect();
    if (!main) return;
    wait(main);
    observer.observe(main, watched);
  };
  begin();
  document.addEventListener("arrived", begin);
}
