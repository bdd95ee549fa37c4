// A finger that swipes over the last answer shows its next or previous version, as the arrows below it do.
const LAST = "#thread > article:last-of-type[data-role=assistant]",
  [FAR, EDGE, SHIFT, SLOW] = [64, 24, 16, 600],
  still = matchMedia("(prefers-reduced-motion: reduce)");
let swipe = null;

// What scrolls sideways itself, such as code and tables, keeps its finger.
const isWide = (each) => each.scrollWidth > each.clientWidth && getComputedStyle(each).overflowX !== "visible";
const isPlain = ({ touches: [{ clientX: x }, second], target }, answer) => {
  for (let each = target; each !== answer; each = each.parentElement) if (isWide(each)) return false;
  const isElsewhere = second || x < EDGE || x > innerWidth - EDGE || visualViewport.scale > 1.01;
  return !(isElsewhere || millrace.isRunning() || target.closest("textarea, input"));
};
// Who rests on the text first selects it.
const far = ({ changedTouches: [{ clientX, clientY }], timeStamp }) => {
  const [across, down] = [clientX - swipe.x, Math.abs(clientY - swipe.y)];
  return down * 2 < Math.abs(across) && timeStamp - swipe.at < SLOW && getSelection().isCollapsed ? across : 0;
};
const shift = (pixels) => swipe?.answer.style.setProperty("translate", still.matches || !pixels ? "" : `${pixels}px`);

const follow = (event) => {
  const across = swipe && !/start|cancel/.test(event.type) ? far(event) : 0;
  if (event.type === "touchmove") return shift(Math.max(-SHIFT, Math.min(SHIFT, across / 4)));
  shift(0);
  const which = Math.abs(across) >= FAR && (across < 0 ? "next" : "previous");
  if (which) swipe.answer.querySelector(`.versions [data-shortcut=${which}_version]`)?.click();
  swipe = null;
  const answer = event.type === "touchstart" && event.target.closest?.(LAST),
    [{ clientX: x, clientY: y }] = event.changedTouches;
  if (answer && isPlain(event, answer)) swipe = { answer, x, y, at: event.timeStamp };
};
for (const each of ["touchstart", "touchmove", "touchend", "touchcancel"]) addEventListener(each, follow, { passive: true });
