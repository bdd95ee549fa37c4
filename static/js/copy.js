// Copies messages, adds buttons to finished code blocks, and draws diagrams.
{
  const oldWay = (text) => {
    // Without https there is no clipboard API.
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  const copy = async (text, button) => {
    await (navigator.clipboard ? navigator.clipboard.writeText(text) : oldWay(text));
    const words = button.querySelector("span") ?? button;
    const before = (button.dataset.words ??= words.textContent);
    words.textContent = _("Copied");
    setTimeout(() => (words.textContent = before), 1500);
  };
  const failed = () => millrace.toast(_("Couldn't copy. Select the text and copy it manually."));

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const answer = button.value ? new Response(button.value) : await fetch(button.dataset.copy).catch(() => null);
    if (!answer?.ok) return failed();
    copy(await answer.text(), button).catch(failed);
  });

  // Copies formulas of a selection as LaTeX: a rendered fraction would be just two letters.
  document.addEventListener("copy", (event) => {
    const chosen = getSelection(),
      place = document.createElement("div");
    if (!chosen.rangeCount || event.target.matches?.("input, textarea")) return;
    place.append(chosen.getRangeAt(0).cloneContents());
    const formulas = place.querySelectorAll("math[alttext]");
    if (!formulas.length) return;
    for (const each of formulas) {
      const mark = each.getAttribute("display") === "block" ? "$$" : "$";
      each.replaceWith(mark + each.getAttribute("alttext") + mark);
    }
    document.body.append(place);
    event.clipboardData.setData("text/plain", place.innerText);
    event.clipboardData.setData("text/html", place.innerHTML);
    place.remove();
    event.preventDefault();
  });

  // In a shadow root, so that the text of a message stays exactly what the server rendered.
  const add = (place, textContent, ariaLabel, onclick) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", part: "copy", textContent, ariaLabel, onclick });
    place.append(button);
    return button;
  };
  // Draws a diagram in the place of its source, as high as that, in a frame of its own. Shown once it has something to show.
  const draw = (link, block, button) => {
    const show = (isDrawn) => {
      block.classList.toggle("code--drawn", isDrawn);
      [button.textContent, button.ariaLabel] = isDrawn
        ? [_("Source"), _("Show the source")]
        : [_("Diagram"), _("Show the diagram")];
    };
    button.onclick = () => show(!block.classList.contains("code--drawn"));
    link.textContent = _("Enlarge");
    // Only its page has a ticket for the frame, and for a short time: it is fetched once the block is about to be seen.
    const place = async ([{ isIntersecting }], watcher) => {
      if (!isIntersecting) return;
      watcher.disconnect();
      const html = await millrace.fragment(`${link.href}&view=drawn`, {}, true),
        frame = document.createRange().createContextualFragment(html).querySelector("iframe");
      const look = { className: "drawn", sandbox: "allow-scripts", onload: () => show(true) };
      if (frame) block.append(Object.assign(frame, look, { src: `${frame.src}&fit` }));
    };
    new IntersectionObserver(place, { rootMargin: "1000px" }).observe(block);
  };
  millrace.equip = (place) => {
    for (const header of place.querySelectorAll(".code > header")) {
      // A redrawn header doesn't know that lines are wrapped.
      if (header.shadowRoot?.querySelector("[aria-pressed=true]")) header.parentElement.classList.add("code--wrapped");
      if (header.shadowRoot || header.closest(".tail")) continue;
      const block = header.parentElement,
        link = header.querySelector("[data-draw]"),
        buttons = Object.assign(document.createElement("span"), { part: "tools" });
      if (link) draw(link, block, add(buttons, _("Diagram"), _("Show the diagram")));
      const wrap = add(buttons, _("Wrap"), _("Wrap lines"), () => (wrap.ariaPressed = block.classList.toggle("code--wrapped")));
      Object.assign(wrap, { ariaPressed: false, part: "copy wrap" });
      const button = add(buttons, _("Copy"), _("Copy code"), () =>
        copy(block.querySelector("pre").textContent, button).catch(failed),
      );
      header.attachShadow({ mode: "open" }).append(document.createElement("slot"), buttons);
    }
  };
  for (const each of ["arrived", "htmx:after:swap"]) document.addEventListener(each, () => millrace.equip(document));
  document.addEventListener("grown", ({ detail }) => detail.forEach(millrace.equip));
}
