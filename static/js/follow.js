// The page stays at its end while text arrives, but only for who is there; others are told that there is more.
"use strict";
{
  const NEAR = 64;
  let isFollowing = true, height = 0;

  const page = document.documentElement;
  const isAtEnd = () => page.scrollHeight - innerHeight - scrollY < NEAR;
  const pill = () => document.getElementById("below");
  const goToEnd = () => {
    isFollowing = true;
    pill().hidden = true;
    scrollTo({ top: page.scrollHeight, behavior: "instant" });
  };

  const grown = (entries) => {
    const now = entries[0].contentRect.height;
    if (now > height && isFollowing) goToEnd();
    else if (now > height + 1 && millrace.isRunning()) pill().hidden = isAtEnd();
    height = now;
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (!pill()) return;
    pill().addEventListener("click", (event) => { event.preventDefault(); goToEnd(); });
    addEventListener("scroll", () => {
      isFollowing = isAtEnd();
      if (isFollowing) pill().hidden = true;
    }, { passive: true });
    height = document.body.getBoundingClientRect().height;
    if (!location.hash || location.hash === "#end") goToEnd();
    new ResizeObserver(grown).observe(document.body);
  });
  // Who sends wants to see what comes.
  document.addEventListener("htmx:before:request", (event) => { if (event.target.id === "composer") goToEnd(); });
}
