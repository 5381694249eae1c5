/** An open video and its runs: opening, tracking, exports. */

import { ask, projectAddress, send, sentence } from "./api.js";
import { Live } from "./live.js";
import { forget, keep, recall } from "./memory.js";
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
    this.live = new Live(store, (job) => this.jobChanged(job), (id) => this.runDeleted(id));
    this.opened = 0; // how many videos were opened: an answer that comes too late is of an earlier one
    this.starting = false; // whether Track was sent and not answered
    /** @type {Job|null} the last state of work that was told */
    this.told = null;
  }

  /** Opens a video with a run of it: the named one, or one in which drawn boxes wait, or the newest, or none. */
  async open(/** @type {string} */ path, /** @type {string|null} */ run) {
    this.close();
    const turn = this.opened;
    say("The video is being opened.");
    const query = new URLSearchParams({ path });
    const [source, { projects }] = await Promise.all([ask(`/api/source?${query}`), ask(`/api/projects?${query}`)]);
    if (turn !== this.opened) return;
    const id = run === "new" ? null : run ?? usual(source, projects);
    this.store.set({ ...emptyState(), source, projects, frame: recall(source, id).frame });
    this.player.open(path);
    this.player.show(this.store.state.frame);
    if (!(await this.enter(id)) || isBusy(this.store.state)) return;
    const count = draftCount(this.store.state);
    const kept = `${count === 1 ? "A box was" : `${count} boxes were`} drawn before; Track goes on from there.`;
    say([...source.notes, count ? kept : "Draw a box around each object, or go to another frame first."][0]);
  }

  close() {
    keep(this.store.state);
    this.opened += 1;
    this.live.close();
    this.told = null;
    this.store.set(emptyState());
  }

  /** Opens another run of the open video; null: the next Track makes a new one. */
  openRun(/** @type {string|null} */ id) {
    keep(this.store.state);
    return this.enter(id);
  }

  /** @returns {Promise<boolean>} whether the run is open; false: it is no more, which was said */
  async enter(/** @type {string|null} */ id) {
    const { source, projects, frame, view } = this.store.state;
    if (!source) return false;
    this.live.close();
    this.told = null;
    this.store.set({ ...emptyState(), source, projects, view, ...recall(source, id), project: id, frame });
    const { drafts } = this.store.state;
    this.store.set({ selected: drafts.keys().next().value ?? null });
    if (id !== null) await this.live.open(id);
    if (this.store.state.project !== id) return false;
    remember(source.path, id);
    return true;
  }

  /** Tracks from the drawn boxes; without one from the box of the selected object in this frame. */
  async track() {
    const { state } = this.store;
    if (this.starting) return;
    if (isBusy(state)) throw new Error(`This run is ${state.job?.state === "paused" ? "paused" : "being tracked"}; stop it first.`);
    const boxes = this.boxes();
    if (boxes.length === 0) throw new Error("Draw a box around the object first.");
    const { direction, start, stop } = state;
    const wish = { boxes, direction, start, stop: stop === null ? null : stop + 1 }; // the person's last frame is tracked too
    const job = await this.start(wish);
    if (!job) return;
    const objects = allObjects(this.store.state); // their rows come when they have been learned
    this.store.set({ objects, follow: true, byKeys: null, drawing: false, playing: false });
    this.say(job);
    const now = this.store.state.job; // its events may have been faster, and know more
    if (now?.id === job.id) this.jobChanged(now);
    else this.live.job(job);
  }

  /** @returns {Promise<Job|null>} the work that was begun here; null: another video was opened meanwhile */
  async start(/** @type {object} */ wish) {
    const turn = this.opened;
    const { project } = this.store.state;
    this.starting = true;
    try {
      const answer = project === null ? await this.newRun(wish) : await send(projectAddress(project, "/track"), wish);
      if (turn !== this.opened || !answer) return null;
      this.store.set({ ownJob: answer.job.id });
      return answer.job;
    } finally {
      this.starting = false;
      const { job } = this.store.state;
      if (job && job.id !== this.store.state.ownJob) this.jobChanged(job); // of another page, which was faster
    }
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

  /** Makes a run whose work has begun. @returns {Promise<{job: Job}|null>} null: another video was opened meanwhile */
  async newRun(/** @type {object} */ wish) {
    const turn = this.opened;
    const path = this.store.state.source?.path ?? "";
    const made = await send("/api/projects", { path, track: wish });
    if (turn !== this.opened) return null;
    this.store.set({ project: made.id, ownJob: made.job.id });
    forget(path, null);
    remember(path, made.id);
    await this.live.open(made.id);
    await this.list();
    return made;
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
    try {
      await ask(projectAddress(project), { method: "DELETE" });
    } catch (error) {
      await this.live.open(project); // it is there still, and followed again
      throw error;
    }
    await this.list();
    forget(this.store.state.source?.path ?? "", project);
    await this.enter(this.store.state.projects[0]?.id ?? null);
    return say(`The run ${project} is deleted.`);
  }

  /** The open run was deleted elsewhere. What was drawn here is the start of a new run. */
  runDeleted(/** @type {string} */ id) {
    const { source, drafts, selected } = this.store.state;
    const path = source?.path ?? "";
    forget(path, id);
    this.told = null;
    const left = drafts.has(selected ?? "") ? selected : drafts.keys().next().value ?? null;
    this.store.set({ project: null, objects: [], tracks: new Map(), job: null, ownJob: null, selected: left });
    remember(path, null);
    this.list().catch(complain);
    const kept = draftCount(this.store.state) > 0 ? " The boxes that you drew are kept; Track makes a new run of them." : "";
    complain(`The run ${id} was deleted elsewhere.${kept}`);
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

  /** Work has begun, gone on, halted or ended, here or on another page. */
  jobChanged(/** @type {Job} */ job) {
    if (this.starting) return; // whose it is will be known soon
    const wasBusy = this.told !== null && isBusy({ job: this.told });
    if (isBusy({ job })) {
      const foreign = job.id !== this.store.state.ownJob;
      if (foreign && job.id !== this.told?.id) this.store.set({ follow: false }); // the person may choose to follow
      if (job.id !== this.told?.id || job.state !== this.told.state) this.say(job);
      if (job.phase === "tracking") this.player.track(job.frame);
    } else if (wasBusy) {
      this.player.track(job.frame, true);
      this.say(job);
      this.list().catch(complain);
    }
    this.told = job;
  }

  /** Says what the work has come to. */
  say(/** @type {Job} */ job) {
    this.told = job;
    if (job.state === "failed") return complain(job.error ?? "Tracking has failed.");
    const foreign = job.id === this.store.state.ownJob ? "" : ' It was begun on another page; "Follow the work" goes with it.';
    return say({
      running: `The objects are being tracked.${foreign}`,
      paused: "Tracking is paused.",
      stopped: "Tracking was stopped; all boxes so far are kept.",
      done: "Tracking is done.",
    }[job.state] ?? "");
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

/** @returns {string|null} the run that is opened if none is named */
function usual(/** @type {import("./store.js").Source} */ source, /** @type {import("./store.js").ProjectLine[]} */ projects) {
  const ids = projects.map((each) => each.id);
  const waiting = [null, ...ids].find((id) => recall(source, id).drafts.size > 0);
  return waiting === undefined ? ids[0] ?? null : waiting;
}

/** Writes what is open into the address, so that the same page opens again. */
function remember(/** @type {string} */ path, /** @type {string|null} */ run) {
  const parts = new URLSearchParams(run === null ? { video: path, run: "new" } : { video: path, run });
  history.replaceState(null, "", `#${parts}`);
}
