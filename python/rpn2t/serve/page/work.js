/** An open video and its runs: opening, tracking, exports. */

import { ask, projectAddress, send, sentence } from "./api.js";
import { Live } from "./live.js";
import { allObjects, boxAt, draftCount, isBusy } from "./model.js";
import { by, complain, confirmDeletion, say } from "./say.js";
import { emptyState } from "./store.js";

/** @typedef {import("./store.js").Job} Job */

export class Work {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./player.js").Player} player
   */
  constructor(store, player) {
    this.store = store;
    this.player = player;
    this.live = new Live(store, (job) => this.jobChanged(job));
    this.running = false;
  }

  /** Opens a video with a run of it: the named one, or the newest, or none. */
  async open(/** @type {string} */ path, /** @type {string|null} */ run) {
    this.close();
    say("The video is being opened.");
    const query = new URLSearchParams({ path });
    const [source, { projects }] = await Promise.all([ask(`/api/source?${query}`), ask(`/api/projects?${query}`)]);
    this.store.set({ ...emptyState(), source, projects });
    this.player.open(path);
    this.player.show(0);
    const id = run ?? projects[0]?.id ?? null;
    if (id !== null && id !== "new") await this.openRun(id);
    say([...source.notes, "Draw a box around each object, or go to another frame first."][0]);
  }

  close() {
    this.live.close();
    this.running = false;
    this.store.set(emptyState());
  }

  /** Opens a run of the open video; null: the next Track makes a new one. */
  async openRun(/** @type {string|null} */ id) {
    const { source, projects } = this.store.state;
    this.live.close();
    this.running = false;
    const { frame, view } = this.store.state;
    this.store.set({ ...emptyState(), source, projects, frame, view });
    if (id !== null) await this.live.open(id);
    this.store.set({ project: id });
    remember(source?.path ?? "", id);
  }

  /** Tracks frames from start to stop - 1 from the drawn boxes; without one from the box of the selected object in this frame. */
  async track(/** @type {string} */ direction, /** @type {number|null} */ start, /** @type {number|null} */ stop) {
    const { state } = this.store;
    if (isBusy(state)) throw new Error("This run is being tracked; stop it first.");
    const boxes = this.boxes();
    if (boxes.length === 0) throw new Error("Draw a box around the object first.");
    if (state.project === null) await this.newRun();
    const before = this.live.jobs;
    const { job } = await send(projectAddress(state.project ?? "", "/track"), { boxes, direction, start, stop });
    const objects = allObjects(this.store.state); // their rows come when they have been learned
    this.store.set({ objects, follow: true, byKeys: null, drawing: false, playing: false });
    if (this.live.jobs === before) this.live.job(job); // else its events were faster, and know more
  }

  /** What Track sends. */
  boxes() {
    const { state } = this.store;
    if (draftCount(state) > 0) {
      return Array.from(state.drafts).flatMap(([object, boxes]) =>
        Array.from(boxes, ([frame, box]) => ({ object, frame, box })));
    }
    const shown = boxAt(state, state.selected);
    return shown ? [{ object: state.selected, frame: state.frame, box: shown.box }] : [];
  }

  async newRun() {
    const { source, drafts, selected } = this.store.state;
    const path = source?.path ?? "";
    const { id } = await send("/api/projects", { path });
    await this.live.open(id);
    this.store.set({ project: id, drafts, selected });
    remember(path, id);
    await this.list();
  }

  /** Reads the runs of the open video. */
  async list() {
    const path = this.store.state.source?.path ?? "";
    const { projects } = await ask(`/api/projects?${new URLSearchParams({ path })}`);
    this.store.set({ projects });
  }

  async deleteRun() {
    const { project } = this.store.state;
    if (project === null) return say("This run is not begun yet.");
    if (!(await confirmDeletion(`Delete the run ${project}? Its folder goes to .trash in the folder of runs.`))) return undefined;
    this.live.close();
    await ask(projectAddress(project), { method: "DELETE" });
    await this.list();
    await this.openRun(this.store.state.projects[0]?.id ?? null);
    return say(`The run ${project} is deleted.`);
  }

  /** Pauses, resumes or stops the work. */
  async control(/** @type {string} */ wish) {
    if (!isBusy(this.store.state)) return say("Nothing is being tracked.");
    await send(projectAddress(this.store.state.project ?? "", "/job"), { do: wish });
    return undefined;
  }

  /** Pauses what runs, or goes on. */
  pause() {
    return this.control(this.store.state.job?.state === "paused" ? "resume" : "pause");
  }

  jobChanged(/** @type {Job} */ job) {
    const busy = job.state === "running" || job.state === "paused";
    if (busy) {
      if (!this.running) say("The objects are being tracked.");
      if (job.phase === "tracking") this.player.track(job.frame);
    } else if (this.running) {
      if (job.state === "failed") complain(job.error ?? "Tracking has failed.");
      else say(job.state === "stopped" ? "Tracking was stopped; all boxes so far are kept." : "Tracking is done.");
      this.list().catch(complain);
    }
    this.running = busy;
  }

  /** Downloads the run in a format. What the server refuses is said. */
  download(/** @type {string} */ format) {
    const { project } = this.store.state;
    if (project === null) throw new Error("Track something first; then there is something to export.");
    const frame = /** @type {HTMLIFrameElement} */ (by("download"));
    frame.onload = () => { // a file is no page and loads nothing
      const text = frame.contentDocument?.body?.textContent ?? "";
      if (text) complain(sentence(400, text));
    };
    frame.src = projectAddress(project, `/export?format=${format}`);
    say(format === "mp4" ? "The video is being drawn; its download begins by itself." : "The download begins.");
  }
}

/** Writes what is open into the address, so that the same page opens again. */
function remember(/** @type {string} */ path, /** @type {string|null} */ run) {
  const parts = new URLSearchParams(run === null ? { video: path, run: "new" } : { video: path, run });
  history.replaceState(null, "", `#${parts}`);
}
