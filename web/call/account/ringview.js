/** Incoming calls, on top of the page or in a call: who, what, and what can be done. */
import { bdi, el, icon } from "/call/page/dom.js";
import { shown } from "/call/page/words.js";

/** @typedef {import("./ear.js").Shown} Shown */
/** @typedef {{accept: (ring: Shown) => void, decline: (ring: Shown) => void, dismiss: (ring: Shown) => void}} Answers */

export class RingView {
  /** @param {Answers} answers */
  constructor(answers) {
    this.answers = answers;
    this.drawn = "";
    /** Said at once by screen readers, whatever else they read. */
    this.element = el("section", { class: "rings", "aria-label": "Incoming calls", role: "alert", hidden: true });
  }

  /** @param {Shown[]} rings @param {boolean} busy we are in a call, which an answer would end */
  update(rings, busy) {
    const text = JSON.stringify([busy, rings.map(({ id, caller, place }) => [id, caller, place])]);
    if (text === this.drawn) return; // buttons keep the focus
    this.drawn = text;
    const held = /** @type {HTMLElement|null} */ (this.element.contains(document.activeElement) ? document.activeElement : null);
    const { ring, what } = /** @type {HTMLElement} */ (held)?.dataset ?? {};
    this.element.hidden = rings.length === 0;
    this.element.replaceChildren(...rings.map((ring) => this.card(ring, busy)));
    if (held) this.focus(`[data-ring="${CSS.escape(ring ?? "")}"][data-what="${what}"]`);
  }

  /** Brings the keyboard to a button, else to the first. @param {string} [which] */
  focus(which = "button") {
    const button = /** @type {HTMLElement|null} */ (this.element.querySelector(which) ?? this.element.querySelector("button"));
    button?.focus();
  }

  /** @param {Shown} ring @param {boolean} busy */
  card(ring, busy) {
    const kind = ring.intent === "audio" ? "Voice call" : ring.intent === "video" ? "Video call" : "Call";
    const to = `from ${shown(ring.caller)}`;
    const button = (/** @type {string} */ words, /** @type {string} */ kindOf, /** @type {keyof Answers} */ what, label = `${words} the call`) =>
      el("button", { type: "button", class: kindOf, "data-ring": ring.id, "data-what": what, "aria-label": `${label} ${to}`, click: () => this.answers[what](ring) }, words);
    const accept = busy ? button("Leave and answer", "primary", "accept", "Leave and answer: end this call and take the one") : button("Accept", "primary", "accept");
    return el("article", { class: "ring card" },
      el("p", { class: "who" }, icon(ring.intent === "audio" ? "mic" : "camera"), el("span", {}, el("strong", {}, bdi(shown(ring.caller))), " calls you")),
      el("p", { class: "faint" }, `${kind} in `, bdi(shown(ring.place))),
      el("div", { class: "row" }, accept, button("Decline", "refuse", "decline"), button("Silence", "plain", "dismiss")));
  }
}
