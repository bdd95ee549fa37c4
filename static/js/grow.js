// Updates the unfinished end of an answer: the server sends only changes to its markup, counted from its end.
{
  const SIGNS = { n: "\n", c: "<x-c></x-c>" };
  const GROUP = 50;
  let [shown, tail, at] = ["", null, ""];
  // Of answers side by side, each edit begins with the id of its message.
  const others = new Map();
  const turn = (id) => {
    if (id === at) return;
    others.set(at, [shown, tail]);
    [shown, tail, at] = [...(others.get(id) ?? ["", null]), id];
  };
  const parsed = (markup) => Object.assign(document.createElement("template"), { innerHTML: markup }).content;
  const reword = (text, words) => {
    let same = 0;
    for (const was = text.data; same < was.length && was[same] === words[same]; ) same++;
    text.replaceData(same, text.length, words.slice(same));
  };
  // Keeps everything before the first difference and replaces everything after it.
  const graft = (place, fresh) => {
    const old = [...place.childNodes],
      now = [...fresh.childNodes];
    const differs = now.findIndex((node, at) => !old[at]?.isEqualNode(node));
    let at = differs < 0 ? now.length : differs;
    const [was, is] = [old[at], now[at]];
    if (was instanceof Text && is?.nodeName === "#text") reword(was, now[at++].data);
    else if (is && was?.cloneNode().isEqualNode(is.cloneNode())) graft(was, now[at++]);
    for (const node of old.slice(at)) node.remove();
    place.append(...now.slice(at));
  };
  // Browsers lay out all siblings of what grows, so a long text is split into groups.
  const place = (node) => {
    const last = tail.previousElementSibling,
      isOpen = last?.matches(".group") && last.childElementCount < GROUP;
    if (isOpen) return last.append(node);
    if (!last?.matches(".group") && tail.parentElement.childElementCount <= GROUP) return tail.before(node);
    const group = Object.assign(document.createElement("div"), { className: "group" });
    tail.before(group);
    group.append(node);
  };
  // Browsers drop moved nodes from the selection; asked for it after a change, they lay out at once. At the tail it isn't kept.
  const release = (nodes, isSelected = true) => {
    const { anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed } = isSelected ? getSelection() : { isCollapsed: true };
    for (const node of nodes) place(node);
    if (isCollapsed || [anchorNode, focusNode].includes(tail)) return;
    getSelection().setBaseAndExtent(anchorNode, anchorOffset, focusNode, focusOffset);
  };
  // A page that opens late, or a continued text, has no groups yet.
  const gather = () => {
    const text = tail.parentElement;
    if (text.querySelector(".group") || text.childElementCount <= 2 * GROUP) return;
    text.prepend(tail);
    release([...text.childNodes].slice(1));
  };
  // Keeps opened details open.
  const unfold = (fresh) => {
    const now = fresh.querySelectorAll("details");
    tail.querySelectorAll("details").forEach((each, at) => void now[at]?.toggleAttribute("open", each.open));
  };
  // Moves finished blocks out of the tail.
  const redraw = (finished, isSelected = !getSelection().isCollapsed) => {
    const fresh = parsed(shown.slice(0, finished)),
      nodes = fresh.childNodes.length;
    shown = shown.slice(finished);
    fresh.append(parsed(shown));
    unfold(fresh);
    graft(tail, fresh);
    const sealed = [...tail.childNodes].slice(0, nodes);
    release(sealed, isSelected);
    tail.classList.toggle("tail--cursor", shown.includes("<x-c>"));
    return sealed.filter((node) => node.matches);
  };
  // Fast path: plain words at the cursor.
  const add = (cursor, words) => {
    if (cursor?.previousSibling instanceof Text) cursor.previousSibling.appendData(words);
    else cursor?.before(words);
  };
  const take = (numbers, markup) => {
    const [back, keep, left] = numbers.split(" ").map(Number),
      cursor = shown.lastIndexOf("<x-c>");
    if (numbers) shown = shown.slice(0, -back || shown.length) + markup + (keep ? shown.slice(-keep) : "");
    else shown = shown.slice(0, cursor) + markup + shown.slice(cursor);
    if (numbers) return redraw(left === undefined ? 0 : shown.length - left);
    return add(tail.querySelector("x-c"), parsed(markup).textContent);
  };
  document.addEventListener("arrived", () => {
    [shown, tail, at] = ["", null, ""];
    others.clear();
  });
  document.addEventListener("htmx:sse:before:message", (event) => {
    const { event: name, data } = event.detail.message,
      [edit, id = "", numbers, markup] = (!name && data.match(/^(?:(\w+):)?([\d ]*)\|([\s\S]*)$/)) || [];
    if (edit) event.preventDefault();
    else return;
    turn(id);
    if (!tail?.id || !tail.isConnected) {
      tail = document.querySelector(id ? `#message-${id}-tail` : ".tail[id]");
      if (tail) gather();
    }
    const sealed =
      tail &&
      take(
        numbers,
        markup.replace(/\\(.)/g, (_, sign) => SIGNS[sign] ?? sign),
      );
    (tail ?? document).dispatchEvent(new CustomEvent("grown", { detail: sealed ?? [], bubbles: true }));
  });
  // The same for the last blocks when the answer ends.
  document.addEventListener("htmx:before:swap", ({ detail }) => {
    const last = detail.tasks.find(({ target }) => target?.matches?.(".tail[id]"));
    if (last && others.has(last.target.id.slice(8, -5))) turn(last.target.id.slice(8, -5));
    if (!last || last.target !== tail) return;
    unfold(last.fragment);
    graft(tail, last.fragment);
    last.fragment.replaceChildren();
    release([...tail.childNodes]);
  });
}
