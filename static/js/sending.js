// Shows a message at the end of the page while it is being sent; if that fails, its text returns to the box.
"use strict";
{
  const box = () => document.getElementById("composer-text"),
    // The number of messages need not grow: of a long chat, a page that connects again gets only the newest.
    last = () => document.querySelector("#thread > article:last-of-type")?.id;
  let sent = "",
    before = "";
  const show = (words) => {
    const place = document.getElementById("sending");
    place.hidden = !words;
    place.replaceChildren(document.getElementById("sending-shape").content.cloneNode(true));
    place.querySelector("p").textContent = words;
    if (!words) place.replaceChildren();
  };
  document.addEventListener("htmx:before:request", ({ target, detail }) => {
    if (target.id !== "composer" || !/\/(messages|chats)$/.test(detail.ctx.request.action)) return;
    before = last();
    show((sent = box().value));
    box().value = "";
  });
  document.addEventListener("arrived", () => void (sent = ""));
  document.addEventListener("htmx:after:swap", () => document.querySelector("#sending p") && last() !== before && show(""));
  for (const each of ["htmx:after:request", "htmx:error"])
    document.addEventListener(each, ({ target, detail }) => {
      if (target.id !== "composer" || !sent) return;
      const words = sent;
      sent = "";
      if (detail.ctx?.response?.status < 400) return;
      if (detail.error && millrace.takes?.(detail.ctx)) return show("");
      if (!box().value.startsWith(words)) box().value = words + box().value;
      // A proxy in between may have responded, without a toast.
      const isBare = !detail.error && !detail.ctx.text.includes("<hx-partial");
      if (isBare) millrace.toast(_("Couldn't send your message. Your text is still here. Please try again."));
      box().dispatchEvent(new Event("input", { bubbles: true }));
      show("");
    });
}
