// Shows times in the reader's time zone, keeps them up to date, and counts the seconds of a running answer.
// Tells the server that zone, for the greeting of the home page.
{
  const zone = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  if (!document.cookie.split("; ").includes(zone)) document.cookie = `${zone}; path=/; max-age=31536000; samesite=lax`;
  const SILENT = 15000;
  const STEPS = Object.entries({ day: 86400, hour: 3600, minute: 60 });
  const { lang } = document.documentElement,
    region = lang === "en" ? "en-GB" : lang;
  const exact = new Intl.DateTimeFormat(region, { dateStyle: "long", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(region, { day: "numeric", month: "short", year: "numeric" });
  const clock = new Intl.DateTimeFormat(region, { timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });

  const ago = (moment) => {
    const seconds = (Date.now() - moment) / 1000;
    if (seconds > 30 * 86400) return day.format(moment);
    const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? [];
    return unit ? relative.format(-Math.floor(seconds / length), unit) : _("just now");
  };

  millrace.elapsed = (since) => {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(since)) / 1000));
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  };

  const say = (place, words) => {
    if (place.textContent !== words) place.textContent = words;
  };
  // Not stored in the element: the text of a message stays what the server rendered.
  const seen = new WeakSet();
  const localise = (time) => {
    const moment = new Date(time.dateTime);
    if (!time.title) time.title = exact.format(moment);
    if ("clock" in time.dataset) say(time, clock.format(moment));
    if ("exact" in time.dataset) say(time, exact.format(moment));
    if ("ago" in time.dataset) say(time, ago(moment));
    seen.add(time);
  };
  const all = () => document.querySelectorAll("time[datetime]");
  // The time since the model's last text; other updates don't count.
  let heard = Date.now(),
    isSilent = false,
    known = null;
  const hear = ({ target }) => {
    if (!target.closest?.("#sidebar")) heard = Date.now();
  };
  for (const each of ["grown", "status", "htmx:after:swap"]) document.addEventListener(each, hear);
  const silence = () => {
    const place = millrace.running()?.querySelector(".state [data-since]"),
      state = place?.previousElementSibling;
    // The server reports how long no text had arrived when it rendered the line.
    if (place && place !== known) heard = Date.now() - 1000 * (place.dataset.silent ?? 0);
    known = place;
    const isWaiting = Boolean(place?.closest("[data-status=queued]"));
    const isNow = Boolean(state) && !isWaiting && Date.now() - heard >= SILENT;
    const other = place?.closest(".aside").querySelector(".instead");
    if (other) other.hidden = !(isNow || (isWaiting && Date.now() - new Date(place.dataset.since) >= SILENT));
    if (state) state.hidden = isNow;
    if (isNow) place.textContent = _("No text for %(time)s").replace("%(time)s", millrace.elapsed(heard));
    if (isNow && !isSilent) document.dispatchEvent(new Event("silent"));
    isSilent = isNow;
    return isNow && place;
  };
  const count = () => {
    const silent = silence();
    for (const place of document.querySelectorAll("[data-since]")) {
      if (place === silent) continue;
      const past = Date.now() - new Date(place.dataset.since),
        elapsed = `\u00a0· ${millrace.elapsed(place.dataset.since)}`;
      const words = past < 0 ? _("in %(num)s s").replace("%(num)s", Math.ceil(-past / 1000)) : past < 3000 ? "" : elapsed;
      say(place, words);
    }
  };

  const refresh = (times) => [...times].filter((time) => !seen.has(time) || !("ago" in time.dataset)).forEach(localise);
  for (const each of ["arrived", "htmx:after:swap"])
    document.addEventListener(each, () => {
      refresh(all());
      count();
    });
  // Not the whole text with every word.
  document.addEventListener("grown", ({ target, detail }) => {
    for (const place of [target, ...detail]) refresh(place.querySelectorAll("time[datetime]"));
  });
  setInterval(count, 1000);
  setInterval(() => all().forEach(localise), 60000);
}
