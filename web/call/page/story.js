/**
 * What went on, told from one picture of the call to the next. The library tells of connections; here is what it
 * leaves out: who came, screens, and the server. Pure but for what it remembers.
 *
 * @typedef {import("../lib/types.js").Snapshot} Snapshot
 */
import { isolated, sentence } from "./words.js";

export class Story {
  constructor() {
    /** @type {Set<string>} */
    this.here = new Set();
    /** @type {Set<string>} */
    this.sharing = new Set();
    /** @type {Set<string>} of whom it was said that they speak in clear text */
    this.clear = new Set();
    this.state = "";
    this.way = "";
  }

  /** @param {Snapshot} snapshot @returns {string[]} sentences, the oldest first */
  tell(snapshot) {
    return [...this.ofServer(snapshot.state), ...this.ofPeople(snapshot), ...this.ofWay(snapshot)];
  }

  /** Whether we go through a member that forwards. @param {Snapshot} snapshot @returns {string[]} */
  ofWay({ through, state }) {
    if (!through || state !== "joined" || through.state === "connecting" || through.state === this.way) return [];
    this.way = through.state;
    return [sentence(through.words)];
  }

  /** @param {string} state @returns {string[]} */
  ofServer(state) {
    const before = this.state;
    this.state = state;
    if (state === before) return [];
    if (state === "reconnecting") return ["The server is gone; the call goes on."];
    if (state === "joined") return [before === "reconnecting" ? "The server is back." : "You are in the call."];
    return [];
  }

  /** @param {Snapshot} snapshot @returns {string[]} */
  ofPeople({ peers, state: own }) {
    /** @type {string[]} */
    const said = [];
    const here = new Set(), sharing = new Set();
    for (const { key, name, streams, state, trust, theirs } of peers) {
      here.add(key);
      if ((trust === "clear" || theirs === "clear") && !this.clear.has(key)) {
        this.clear.add(key);
        const way = trust === "clear" ? `${isolated(name)}’s program sends its call messages in clear text` : `Call messages to ${isolated(name)} go in clear text`;
        said.push(`${way}: servers between you could listen in.`);
      }
      if (!this.here.has(key) && this.here.size > 0 && state !== "connected") said.push(`${isolated(name)} joined.`);
      if (streams.some(({ purpose }) => purpose === "m.screenshare")) sharing.add(key);
      if (sharing.has(key) !== this.sharing.has(key)) said.push(`${isolated(name)} ${sharing.has(key) ? "shares the screen" : "no longer shares the screen"}.`);
    }
    if (own === "joined" || own === "reconnecting") here.add(""); // who was there before us did not join
    this.here = here;
    this.sharing = sharing;
    return said;
  }
}
