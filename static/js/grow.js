// The open end of the answer grows: the server says only what of its markup has changed, counted from its end.
"use strict";
{
  const SIGNS = { n: "\n", c: "<x-c></x-c>" };
  let shown = "", tail = null;
  const parsed = (markup) => Object.assign(document.createElement("template"), { innerHTML: markup }).content;
  const reword = (text, words) => {
    let same = 0;
    for (const was = text.data; same < was.length && was[same] === words[same];) same++;
    text.replaceData(same, text.length, words.slice(same));
  };
  // Up to the first difference everything stays, behind it everything is new: nothing is taken for what stood elsewhere.
  const graft = (place, fresh) => {
    const old = [...place.childNodes], now = [...fresh.childNodes], differs = now.findIndex((node, at) => !old[at]?.isEqualNode(node));
    let at = differs < 0 ? now.length : differs;
    const [was, is] = [old[at], now[at]];
    if (was instanceof Text && is?.nodeName === "#text") reword(was, now[at++].data);
    else if (is && was?.cloneNode().isEqualNode(is.cloneNode())) graft(was, now[at++]);
    for (const node of old.slice(at)) node.remove();
    place.append(...now.slice(at));
  };
  // A browser takes what moves out of the selection. One that ends at the tail itself, not within, would count other children.
  const release = (nodes) => {
    const { anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed } = getSelection();
    tail.before(...nodes);
    if (!isCollapsed && ![anchorNode, focusNode].includes(tail)) getSelection().setBaseAndExtent(anchorNode, anchorOffset, focusNode, focusOffset);
  };
  // What is finished leaves the tail, upwards.
  const redraw = (finished) => {
    const fresh = parsed(shown.slice(0, finished)), nodes = fresh.childNodes.length;
    shown = shown.slice(finished);
    fresh.append(parsed(shown));
    graft(tail, fresh);
    const sealed = [...tail.childNodes].slice(0, nodes);
    release(sealed);
    tail.classList.toggle("tail--cursor", shown.includes("<x-c>"));
    return sealed.filter((node) => node.matches);
  };
  // Words at the cursor need nothing else.
  const add = (cursor, words) => (cursor?.previousSibling instanceof Text ? cursor.previousSibling.appendData(words) : cursor?.before(words));
  const take = (numbers, markup) => {
    const [back, keep, left] = numbers.split(" ").map(Number), cursor = shown.lastIndexOf("<x-c>");
    if (numbers) shown = shown.slice(0, -back || shown.length) + markup + (keep ? shown.slice(-keep) : "");
    else shown = shown.slice(0, cursor) + markup + shown.slice(cursor);
    return numbers ? redraw(left === undefined ? 0 : shown.length - left) : add(tail.querySelector("x-c"), parsed(markup).textContent);
  };
  document.addEventListener("htmx:sse:before:message", (event) => {
    const { event: name, data } = event.detail.message, edit = !name && data.match(/^([\d ]*)\|([^]*)$/);
    if (edit) event.preventDefault(); else return;
    if (!tail?.id || !tail.isConnected) tail = document.querySelector(".tail[id]");
    const sealed = tail && take(edit[1], edit[2].replace(/\\(.)/g, (_, sign) => SIGNS[sign] ?? sign));
    document.dispatchEvent(new CustomEvent("grown", { detail: sealed ?? [] }));
  });
  // So does what stands in it when the answer has ended.
  document.addEventListener("htmx:before:swap", ({ detail }) => {
    const last = tail && detail.tasks.find(({ target }) => target === tail);
    if (!last) return;
    graft(tail, last.fragment);
    last.fragment.replaceChildren();
    release([...tail.childNodes]);
  });
}
