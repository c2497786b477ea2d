/**
 * The pair matrix: who receives whom, by the word of both ends.
 *
 * @typedef {import("../lib/types.js").Matrix} Matrix
 * @typedef {import("../lib/types.js").Cell} Cell
 */
import { bdi, dialog, el, icon, setText } from "./dom.js";
import { pairTrust, sentence, shown, sinceWhen, summary, trustSummary, VERDICTS } from "./words.js";

export class Pairs {
  constructor() {
    this.caption = el("p", { class: "summary", role: "status" });
    this.trust = el("p", { class: "faint" });
    this.table = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Pair matrix, can be scrolled" });
    this.element = dialog("pairs", "Who receives whom", this.caption, this.trust, this.table,
      el("p", { class: "faint" }, "Every device sends to every other by itself, or through one that forwards where a cell says so. A row sends, a column receives: sound above, picture below. Where only one end has reported, the cell says which. Below stands how well the two devices know each other, by the word of both: verified, end to end, by a server, or in clear text."));
    /** @type {Map<string, number>} */
    this.since = new Map();
    this.drawn = "";
  }

  /** @param {Matrix} matrix @param {string} self @param {number} now */
  update(matrix, self, now) {
    this.since = sinceWhen(this.since, matrix, now);
    if (!this.element.open) return;
    setText(this.caption, summary(matrix, this.since, now));
    setText(this.trust, trustSummary(matrix));
    const text = JSON.stringify([matrix.parties, [...matrix.cells].map(([pair, cell]) => [pair, cell.trust, cell.via, cell.audio, cell.video, cell.words, !cell.from, !cell.to])]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.table.replaceChildren(tableOf(matrix, self));
  }

  toggle() {
    if (this.element.open) this.element.close();
    else this.element.showModal();
  }
}

/** @param {Matrix} matrix @param {string} self */
function tableOf({ parties, cells }, self) {
  /** @param {Matrix["parties"][number]} party */
  const label = (party) => [bdi(shown(party.name)), party.key === self ? " (you)" : ""];
  return el("table", {},
    el("caption", { class: "unseen" }, "Sound and picture from each row to each column"),
    el("thead", {}, el("tr", {}, el("td", { class: "corner" }, "from ↓", " ", "to →"), ...parties.map((party) => el("th", { scope: "col" }, ...label(party))))),
    el("tbody", {}, ...parties.map((from) => el("tr", {}, el("th", { scope: "row" }, ...label(from)),
      ...parties.map((to) => (from.key === to.key ? el("td", { class: "same" }, el("span", { class: "unseen" }, "the same device")) : cellOf(cells.get(`${from.key}>${to.key}`), parties)))))));
}

/** @param {Cell} cell @param {Matrix["parties"]} parties */
function throughWhom({ via }, parties) {
  const party = via && parties.find(({ key }) => key === via);
  return via ? el("small", { class: "way" }, "through ", bdi(party ? shown(party.name) : "another")) : null;
}

/** Why nothing flows, by the word of one end. @param {Cell} cell */
const why = ({ words }) => words ? el("small", { class: "why" }, sentence(words)) : null;

/** How well the two know each other. @param {Cell} cell */
function knownAs({ trust }) {
  const { label, short, mood } = pairTrust(trust);
  return el("small", { class: `known ${mood}`, title: label }, mood === "fair" ? null : icon(mood === "bad" ? "stalled" : "shield"), el("span", { class: "unseen" }, "keys: "), short);
}

/** @param {Cell|undefined} cell @param {Matrix["parties"]} parties */
function cellOf(cell, parties) {
  if (!cell) return el("td", {}, el("span", { class: "verdict unknown" }, icon("unknown"), "no word yet"));
  return el("td", {}, verdictOf("sound", cell.audio), verdictOf("picture", cell.video), why(cell), throughWhom(cell, parties), knownAs(cell), oneEnd(cell));
}

/** @param {string} medium @param {import("../lib/types.js").Verdict} verdict */
const verdictOf = (medium, verdict) => el("span", { class: `verdict ${Object.hasOwn(VERDICTS, verdict) ? verdict : "unknown"}` },
  icon(medium === "sound" ? "mic" : "camera"), icon(verdict), el("span", { class: "unseen" }, `${medium} `), VERDICTS[verdict] ?? "not known");

/** Which end alone has spoken. @param {Cell} cell */
function oneEnd(cell) {
  if (Boolean(cell.from) === Boolean(cell.to)) return null;
  return el("small", {}, cell.from ? "sender’s word" : "receiver’s word");
}
