/**
 * What is said to a member that forwards, once there is a channel to it: which tracks of whom we want and how large, what of
 * ours is muted, that we are there, and the answers to its offers. Pure: what happens is an event handed to `handle` with
 * the time, what is to be done comes back as actions, in order; `deadline` says when to come back with {type: "tick"}.
 *
 * Who is new is subscribed to at once, and who is met directly again is let go at once. Sizes follow the screen, and
 * pictures that are not shown are let go, at most every two seconds: each of it costs the other end a key frame, an
 * end of a subscription an exchange of descriptions.
 *
 * @typedef {import("./signals.js").Description} Description
 * @typedef {import("./signals.js").Metadata} Metadata
 * @typedef {import("./focuswords.js").FocusStream} FocusStream
 * @typedef {import("./focuswords.js").Wish} Wish
 * @typedef {{width: number, height: number}} Size in device pixels; 0: it is not shown
 *
 * @typedef {{type: 'open'} | {type: 'said', text: any} | {type: 'tick'}
 *   | {type: 'want', owners: Set<string>, sizes: Map<string, Size>} | {type: 'own', metadata: Metadata}
 *   | {type: 'answered', description: Description}} Event
 *   want: whose tracks, by the keys of devices, and how large they are shown, by sizeKey; what has no size is wanted as
 *   large as it comes
 * @typedef {{do: 'say', text: string} | {do: 'answer', description: Description} | {do: 'changed'} | {do: 'fail'}
 *   | {do: 'rest', rids: Set<string>}} Action
 *   changed: what the other end says of streams; fail: it does not speak any more; rest: nobody wants these layers of ours
 */
import { readFocus, writeAnswer, writePing, writePong, writeStreams, writeSubscriptions } from "./focuswords.js";

export const SIZE_EVERY = 2000;
/** MSC3898: a ping after so long, and after the third without a word the call ends. */
export const PING_EVERY = 30_000;
const MAX_PINGS = 3;
/** Sizes are rounded up to it: a window that is dragged asks for less. */
const STEP = 16;

/** @param {string} owner @param {string} purpose */
export const sizeKey = (owner, purpose) => owner + " " + purpose;

/** @param {number} length */
const rounded = (length) => Math.ceil(length / STEP) * STEP;

export class FocusClient {
  constructor() {
    this.isOpen = false;
    /** Whether the other end has said what there is. */
    this.isTold = false;
    /** @type {Map<string, FocusStream>} as told last */
    this.streams = new Map();
    /** @type {Map<string, Wish>} what we subscribed to */
    this.asked = new Map();
    /** @type {Set<string>} */
    this.owners = new Set();
    /** @type {Map<string, Size>} */
    this.sizes = new Map();
    /** @type {Metadata} */
    this.own = {};
    this.sizedAt = -Infinity;
    this.sizesDue = Infinity;
    this.pingDue = Infinity;
    this.pings = 0;
    /** @type {Action[]} of the event that is being handled */
    this.actions = [];
  }

  /** @param {Event} event @param {number} now @returns {Action[]} */
  handle(event, now) {
    this.actions = [];
    this.take(event, now);
    if (this.isOpen) this.ask(now);
    return this.actions;
  }

  /** When `handle` wants a tick; Infinity for never. */
  deadline() {
    return Math.min(this.sizesDue, this.pingDue);
  }

  /** @param {Event} event @param {number} now */
  take(event, now) {
    switch (event.type) {
      case "open":
        this.isOpen = true;
        this.pingDue = now + PING_EVERY;
        return this.say(writeStreams(this.own));
      case "own":
        this.own = event.metadata;
        return this.say(writeStreams(this.own));
      case "want":
        ({ owners: this.owners, sizes: this.sizes } = event);
        return;
      case "answered": return this.say(writeAnswer(event.description));
      case "said": return this.hear(event.text, now);
      case "tick": return this.ping(now);
    }
  }

  /** @param {string} text */
  say(text) {
    if (this.isOpen) this.actions.push({ do: "say", text });
  }

  /** @param {any} text @param {number} now */
  hear(text, now) {
    this.pings = 0; // whatever it says, it is there
    this.pingDue = now + PING_EVERY;
    const message = readFocus(text);
    if (message?.kind === "ping") this.say(writePong());
    if (message && "streams" in message && message.streams) {
      this.streams = message.streams;
      this.isTold = true;
      for (const [key, { stream, track }] of this.asked) if (!this.streams.get(stream)?.tracks.has(track)) this.asked.delete(key);
      this.actions.push({ do: "changed" });
    }
    if (message?.kind === "resting") this.actions.push({ do: "rest", rids: message.rids });
    if (message?.kind === "negotiate") this.actions.push({ do: "answer", description: message.description });
  }

  /** @param {number} now */
  ping(now) {
    if (now < this.pingDue) return;
    this.pingDue = now + PING_EVERY;
    if (this.pings++ >= MAX_PINGS) this.actions.push({ do: "fail" });
    else this.say(writePing());
  }

  /** Says what is wanted and was not said yet. @param {number} now */
  ask(now) {
    const wanted = this.wishes();
    const fresh = [...wanted].filter(([key]) => !this.asked.has(key));
    const over = [...this.asked].filter(([, { stream }]) => !this.owners.has(this.streams.get(stream)?.owner ?? ""));
    const hidden = [...this.asked].filter(([key, { stream }]) => !wanted.has(key) && this.owners.has(this.streams.get(stream)?.owner ?? ""));
    const resized = [...wanted].filter(([key, is]) => isOther(this.asked.get(key), is));
    const mayResize = hidden.length + resized.length > 0 && now >= this.sizedAt + SIZE_EVERY;
    this.sizesDue = hidden.length + resized.length > 0 && !mayResize ? this.sizedAt + SIZE_EVERY : Infinity;
    if (mayResize || fresh.length > 0) this.sizedAt = now;
    const subscribe = mayResize ? [...fresh, ...resized] : fresh, unsubscribe = mayResize ? [...over, ...hidden] : over;
    for (const [key] of unsubscribe) this.asked.delete(key);
    for (const [key, is] of subscribe) this.asked.set(key, is);
    for (const text of writeSubscriptions(subscribe.map(([, is]) => is), unsubscribe.map(([, is]) => is))) this.say(text);
  }

  /** @returns {Map<string, Wish>} */
  wishes() {
    /** @type {Map<string, Wish>} */
    const wishes = new Map();
    for (const [stream, { owner, purpose, tracks }] of this.streams) {
      if (!this.owners.has(owner)) continue;
      for (const [track, { kind }] of tracks) {
        const size = kind === "video" ? this.sizes.get(sizeKey(owner, purpose)) : undefined;
        if (size && !(size.width > 0 && size.height > 0)) continue;
        wishes.set(JSON.stringify([stream, track]), { stream, track, width: rounded(size?.width ?? 0), height: rounded(size?.height ?? 0) });
      }
    }
    return wishes;
  }
}

/** @param {Wish|undefined} was @param {Wish} is */
const isOther = (was, is) => was !== undefined && (was.width !== is.width || was.height !== is.height);
