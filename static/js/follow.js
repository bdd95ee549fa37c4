// Keeps the page at its end while text arrives, if the reader is there; otherwise a button says that there is new text.
// Keeps the reader's place when earlier messages are inserted above, in every browser.
{
  const NEAR = 64;
  let isFollowing = true,
    hasMore = false,
    hasSent = false,
    height = 0,
    place = 0,
    left = 0;

  const page = document.documentElement;
  const distance = () => page.scrollHeight - innerHeight - scrollY;
  const pill = () => document.getElementById("below");
  const show = () => {
    if (!pill()) return;
    hasMore &&= !isFollowing;
    pill().classList.toggle("below--new", hasMore);
    pill().hidden = isFollowing || !(hasMore || distance() > innerHeight);
  };
  const goToEnd = () => {
    if (!pill()) return;
    isFollowing = true;
    show();
    scrollTo({ top: page.scrollHeight, behavior: "instant" });
    place = scrollY;
  };

  const grown = (entries) => {
    const now = entries[0].contentRect.height;
    // Who wants to stay where they are sees their own message, and then goes down by themselves.
    if (page.dataset.scrolling && millrace.isRunning() && !hasSent) isFollowing &&= now <= height;
    if (now > height && isFollowing) goToEnd();
    else if (now > height + 1 && millrace.isRunning()) hasMore = distance() >= NEAR;
    show();
    height = now;
  };

  document.addEventListener("click", (event) => {
    if (!event.target.closest("#below")) return;
    event.preventDefault();
    goToEnd();
  });
  addEventListener("scroll", () => {
    // Only the reader goes up. More text may have arrived after scrolling to the end, and before this is called.
    isFollowing = (isFollowing && scrollY >= place) || distance() < NEAR;
    place = scrollY;
    show();
  });
  document.addEventListener("grown", () => (hasSent = false));
  const observer = new ResizeObserver(grown);
  // A page that one goes back to, of which is known where it stood, isn't followed to its end.
  document.addEventListener("arrived", ({ detail: y }) => {
    [isFollowing, hasMore] = [false, false];
    height = document.body.getBoundingClientRect().height;
    if (typeof y !== "number" && /^(#end)?$/.test(location.hash)) goToEnd();
    else isFollowing = Boolean(pill()) && distance() < NEAR;
    observer.observe(document.body);
  });
  // Opening something in the text stops the scrolling, so that it can be read. The panel is beside it.
  document.addEventListener("click", ({ target }) => {
    const beside = millrace.isRunning() ? "" : ", [data-panel]";
    isFollowing &&= !target.closest(`.message :is(summary, [formaction$="/edit"]${beside})`);
  });
  document.addEventListener("htmx:before:swap", ({ target }) => (left = target.closest?.("#earlier") ? distance() : 0));
  document.addEventListener("htmx:after:swap", () => {
    scrollBy({ top: left && distance() - left, behavior: "instant" });
    left = 0;
  });
  // Sending a message scrolls to the end.
  document.addEventListener("htmx:before:request", ({ target, detail }) => {
    if (target.id !== "composer" || /remove$/.test(detail.ctx.request.action)) return;
    hasSent = true;
    goToEnd();
  });
}
