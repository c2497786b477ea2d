/**
 * Two negotiations with a network between them that delays, doubles, disorders and loses, in virtual time and from a seed.
 */
import { Negotiation } from "../negotiate.js";
import { readSignal, writeSignal } from "../signals.js";

/** mulberry32. */
export function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PARTIES = [{ user_id: "@a:x", device_id: "A" }, { user_id: "@b:x", device_id: "B" }];

export class Pair {
  constructor(seed = 1) {
    this.random = seeded(seed);
    this.now = 1_000_000;
    this.agenda = [];
    this.log = [];
    this.troubles = { loss: 0, twice: 0, delay: [5, 5], ice: true };
    this.sides = PARTIES.map((self, i) => ({
      i, self, session: "s" + i, machine: new Negotiation({ self, peer: PARTIES[1 - i], random: this.random }), connection: null, due: Infinity,
    }));
  }

  other(side) {
    return this.sides[1 - side.i];
  }

  after(ms, call) {
    this.agenda.push({ at: this.now + ms, order: this.random() * 0.001, call });
  }

  between([least, most]) {
    return least + this.random() * (most - least);
  }

  handle(side, event) {
    const actions = side.machine.handle(event, this.now);
    for (const action of actions) this.act(side, action);
    side.due = side.machine.deadline();
  }

  act(side, action) {
    this.log.push([this.now - 1_000_000, side.i, action]);
    switch (action.do) {
      case "open":
        side.connection = { call: action.call, signalling: "stable", up: false, wants: false, exchanged: false };
        return;
      case "close":
        side.connection = null;
        return this.broke(this.other(side), action.call);
      case "send":
        return this.carry(side, action);
      case "offer": case "answer": case "apply":
        return this.queue(side, side.connection, action);
    }
  }

  /** A browser does one thing after another. */
  queue(side, connection, action) {
    connection.free = Math.max(connection.free ?? 0, this.now) + this.between([1, 30]);
    this.after(connection.free - this.now, () => this.step(side, connection, action));
  }

  /** What a browser does. */
  step(side, connection, { do: what, call, step, description }) {
    if (!connection || connection !== side.connection) return;
    if (what === "offer") {
      connection.signalling = "offered";
      return this.handle(side, { type: "described", call, step, description: { type: "offer", sdp: "offer " + step } });
    }
    if (what === "apply") {
      if (connection.signalling !== "offered") return this.handle(side, { type: "failed", call, step, words: "no offer" });
      connection.signalling = "stable";
      this.handle(side, { type: "applied", call, step });
    } else {
      if (description.type !== "offer") throw new Error("not an offer");
      if (connection.signalling === "offered") connection.wants = true; // rolled back; it will ask again
      connection.signalling = "stable";
      this.handle(side, { type: "described", call, step, description: { type: "answer", sdp: "answer " + step } });
    }
    connection.exchanged = true;
    if (connection.wants && side.connection === connection) {
      connection.wants = false;
      this.after(1, () => side.connection === connection && this.handle(side, { type: "wanted", call }));
    }
    this.after(this.between([10, 400]), () => this.connect(call));
  }

  connect(call) {
    const both = this.sides.every(({ connection }) => connection?.call === call && connection.exchanged);
    if (!both || !this.troubles.ice) return;
    for (const side of this.sides) {
      if (side.connection?.call !== call || side.connection.up) continue;
      side.connection.up = true;
      this.handle(side, { type: "ice", call, state: "connected" });
    }
  }

  broke(side, call) {
    for (const [ms, state] of [[5000, "disconnected"], [15_000, "failed"]]) {
      this.after(ms, () => {
        if (side.connection?.call !== call || this.other(side).connection?.call === call) return;
        side.connection.up = false;
        this.handle(side, { type: "ice", call, state });
      });
    }
  }

  /** The network under a call goes away; a later exchange brings it back. */
  cut() {
    for (const side of this.sides) {
      const call = side.connection?.call;
      if (!side.connection?.up) continue;
      side.connection.up = false;
      this.handle(side, { type: "ice", call, state: "disconnected" });
    }
  }

  carry(side, { call, session, draft }) {
    const to = this.other(side), { self } = side;
    const { event, content } = writeSignal({
      ...draft, confId: "conf", slotId: "", roomId: "!r", deviceId: self.device_id, partyId: self.device_id,
      senderSession: side.session, destSession: session,
    });
    const isLost = this.random() < this.troubles.loss;
    this.after(20, () => this.handle(side, { type: "sent", call, draft }));
    for (let copies = isLost ? 0 : this.random() < this.troubles.twice ? 2 : 1; copies > 0; copies--) {
      this.after(this.between(this.troubles.delay), () => {
        const signal = readSignal(event, JSON.parse(JSON.stringify(content)));
        if (content.dest_session_id === to.session) this.handle(to, { type: "signals", signals: [signal] });
      });
    }
  }

  join() {
    for (const side of this.sides) this.handle(side, { type: "member", session: this.other(side).session });
  }

  /** Lets time pass. */
  run(ms) {
    const end = this.now + ms;
    for (let turns = 0; ; turns++) {
      if (turns > 100_000) throw new Error("no end of it");
      this.agenda.sort((a, b) => a.at - b.at || a.order - b.order);
      const timer = this.sides.reduce((least, side) => side.due < least.due ? side : least);
      const next = this.agenda[0];
      if (Math.min(next?.at ?? Infinity, timer.due) > end) break;
      if (next && next.at <= timer.due) {
        this.agenda.shift();
        this.now = Math.max(this.now, next.at);
        next.call();
      } else {
        this.now = Math.max(this.now, timer.due);
        this.handle(timer, { type: "tick" });
      }
    }
    this.now = end;
  }

  states() {
    return this.sides.map(({ machine }) => machine.state);
  }

  sent(kind) {
    return this.log.filter(([, , action]) => action.do === "send" && action.draft.kind === kind);
  }
}
