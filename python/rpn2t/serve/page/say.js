/** What the page says to the person: one sentence, an error, a question. */

/** @template {HTMLElement} [T=HTMLElement] @returns {T} the element of that id */
export function by(/** @type {string} */ id) {
  return /** @type {T} */ (document.getElementById(id));
}

/** Says what has happened. An error that stands there goes. */
export function say(/** @type {string} */ text) {
  by("error").textContent = "";
  by("error-close").hidden = true;
  by("status").textContent = text;
}

/** Says what went wrong. It stays until something else is said. */
export function complain(/** @type {unknown} */ error) {
  by("status").textContent = "";
  by("error").textContent = error instanceof Error ? error.message : String(error);
  by("error-close").hidden = false;
}

/** @returns {(...given: any[]) => Promise<void>} the function, whose errors are said */
export function guarded(/** @type {(...given: any[]) => any} */ action) {
  return async (...given) => {
    try {
      await action(...given);
    } catch (error) {
      complain(error);
    }
  };
}

/**
 * Asks before something is deleted.
 * @param {string} question
 * @param {[number, number]|null} range frames that the person may change; none if null
 * @returns {Promise<[number, number]|null>} the range ([0, 0] without one), or null: no
 */
export function confirmDeletion(question, range = null) {
  const dialog = /** @type {HTMLDialogElement} */ (by("ask"));
  const [from, to] = [by("ask-from"), by("ask-to")].map((each) => /** @type {HTMLInputElement} */ (each));
  by("ask-text").textContent = question;
  by("ask-range").hidden = range === null;
  [from.value, to.value] = (range ?? [0, 0]).map(String);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    const answer = () => resolve(dialog.returnValue === "yes" ? [Number(from.value), Number(to.value)] : null);
    dialog.addEventListener("close", answer, { once: true });
  });
}
