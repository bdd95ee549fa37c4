// Has the server tell this device: asks for permission when the button is pressed, never before. Loaded with that form.
const IS_APPLE = /iPhone|iPad/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
const WORDS = {
  apple: _("On an iPhone or iPad, add Millrace to the home screen first: Share, then Add to Home Screen. Open it from there."),
  missing: _("This browser doesn't support notifications. Use an up-to-date browser and an https address."),
  denied: _("Notifications are blocked. Allow them for this site in your browser settings, then try again."),
  dismissed: _("Notifications are still off. Press the button again and allow them when your browser asks."),
  failed: _("Can't reach this browser's push service. Please try again later."),
};
const form = () => document.querySelector("form[data-push]");
const tell = (why) => {
  const place = document.querySelector(".push-missing");
  if (place) Object.assign(place, { textContent: WORDS[why] ?? "", hidden: !why });
};
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const nameOf = () => {
  const { userAgentData, userAgent } = navigator;
  const system = userAgentData?.platform || userAgent.match(/iPhone|iPad|Android|Windows|Mac|Linux/)?.[0] || _("Browser");
  return userAgentData?.brands?.at(-1)
    ? _("%(browser)s on %(system)s").replace("%(browser)s", userAgentData.brands.at(-1).brand).replace("%(system)s", system)
    : system;
};
const subscribe = async () => {
  const { pushManager } = await navigator.serviceWorker.ready,
    applicationServerKey = bytes(form().dataset.push);
  // One for another key, as after a move of the server, can't be told anything.
  await (await pushManager.getSubscription())?.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
};
const press = async (event) => {
  if (event.target !== form() || form().elements.endpoint.value) return;
  event.preventDefault();
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return tell(permission === "denied" ? "denied" : "dismissed");
  const subscription = await subscribe().catch(() => null);
  if (!subscription) return tell("failed");
  const { endpoint, keys } = subscription.toJSON();
  for (const [name, value] of Object.entries({ endpoint, ...keys })) form().elements[name].value = value;
  document.documentElement.dataset.isPushed = "";
  // A form can't be submitted while its last event is under way.
  setTimeout(() => form().requestSubmit());
};
const offer = () => {
  if (!form()) return;
  const isAble = "serviceWorker" in navigator && "PushManager" in self && "Notification" in self;
  if (!isAble) return tell(IS_APPLE ? "apple" : "missing");
  form().hidden = false;
  form().elements.name.value ||= nameOf();
  tell(Notification.permission === "denied" ? "denied" : "");
};
document.addEventListener("submit", press);
document.addEventListener("arrived", offer);
offer();
