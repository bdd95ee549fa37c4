// Follows links within the frame: the body of the next page is swapped in, style sheets and scripts stay. What can't be swapped
// is loaded as a whole. A page is fetched ahead when the pointer rests on its link in the sidebar, one at a time.
{
  const REST = 65,
    FRESH = 5000,
    LINK = "a[href]:not([download], [target], [hx-get], [data-panel], [data-over], .chats__more)";
  const address = ({ pathname, search }) => pathname + search;
  let [here, going, ahead, resting] = [address(location), null, null, 0];
  const begin = (url) => {
    const ending = new AbortController();
    const page = fetch(url, { headers: { Accept: "text/html" }, signal: ending.signal }).then(async (answer) => {
      // A redirect doesn't tell where in its page it leads.
      const html = answer.ok && !answer.redirected && (await millrace.html(answer));
      // What a page may use is decided when a document is loaded: one without a microphone never gets it.
      const isMute = document.featurePolicy?.allowsFeature("microphone") === false;
      const speaks = answer.headers.get("Permissions-Policy")?.includes("microphone=(self)");
      if (html && !(isMute && speaks)) return html;
      throw ending.abort();
    });
    page.catch(() => {});
    return { url, page, ending, at: Date.now() };
  };
  const isReady = (url) => ahead?.url === url && Date.now() - ahead.at < FRESH;
  const fetchAhead = (url) => {
    if (isReady(url) || navigator.connection?.saveData) return;
    ahead?.ending.abort();
    ahead = begin(url);
  };
  // Sheets are loaded for no medium, so that the page that is left keeps its looks.
  const load = (part) => {
    const place = part.src ? "src" : "href";
    if (document.head.querySelector(`[${place}="${part.getAttribute(place)}"]`)) return null;
    const copy = document.createElement(part.localName);
    for (const { name, value } of part.attributes) copy.setAttribute(name, value);
    if (part.rel) copy.media = "not all";
    return new Promise((onload, onerror) => document.head.append(Object.assign(copy, { async: false, onload, onerror })));
  };
  const swap = ({ head, body, title }) => {
    for (const sheet of document.head.querySelectorAll("link[rel=stylesheet]")) {
      if (head.querySelector(`[href="${sheet.getAttribute("href")}"]`)) sheet.media = "";
      else sheet.remove();
    }
    // Ends streams and whatever else htmx has begun: what is ignored is cleaned up, and not begun again.
    for (const stream of document.querySelectorAll("[hx-sse\\:connect]")) stream.dispatchEvent(new Event("htmx:abort"));
    for (const part of document.body.children) {
      part.setAttribute("hx-ignore", "");
      htmx.process(part, true);
    }
    const [list, wishes] = [document.getElementById("sidebar-chats"), body.querySelectorAll("[autofocus]")],
      scrollTop = list?.scrollTop;
    // Browsers complain about a wish for the focus that comes late.
    for (const field of wishes) field.autofocus = false;
    document.body.replaceChildren(...body.childNodes);
    for (const field of wishes) field.autofocus = true;
    document.title = title;
    millrace.keepRows(list, scrollTop);
  };
  // Remembers how far down this page stands, and makes the next one's entry in the history.
  const note = (next) => {
    history.replaceState({ y: scrollY }, "");
    if (next) history.pushState({}, "", next);
  };
  // `y` is where a page stood that one goes back to.
  const show = async (html, { href, hash }, y) => {
    const page = new DOMParser().parseFromString(html, "text/html"),
      [script, ours] = [page, document].map(({ head }) => head.querySelector("script[src]").src);
    if (!page.querySelector(".frame") || script !== ours) throw new TypeError("another frame");
    await Promise.all([...page.head.querySelectorAll("link[rel=stylesheet], script[src]")].map(load));
    dispatchEvent(new Event("pagehide"));
    here = address(new URL(href));
    history.scrollRestoration = "manual";
    if (y === undefined) note(here);
    swap(page);
    if (hash && y === undefined) location.replace(hash);
    else scrollTo({ top: y ?? 0, behavior: "instant" });
    document.dispatchEvent(new CustomEvent("arrived", { bubbles: true, detail: y }));
    if (y) scrollTo({ top: y, behavior: "instant" });
    htmx.process(document.body);
    const first = document.querySelector("main [autofocus]:not([popover] *, dialog *)") ?? document.getElementById("main");
    if (document.activeElement === document.body) first.focus({ preventScroll: true });
  };
  const go = async ({ href, hash }, y) => {
    const url = href.split("#")[0];
    clearTimeout(resting);
    going?.ending.abort();
    const mine = (going = isReady(url) ? ahead : begin(url));
    ahead = null;
    const page = await mine.page.catch(() => null);
    if (mine !== going) return;
    going = null;
    await (page ? show(page, { href, hash }, y) : Promise.reject()).catch(() =>
      y === undefined ? location.assign(href) : location.reload(),
    );
  };
  const isHeld = () => !dispatchEvent(new Event("beforeunload", { cancelable: true }));
  millrace.mayLeave = () => !isHeld() || confirm(_("Leave this page? Your changes won't be saved."));
  const linkOf = ({ target }) => {
    const link = target.closest?.(LINK);
    return link?.origin === location.origin && address(link) !== here && document.querySelector(".frame") ? link : null;
  };
  // Last of all, as a script or htmx can have taken the click. A message that is being sent opens its chat itself.
  addEventListener("click", (event) => {
    const link = millrace.isPlain(event) && linkOf(event);
    if (!link || isHeld() || document.querySelector("#composer.htmx-request")) return;
    event.preventDefault();
    go(link);
  });
  addEventListener("popstate", ({ state }) => {
    if (address(location) === here) return;
    if (!millrace.mayLeave()) history.pushState({}, "", here);
    else go(location, state?.y ?? 0);
  });
  const rest = (event) => {
    clearTimeout(resting);
    const link = event.target.closest?.("nav, .back") && linkOf(event);
    if (link) resting = setTimeout(fetchAhead, event.type === "pointerdown" ? 0 : REST, link.href.split("#")[0]);
  };
  for (const event of ["pointerover", "pointerdown", "focusin"]) addEventListener(event, rest, { passive: true });
  addEventListener("scrollend", () => note());
  addEventListener("pagehide", ({ isTrusted }) => isTrusted && (history.scrollRestoration = "auto"));
}
