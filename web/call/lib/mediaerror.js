/** @typedef {'denied'|'missing'|'busy'|'insecure'|'failed'} Code */
/** @typedef {'audio'|'video'|'both'|'screen'} Kind */

/** What could not be opened, and why. */
export class MediaError extends Error {
  /** @param {Code} code @param {Kind} kind @param {string} words a sentence for people */
  constructor(code, kind, words) {
    super(words);
    this.name = "MediaError";
    this.code = code;
    this.kind = kind;
    this.words = words;
  }
}

/** @type {{[kind in Kind]: string}} */
const THINGS = { audio: "microphone", video: "camera", both: "camera and microphone", screen: "screen" };

/** @type {{[name: string]: Code}} */
const CODES = {
  NotAllowedError: "denied", SecurityError: "insecure", NotFoundError: "missing", OverconstrainedError: "missing",
  NotReadableError: "busy", AbortError: "busy", InvalidStateError: "failed", TypeError: "insecure",
};

/** @type {{[code in Code]: (thing: string) => string}} */
const WORDS = {
  denied: (thing) => `The browser was not allowed to use the ${thing}.`,
  missing: (thing) => `No ${thing} was found.`,
  busy: (thing) => `The ${thing} cannot be used now; perhaps another program has it.`,
  insecure: (thing) => `The browser gives the ${thing} to pages with https only.`,
  failed: (thing) => `The ${thing} could not be opened.`,
};

/** Turns what the browser throws into words; null is a browser that offers none of it. @param {unknown} error @param {Kind} kind */
export function mediaError(error, kind) {
  if (error === null && kind === "screen") {
    return new MediaError("missing", kind, "This browser cannot share a screen.");
  }
  const code = error === null ? "insecure" : CODES[/** @type {any} */ (error)?.name] ?? "failed";
  return new MediaError(code, kind, WORDS[code](THINGS[kind]));
}
