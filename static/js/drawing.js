// Draws diagrams and SVG images in the place of their source, each in a frame of its own. Their height is reserved before.
const drawings = new WeakMap();
const frameOf = (link) => {
  const { theme = "", contrast = "" } = document.documentElement.dataset,
    frame = document.createElement("iframe");
  Object.assign(frame, { className: "drawn", loading: "lazy", referrerPolicy: "no-referrer" });
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = `${link.href.replace("/preview?", "/frame?")}&fit&theme=${theme}&contrast=${contrast}`;
  return frame;
};
const save = (svg) => {
  const href = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  Object.assign(document.createElement("a"), { href, download: "drawing.svg" }).click();
  setTimeout(URL.revokeObjectURL, 1_000, href);
};
const equip = (place) => {
  for (const link of place.querySelectorAll(".code > header > [data-draw]")) {
    const block = link.closest(".code"),
      tools = link.parentElement.shadowRoot?.querySelector("span");
    if (!tools || block.querySelector(".drawn")) continue;
    const frame = frameOf(link),
      word = /^svg$/i.test(link.parentElement.querySelector("span").textContent) ? "Image" : "Diagram";
    frame.title = word;
    link.textContent = "Enlarge";
    const add = (words, label, onclick) => {
      const button = Object.assign(document.createElement("button"), { type: "button", part: "copy", onclick });
      [button.textContent, button.ariaLabel] = [words, label];
      tools.prepend(button);
      return button;
    };
    add("SVG", "Download as SVG", () => save(drawings.get(frame.contentWindow) ?? block.querySelector("pre").textContent));
    const change = add(word, "", () => show(!block.classList.contains("code--drawn")));
    const show = (isDrawn) => {
      block.classList.toggle("code--drawn", isDrawn);
      [change.textContent, change.ariaLabel] = isDrawn ? ["Source", "Show the source"] : [word, `Show the ${word.toLowerCase()}`];
    };
    // The source is shown until the frame has something to show.
    frame.addEventListener("load", () => show(true), { once: true });
    block.append(frame);
  }
};
// What was drawn, from the frame that drew it.
addEventListener("message", ({ data, source }) => {
  if (source && typeof data === "string") drawings.set(source, data);
});
for (const each of ["arrived", "htmx:after:swap"]) document.addEventListener(each, () => equip(document));
document.addEventListener("grown", ({ detail }) => detail.forEach(equip));
equip(document);
