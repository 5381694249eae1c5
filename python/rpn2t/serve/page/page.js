/** Makes the page of its parts, and opens what the address names. */

import { Boxes } from "./boxes.js";
import { Chooser, lengthText } from "./chooser.js";
import { listen } from "./keys.js";
import { allObjects, halted } from "./model.js";
import { setField, showPanels } from "./panels.js";
import { drawPicture } from "./picture.js";
import { Player } from "./player.js";
import { by, complain, guarded, say } from "./say.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { drawTimeline, followPointer } from "./timeline.js";
import { Work } from "./work.js";

const FORMATS = {
  csv: "boxes.csv, the whole table", json: "JSON", txt: "boxes.txt, OTB's format", mot: "MOT challenge",
  coco: "COCO", cvat: "CVAT", mp4: "MP4, a video with the boxes",
};

const store = new Store();
const player = new Player(store);
const boxes = new Boxes(store);
const work = new Work(store, player);
const chooser = new Chooser();
const picture = /** @type {HTMLCanvasElement} */ (by("picture"));
const timeline = /** @type {HTMLCanvasElement} */ (by("timeline"));
const stage = new Stage(picture, store, { draft: (name, box) => boxes.draft(name, box) });

function field(/** @type {string} */ id) {
  return /** @type {HTMLInputElement} */ (by(id));
}

function numberOrNull(/** @type {string} */ id) {
  return field(id).value === "" ? null : Number(field(id).value);
}

const track = guarded(() => {
  const last = numberOrNull("stop"); // the person's last frame is tracked too
  return work.track(field("direction").value, numberOrNull("start"), last === null ? null : last + 1);
});
const pause = guarded(() => work.pause());
const stop = guarded(() => work.control("stop"));
const help = () => /** @type {HTMLDialogElement} */ (by("help")).showModal();

/** Draws all that is seen. */
function show() {
  const { state } = store;
  if (!state.source) return;
  const { byKeys, selected } = state;
  const colour = allObjects(state).find((each) => each.name === selected)?.colour ?? "#ffffff";
  const sketch = stage.sketch ?? (byKeys && { name: selected ?? "new object", colour, box: byKeys.box });
  drawPicture(picture, state, player.picture(), sketch);
  drawTimeline(timeline, state);
  showPanels(state);
}

/** Opens what the address names: a video and a run, or the list of videos. */
async function route() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const video = parts.get("video");
  window.scrollTo(0, 0);
  by("chooser").hidden = video !== null;
  by("work").hidden = video === null;
  by("export").hidden = video === null;
  by("title").textContent = video ?? "RPN2T";
  document.title = video ? `${video} - RPN2T` : "RPN2T";
  if (video !== null) {
    await work.open(video, parts.get("run"));
    const { source } = store.state;
    if (source) by("title").textContent = `${source.name}  (${lengthText(source)})`;
  } else {
    work.close();
    await chooser.show();
  }
}

/** What opens cannot be opened: the list of videos is there instead. */
async function routeOrList() {
  try {
    await route();
  } catch (error) {
    const shown = location.hash.length > 1;
    if (shown) history.replaceState(null, "", "#");
    if (shown) await route().catch(() => {});
    complain(error);
  }
}

function onClick(/** @type {string} */ id, /** @type {() => any} */ action) {
  by(id).addEventListener("click", guarded(action));
}

function onChange(/** @type {string} */ id, /** @type {() => any} */ action) {
  by(id).addEventListener("change", guarded(action));
}

function connectWork() {
  by("track").addEventListener("click", track);
  by("pause").addEventListener("click", pause);
  by("end").addEventListener("click", stop);
  onClick("delete-run", () => work.deleteRun());
  onChange("run", () => work.openRun(field("run").value || null));
  const list = by("export-list");
  for (const [format, text] of Object.entries(FORMATS)) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.dataset.format = format;
    button.addEventListener("click", guarded(() => {
      /** @type {HTMLDetailsElement} */ (by("export")).open = false;
      work.download(format);
    }));
    const entry = document.createElement("li");
    entry.append(button);
    list.append(entry);
  }
}

function connectFrames() {
  onClick("play", () => player.toggle());
  onClick("back", () => player.step(-1));
  onClick("forth", () => player.step(1));
  onChange("frame", () => player.go(Number(field("frame").value)));
  onChange("follow", () => store.set({ follow: field("follow").checked }));
  onClick("zoom-in", () => stage.zoom(1.5));
  onClick("zoom-out", () => stage.zoom(1 / 1.5));
  onClick("zoom-fit", () => stage.zoom(0));
  followPointer(timeline, () => store.state, (frame) => player.go(frame));
}

function connectBoxes() {
  onClick("draw", () => boxes.draw());
  onClick("new", () => boxes.begin());
  onClick("discard", () => boxes.discard());
  onClick("hide", () => boxes.toggleHidden());
  onClick("delete", () => boxes.deleteObject());
  onClick("delete-rows", () => boxes.deleteRows());
  onChange("name", () => boxes.rename(field("name").value).finally(() => setField("name", store.state.selected ?? "")));
  for (const id of ["x", "y", "w", "h"]) {
    onChange(id, () => boxes.type(["x", "y", "w", "h"].map((each) => parseFloat(field(each).value))));
  }
  by("x").closest("fieldset")?.addEventListener("focusin", () => store.set(halted(store.state)));
  const choose = (/** @type {Event} */ event) => {
    const name = /** @type {Element} */ (event.target).closest("button")?.dataset.name;
    if (name && name !== store.state.selected) store.set({ selected: name });
  };
  by("objects").addEventListener("click", choose);
  by("objects").addEventListener("focusin", choose); // Tab goes through the objects
}

function connectRest() {
  by("help-open").addEventListener("click", help);
  by("error-close").addEventListener("click", () => say(""));
  document.addEventListener("click", (event) => {
    const menu = /** @type {HTMLDetailsElement} */ (by("export"));
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });
  by("export").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    /** @type {HTMLDetailsElement} */ (by("export")).open = false;
    by("export").querySelector("summary")?.focus();
  });
  window.addEventListener("hashchange", routeOrList);
  new ResizeObserver(() => show()).observe(by("stage"));
  listen(store, { player, boxes, stage, track, pause, stop, help });
  store.on(show);
}

connectWork();
connectFrames();
connectBoxes();
connectRest();
routeOrList();
