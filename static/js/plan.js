// A plan's page: its keys, its sliders, and honesty about being connected.
"use strict";
{
  const WAITING = "Not connected. Trying again; what is written meanwhile will appear here.";
  let attempts = 0, late = 0, isOver = false;

  const feed = () => document.getElementById("plan-feed");
  const isOurs = (event) => event.target === feed();
  const line = (words) => {
    clearTimeout(late);
    late = 0;
    const place = document.getElementById("status-line");
    if (place) place.textContent = words;
  };
  // A first connection is not tried again by the extension, so it is here.
  const retry = () => {
    if (isOver) return;
    late ||= setTimeout(() => line(WAITING), 1500);
    setTimeout(() => feed()?.dispatchEvent(new CustomEvent("reconnect")), Math.min(15000, 500 * 2 ** attempts++) * (0.7 + 0.6 * Math.random()));
  };

  document.addEventListener("htmx:error", (event) => { if (isOurs(event)) retry(); });
  document.addEventListener("htmx:after:request", (event) => { if (isOurs(event)) retry(); });
  document.addEventListener("htmx:sse:before:connection", (event) => { if (event.detail.connection.attempt) late ||= setTimeout(() => line(WAITING), 1500); });
  document.addEventListener("htmx:sse:after:connection", () => { attempts = 0; line(""); });
  document.addEventListener("superseded", () => { isOver = true; line("This page rests, because the plan is open in many others."); });
  document.addEventListener("gone", () => location.reload());

  document.addEventListener("input", (event) => {
    if (event.target.type === "range") event.target.nextElementSibling.value = event.target.value;
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches?.("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
    if (!isTyping && (event.key === "s" || event.key === "f")) document.querySelector(`[data-key=${event.key}]`)?.click();
  });
}
