// The field of a shortcut takes what is pressed in it, a letter soon after another as one in a row. Loaded by the settings.
const [SOON, TAKEN] = [1_000, /^(\S|(Ctrl\+(?![ACVXYZ]$)|Alt\+)(Shift\+)?\S|(Shift\+)?F\d+|Arrow\w+|Backspace|Delete)$/u];
let [first, since] = ["", 0];
const press = (event) => {
  const [key, { target, timeStamp }] = [millrace.pressed(event), event];
  if (!target.matches?.("[data-key]") || !TAKEN.test(key)) return;
  event.preventDefault();
  event.stopPropagation();
  const isNext = first && target.value === first && key.length === 1 && timeStamp - since < SOON;
  target.value = /^(Back|Del)/.test(key) ? "" : isNext ? `${first} then ${key}` : key;
  [first, since] = [isNext || key.length > 1 ? "" : key, timeStamp];
};
addEventListener("keydown", press, true);
