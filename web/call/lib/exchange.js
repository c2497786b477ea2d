/**
 * What is said inside a call: descriptions and candidates, in the order that both sides agree on. The base of negotiate.js,
 * which decides when there is a call at all. Pure.
 *
 * The exchange of descriptions goes stable → making → offered → applying → stable when we offer, and
 * stable → answering → stable when they do. The first exchange travels as invite and answer, later ones as negotiate both
 * ways. When both offer, the side that placed the call insists and the other gives way: its browser rolls the own offer
 * back and asks for negotiation again once all is quiet, so a wish that cannot be followed now need not be kept here.
 *
 * @typedef {import("./signals.js").Signal} Signal
 * @typedef {import("./signals.js").Draft} Draft
 * @typedef {import("./signals.js").Description} Description
 * @typedef {import("./signals.js").Candidate} Candidate
 * @typedef {import("./signals.js").Metadata} Metadata
 * @typedef {import("./callstate.js").CallState} CallState
 * @typedef {'absent'|'waiting'|'resting'|'calling'|'connected'|'broken'|'lingering'|'over'} State see negotiate.js
 *
 * @typedef {{do: 'open', call: string, outgoing: boolean} | {do: 'close', call: string}
 *   | {do: 'offer', call: string, step: number, restart: boolean}
 *   | {do: 'answer', call: string, step: number, description: Description}
 *   | {do: 'apply', call: string, step: number, description: Description}
 *   | {do: 'candidates', call: string, candidates: Candidate[]}
 *   | {do: 'streams', call: string, metadata: Metadata|null}
 *   | {do: 'send', call: string, session: string, draft: Draft}
 *   | {do: 'changed'}} Action
 */
import { isNumbered, LIFETIME, MESSAGE_ID_PREFIX } from "./signals.js";

/** Unanswered for so long after the homeserver took it, an invite is given up; all clients agree on it. */
const INVITE_TIMEOUT = 60_000;
/** Bounds the wait for a signaller that neither took nor refused a message. */
const HANDOVER_LIMIT = 300_000;
/** Bounds one local step, which takes milliseconds unless the connection is stuck. */
const STEP_LIMIT = 20_000;
/** No media for so long ends the call (js-sdk and Hydrogen: 30 s). */
export const GIVE_UP_AFTER = 30_000;
/** Candidates are collected shortly at first, since one of the early ones mostly wins. */
const BATCH_FIRST = 50;
const BATCH_MOST = 500;
const MAX_PER_MESSAGE = 100;
const RESEND_FIRST = 500;
const MAX_RESENDS = 5;
/** How a call fails in a local step. @type {{[exchange: string]: string}} */
export const STEPS = { making: "create_offer", applying: "set_remote_description", answering: "create_answer" };

export class Exchange {
  /** @type {State} */
  state = "absent";
  /** The peer's session ID while it is a member. */
  session = "";
  /** @type {CallState|null} */
  call = null;
  /** @type {Map<string, number>} due times by name */
  timers = new Map();
  /** @type {Metadata} */
  metadata = {};
  now = 0;
  /** @type {Action[]} of the event that is being handled */
  actions = [];

  /** @param {import("./types.js").Party} peer @param {() => number} random */
  constructor(peer, random) {
    this.peer = peer;
    this.random = random;
  }

  /** Takes up an event. @param {number} now */
  begin(now) {
    this.now = Math.max(this.now, now);
    this.actions = [];
  }

  /** @param {State} state */
  enter(state) {
    this.state = state;
  }

  /** Ends the call for a reason found here, and goes on. @param {string} _reason */
  fail(_reason) {}

  /** Renews ICE. */
  restart() {}

  /** @param {string} timer @param {number} after */
  arm(timer, after) {
    this.timers.set(timer, this.now + after);
  }

  /** @param {string} prefix a text within the grammar of opaque identifiers */
  newId(prefix) {
    const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return prefix + Array.from({ length: 16 }, () => letters[Math.floor(this.random() * letters.length)]).join("");
  }

  /**
   * @param {import("./signals.js").Body & {kind: import("./signals.js").Kind}} message
   * @param {string} [callId] of a call that we do not take; it has no run of numbers here
   */
  send(message, callId) {
    const call = callId === undefined ? this.call : null;
    const numbered = isNumbered(message.kind);
    /** @type {Draft} */
    const draft = {
      ...message, callId: callId ?? call?.id ?? "", messageId: this.newId(MESSAGE_ID_PREFIX),
      seq: !numbered ? null : call ? call.nextSeq++ : 0,
    };
    this.actions.push({ do: "send", call: draft.callId, session: this.session, draft });
  }

  /** The homeserver has a message; from now on its answer can come. @param {Draft} draft */
  sent({ kind, description }) {
    const call = this.call;
    if (!call) return;
    if (kind === "invite" && call.exchange === "offered") this.arm("invite", INVITE_TIMEOUT);
    if (kind === "negotiate" && call.exchange === "offered" && description?.type === "offer") this.arm("answer", LIFETIME);
    if (kind === "answer") this.expectMedia();
    if (kind === "candidates") call.resends = 0;
  }

  // The exchange of descriptions.

  /** @param {boolean} restart */
  makeOffer(restart) {
    const call = this.call;
    if (!call) return;
    call.exchange = "making";
    call.restarting = restart;
    call.restartWanted = call.wanted = false;
    this.actions.push({ do: "offer", call: call.id, step: ++call.step, restart });
    this.arm("step", STEP_LIMIT);
  }

  /** Media changed in a way that needs an offer. */
  wanted() {
    const call = this.call;
    if (!call || !call.established) return;
    if (call.exchange === "stable") this.makeOffer(false);
    else if (call.exchange === "answering" || call.exchange === "applying") call.wanted = true;
  }

  /** @param {number} step @param {Description} description */
  described(step, description) {
    const call = this.call;
    if (!call || call.step !== step) return;
    this.timers.delete("step");
    if (call.exchange === "making") this.offerMade(call, description);
    else if (call.exchange === "answering") this.answerMade(call, description);
  }

  /** @param {CallState} call @param {Description} description */
  offerMade(call, description) {
    call.exchange = "offered";
    call.described = description.sdp;
    const rest = { description, metadata: described(this.metadata, description.sdp) };
    if (call.established) this.send({ kind: "negotiate", ...rest });
    else this.send({ kind: "invite", ...rest, invitee: { user: this.peer.user_id, device: this.peer.device_id } });
    this.arm(call.established ? "answer" : "invite", HANDOVER_LIMIT);
    call.spoken = true;
    this.batchSoon();
  }

  /** @param {CallState} call @param {Description} description */
  answerMade(call, description) {
    const first = !call.established;
    this.settle(call);
    call.described = description.sdp;
    const metadata = described(this.metadata, description.sdp);
    this.send({ kind: first ? "answer" : "negotiate", description, metadata });
    if (first && this.state === "calling") this.arm("giveUp", HANDOVER_LIMIT);
    this.batchSoon();
    this.next();
  }

  /** The peer's answer to our invite. @param {Signal} signal */
  answered(signal) {
    if (this.call?.exchange !== "offered" || this.call.established) return;
    this.timers.delete("invite");
    this.send({ kind: "select_answer", selected: signal.partyId });
    this.applyAnswer(signal);
  }

  /** The peer's answer to a later offer of ours. @param {Signal} signal */
  negotiated(signal) {
    if (this.call?.exchange !== "offered" || !this.call.established) return;
    this.timers.delete("answer");
    this.applyAnswer(signal);
  }

  /** @param {Signal} signal */
  applyAnswer(signal) {
    const call = this.call;
    if (!call || !signal.description) return;
    call.exchange = "applying";
    this.showStreams(signal);
    this.actions.push({ do: "apply", call: call.id, step: ++call.step, description: signal.description });
    this.arm("step", STEP_LIMIT);
  }

  /** @param {number} step */
  applied(step) {
    const call = this.call;
    if (!call || call.step !== step || call.exchange !== "applying") return;
    this.timers.delete("step");
    this.settle(call);
    this.expectMedia();
    this.next();
  }

  /** @param {CallState} call */
  settle(call) {
    call.exchange = "stable";
    call.established = true;
    call.spoken = true;
    call.restarting = false;
  }

  /** Sets a time for a call that has not connected. */
  expectMedia() {
    if (this.state === "calling") this.arm("giveUp", GIVE_UP_AFTER);
  }

  /** Uses a quiet moment for what had to wait: the peer's offer first, ours can be made any time. */
  next() {
    const call = this.call;
    if (!call) return;
    const offer = call.queued;
    call.queued = null;
    if (offer) this.acceptOffer(offer);
    else if (call.restartWanted) this.restart();
    else if (call.wanted) this.makeOffer(false);
  }

  /** The peer's later offer. @param {Signal} signal */
  offerCame(signal) {
    const call = this.call;
    if (!call) return;
    switch (call.exchange) {
      case "applying":
      case "answering":
        call.queued = signal;
        return;
      case "making":
      case "offered":
        if (call.outgoing) return; // it gives way, and answers ours
        this.timers.delete("answer");
    }
    if (call.established) this.acceptOffer(signal);
  }

  /** @param {Signal} signal */
  acceptOffer(signal) {
    const call = this.call;
    if (!call || !signal.description) return;
    this.timers.delete("restart"); // if it restarts ICE, ours need not
    call.exchange = "answering";
    call.restarting = false;
    this.showStreams(signal);
    this.actions.push({ do: "answer", call: call.id, step: ++call.step, description: signal.description });
    this.arm("step", STEP_LIMIT);
  }

  /** @param {number} step */
  stepFailed(step) {
    if (this.call && this.call.step === step) this.fail(STEPS[this.call.exchange] ?? "unknown_error");
  }

  /** @param {Signal} signal */
  showStreams(signal) {
    this.actions.push({ do: "streams", call: signal.callId, metadata: signal.metadata ?? null });
  }

  /** @param {Metadata} metadata @param {boolean} tell */
  streams(metadata, tell) {
    this.metadata = metadata;
    if (tell && this.call?.spoken) this.send({ kind: "metadata", metadata });
  }

  // Candidates.

  /** @param {Candidate[]} candidates own ones */
  gathered(candidates) {
    const call = this.call;
    if (!call) return;
    call.pending.push(...candidates.filter((candidate) => isNews(candidate, call.described)));
    this.batchSoon();
  }

  batchSoon() {
    const call = this.call;
    if (!call || call.pending.length === 0 || !call.described || call.unsent || this.timers.has("batch")) return;
    this.arm("batch", Math.min(BATCH_FIRST * 2 ** call.batches, BATCH_MOST));
  }

  sendBatch() {
    const call = this.call;
    if (!call) return;
    // What was made before our last description may have found its way into it.
    const candidates = call.pending.filter((candidate) => isNews(candidate, call.described));
    call.pending = candidates.splice(MAX_PER_MESSAGE);
    if (candidates.length === 0) return;
    call.batches = Math.min(call.batches + 1, 8);
    this.send({ kind: "candidates", candidates });
    this.batchSoon();
  }

  /** Tries again under the old number. @param {Draft} draft */
  resendLater(draft) {
    const call = this.call;
    if (!call) return;
    if (call.resends < MAX_RESENDS) {
      call.unsent = draft;
      this.arm("resend", RESEND_FIRST * 2 ** call.resends++);
    } else if (this.state === "connected") { // it can do without
      call.unsent = null;
      call.resends = 0;
    } else this.fail("signalling_timeout");
  }

  resend() {
    const call = this.call;
    if (!call?.unsent) return;
    this.actions.push({ do: "send", call: call.id, session: this.session, draft: call.unsent });
    call.unsent = null;
    this.batchSoon();
  }
}

/** Whether a candidate is not in a description yet; browsers write what follows its type in two ways. @param {Candidate} is @param {string} sdp */
const isNews = (is, sdp) => !sdp.includes(is.candidate.replace(/^(.* typ \S+( raddr \S+ rport \S+)?( tcptype \S+)?).*$/, "$1"));

/** What an own description carries of our streams. @param {Metadata} metadata @param {string} sdp */
function described(metadata, sdp) {
  return Object.fromEntries(Object.entries(metadata).filter(([id]) => sdp.includes(`a=msid:${id} `)));
}
