/** The server's answers. Every error is an Error whose message is one sentence; a refusal has its status. */

const SILENT = "The server does not answer. Is rpn2t serve still running?";

export class Refused extends Error {
  constructor(/** @type {number} */ status, /** @type {string} */ body) {
    super(sentence(status, body));
    this.status = status;
  }
}

/** @returns {boolean} whether what was asked for is not there */
export function isMissing(/** @type {unknown} */ error) {
  return error instanceof Refused && error.status === 404;
}

/** @returns {Promise<any>} the answer's JSON */
export async function ask(/** @type {string} */ address, /** @type {RequestInit} */ options = {}) {
  const answer = await fetchOrSay(address, options);
  if (!answer.ok) throw new Refused(answer.status, await answer.text());
  return answer.json();
}

/** POST with a JSON body. @returns {Promise<any>} */
export function send(/** @type {string} */ address, /** @type {object} */ body) {
  const headers = { "Content-Type": "application/json" };
  return ask(address, { method: "POST", headers, body: JSON.stringify(body) });
}

/** @returns {Promise<Blob>} a picture of a frame */
export async function frameBlob(/** @type {string} */ path, /** @type {number} */ index) {
  const answer = await fetchOrSay(`/api/frame?${new URLSearchParams({ path, index: String(index) })}`);
  if (!answer.ok) throw new Refused(answer.status, await answer.text());
  return answer.blob();
}

/** @returns {string} the address of a small picture of a video */
export function thumbnail(/** @type {string} */ path) {
  return `/api/thumbnail?${new URLSearchParams({ path })}`;
}

/** @returns {string} the address of a run, or of a part of it */
export function projectAddress(/** @type {string} */ id, part = "") {
  return `/api/projects/${encodeURIComponent(id)}${part}`;
}

/**
 * Sends a file. fetch would not say how far it is.
 * @param {File} file
 * @param {(part: number) => void} progress
 * @returns {Promise<{path: string}>}
 */
export function upload(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/upload?${new URLSearchParams({ name: file.name })}`);
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(event.total, 1));
    request.onerror = () => reject(new Error(SILENT));
    request.onload = () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText));
      else reject(new Refused(request.status, request.responseText));
    };
    request.send(file);
  });
}

/** @returns {string} what the body of a refused request says */
export function sentence(/** @type {number} */ status, /** @type {string} */ body) {
  if (status === 403) return "The server was started again: open the address that it has printed.";
  try {
    return JSON.parse(body).error ?? body;
  } catch {
    return body.length > 0 && body.length < 300 ? body : `The server answered with error ${status}.`;
  }
}

/** @returns {Promise<Response>} */
async function fetchOrSay(/** @type {string} */ address, /** @type {RequestInit} */ options = {}) {
  try {
    return await fetch(address, options);
  } catch {
    throw new Error(SILENT);
  }
}
