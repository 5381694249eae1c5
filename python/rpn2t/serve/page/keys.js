/** The keyboard. A key that a field, a list or an open dialog needs stays with it. */

/**
 * @typedef {object} Commands
 * @property {import("./player.js").Player} player
 * @property {import("./boxes.js").Boxes} boxes
 * @property {import("./stage.js").Stage} stage
 * @property {() => void} track
 * @property {() => void} pause
 * @property {() => void} stop
 * @property {() => void} help
 */

/** @type {{[key: string]: [number, number]}} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @returns {{[key: string]: () => void}} what a key does */
function table(/** @type {Commands} */ { player, boxes, stage, track, pause, stop, help }) {
  return {
    " ": () => player.toggle(),
    Home: () => player.go(0),
    End: () => player.go((player.store.state.source?.frames ?? 1) - 1),
    b: () => {
      boxes.byKeys();
      stage.canvas.focus(); // Enter would press the button that has the focus
    },
    n: () => boxes.begin(),
    Delete: () => boxes.discard(),
    "[": () => boxes.next(-1),
    "]": () => boxes.next(1),
    t: track,
    p: pause,
    s: stop,
    "+": () => stage.zoom(1.25),
    "-": () => stage.zoom(0.8),
    0: () => stage.zoom(0),
    "?": help,
  };
}

/** Listens to the keyboard while a video is open. */
export function listen(/** @type {import("./store.js").Store} */ store, /** @type {Commands} */ commands) {
  const keys = table(commands);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "?" && !writes(event.target)) return commands.help();
    if (!store.state.source || needsKey(event)) return;
    if (press(event, store, commands, keys)) event.preventDefault();
  });
}

/** @returns {boolean} whether the key means something */
function press(/** @type {KeyboardEvent} */ event, /** @type {import("./store.js").Store} */ store, /** @type {Commands} */ { player, boxes }, /** @type {{[key: string]: () => void}} */ keys) {
  const { byKeys, drawing } = store.state;
  const far = event.shiftKey ? 10 : 1;
  const arrow = ARROWS[event.key];
  if (arrow && byKeys) boxes.nudge(far * arrow[0], far * arrow[1]);
  else if (arrow && arrow[0]) player.step(far * arrow[0]);
  else if (event.key === "Escape" && (byKeys || drawing)) boxes.endKeys(false);
  else if (event.key === "Enter" && byKeys) boxes.endKeys(true);
  else if (Object.hasOwn(keys, event.key)) keys[event.key]();
  else return false;
  return true;
}

/** @returns {boolean} whether an element takes letters */
function writes(/** @type {EventTarget|null} */ target) {
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return target instanceof HTMLSelectElement;
}

/** @returns {boolean} whether the element that has the focus needs the key itself */
function needsKey(/** @type {KeyboardEvent} */ event) {
  if (writes(event.target)) return true;
  const pressed = event.target instanceof Element && event.target.closest("button, a, summary, input");
  return Boolean(pressed) && (event.key === " " || event.key === "Enter");
}
