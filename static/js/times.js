// Times become local and stay true; seconds of a running answer are counted.
"use strict";
{
  const STEPS = [[86400, "day"], [3600, "hour"], [60, "minute"]];
  const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

  const ago = (moment) => {
    const seconds = (Date.now() - moment) / 1000;
    if (seconds > 30 * 86400) return day.format(moment);
    const [length, unit] = STEPS.find(([length]) => seconds >= length) ?? [];
    return unit ? relative.format(-Math.floor(seconds / length), unit) : "just now";
  };

  millrace.elapsed = (since) => {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(since)) / 1000));
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  };

  // Remembered here and not in the element: the text of a message stays what the server rendered.
  const seen = new WeakSet();
  const localise = (time) => {
    const moment = new Date(time.dateTime);
    if (!seen.has(time)) time.title = exact.format(moment);
    if ("clock" in time.dataset && time.textContent !== clock.format(moment)) time.textContent = clock.format(moment);
    if ("ago" in time.dataset) time.textContent = ago(moment);
    seen.add(time);
  };
  const all = () => document.querySelectorAll("time[datetime]");
  const count = () => {
    for (const place of document.querySelectorAll("[data-since]")) {
      const past = Date.now() - new Date(place.dataset.since), words = past < 0 ? `in ${Math.ceil(-past / 1000)} s` : past < 3000 ? "" : `\u00a0· ${millrace.elapsed(place.dataset.since)}`;
      if (place.textContent !== words) place.textContent = words;
    }
  };

  const refresh = () => { [...all()].filter((time) => !seen.has(time) || "clock" in time.dataset).forEach(localise); count(); };
  for (const each of ["DOMContentLoaded", "htmx:after:swap", "grown"]) document.addEventListener(each, refresh);
  setInterval(count, 1000);
  setInterval(() => all().forEach(localise), 60000);
}
