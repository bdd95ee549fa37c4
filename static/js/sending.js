// Shows a message at the end of the page while it is being sent; if that fails, its text returns to the box.
{
  const box = () => document.getElementById("composer-text"),
    // The number of messages need not grow: of a long chat, a page that connects again gets only the newest.
    last = () => document.querySelector("#thread > article:last-of-type")?.id;
  // A text that came back is sent with its key once more: the server can have stored it before its response was lost.
  let [sent, before, returned] = ["", "", {}];
  millrace.keyOf = (words) => (words === returned.words ? returned.key : (box().form.key?.value ?? ""));
  document.addEventListener("input", () => box()?.value !== returned.words && (returned = {}));
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
    detail.ctx.request.body.set("key", millrace.keyOf((sent = box().value)));
    show(sent);
    box().value = "";
  });
  document.addEventListener("arrived", () => void (sent = ""));
  document.addEventListener("htmx:after:swap", () => document.querySelector("#sending p") && last() !== before && show(""));
  for (const each of ["htmx:after:request", "htmx:error"])
    document.addEventListener(each, ({ target, detail }) => {
      if (target.id !== "composer" || !sent) return;
      const words = sent;
      sent = "";
      returned = {};
      if (detail.ctx?.response?.status < 400) return;
      if (detail.error && millrace.takes?.(detail.ctx)) return show("");
      if (!box().value) returned = { words, key: detail.ctx?.request.body.get("key") };
      box().value = [words, box().value].filter(Boolean).join("\n");
      // A proxy in between may have responded, without a toast.
      const isBare = !detail.error && !detail.ctx.text.includes("<hx-partial");
      if (isBare) millrace.toast(_("Couldn't send your message. Your text is still here. Please try again."));
      box().dispatchEvent(new Event("input", { bubbles: true }));
      show("");
    });
}
