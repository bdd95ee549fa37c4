// What is pressed in the field of a shortcut is written there, unless it types or edits text. Loaded by the settings.
const press = (event) => {
  const key = millrace.pressed(event);
  if (!event.target.matches?.("[data-key]") || !/^(Ctrl\+(?![ACVXYZ]$)|Alt\+)(Shift\+)?.$|F\d/u.test(key)) return;
  event.preventDefault();
  event.stopPropagation();
  event.target.value = key;
};
addEventListener("keydown", press, true);
