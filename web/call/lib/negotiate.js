/**
 * Decides what happens between us and one other device: who calls, what is answered, when to repair, when to give up and
 * when to try again (MSC3401, decisions D18 to D26 and D29). Pure: what happens is an event handed to `handle` with the
 * time, what is to be done comes back as actions, in order; `deadline` says when to come back with {type: "tick"}.
 *
 *   absent     no member                         waiting    a member whose part it is to call
 *   resting    a member whom we call later       calling    a call exists and has not connected
 *   connected  media can flow                    broken     it was connected, and is under repair
 *   lingering  membership gone, media flows      over       we left; final
 *
 * What is said inside a call is in exchange.js.
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {import("./signals.js").Signal} Signal
 * @typedef {import("./signals.js").Draft} Draft
 * @typedef {import("./signals.js").Description} Description
 * @typedef {import("./signals.js").Candidate} Candidate
 * @typedef {import("./signals.js").Metadata} Metadata
 * @typedef {import("./exchange.js").State} State
 * @typedef {import("./exchange.js").Action} Action
 *
 * @typedef {{type: 'member', session: string}
 *   | {type: 'gone'} | {type: 'ended'} | {type: 'leave'} | {type: 'tick'} | {type: 'wanted', call?: string}
 *   | {type: 'signals', signals: Signal[]}
 *   | {type: 'described', call: string, step: number, description: Description}
 *   | {type: 'applied', call: string, step: number}
 *   | {type: 'failed', call: string, step: number, words: string}
 *   | {type: 'candidates', call: string, candidates: Candidate[]}
 *   | {type: 'ice', call: string, state: 'connected'|'disconnected'|'failed'}
 *   | {type: 'relays', call: string, fresh: boolean, stranded: boolean}
 *   | {type: 'sent', call: string, draft: Draft} | {type: 'unsent', call: string, draft: Draft}
 *   | {type: 'streams', metadata: Metadata, tell: boolean}
 *   | {type: 'network', certain: boolean} | {type: 'link', up: boolean}} Event
 *
 * gone: the membership is, without a word; ended: the user left the room. described: the offer or answer of a step is made.
 * network: the way out may have changed (certain) or the page slept. link: the way to the homeserver. streams: what our
 * streams are for; tell: those already described changed. relays: they refuse us; fresh: now there are others, to be
 * asked; stranded: no other way is allowed.
 */
import { INVITE_LIMIT, Invites, openCall, within } from "./callstate.js";
import { Exchange, GIVE_UP_AFTER, STEPS } from "./exchange.js";
import { Order } from "./order.js";
import { calls } from "./pairing.js";
import { rest } from "./reasons.js";
import { MESSAGE_ID_PREFIX } from "./signals.js";

/** ICE often heals by itself within this time (js-sdk: 2 s). */
const RESTART_AFTER = 3000;
/** D26. */
const GRACE = 10_000;
const MAX_RESTARTS = 3;
const RESTART_WINDOW = 60_000;
/** A call that lived shorter counts as a failed attempt. */
const SHORT_LIFE = 10_000;
/** Timers that outlive a call; all others end with it. */
const PAIR_TIMERS = ["attempt", "grace"];
/** How a call fails when a message could not be sent. @type {{[kind: string]: string}} */
const UNSENT = { invite: "send_invite", answer: "send_answer", negotiate: "signalling_timeout" };

export class Negotiation extends Exchange {
  /** @param {{self: Party, peer: Party, random?: () => number}} pair random: 0 to 1, hard to guess */
  constructor({ self, peer, random = Math.random }) {
    super(peer, random);
    /** Whether it is our part to place the calls. */
    this.caller = calls(self, peer);
    this.order = new Order();
    this.counts = { attempts: 0, faults: 0 };
    /** @type {number[]} */
    this.restarts = [];
    this.invites = new Invites(INVITE_LIMIT);
    /** Why the last call ended; "" while nothing has. */
    this.reason = "";
    this.linkUp = true;
  }

  /** @param {Event} event @param {number} now @returns {Action[]} */
  handle(event, now) {
    this.begin(now);
    const before = this.look();
    this.take(event);
    this.tick();
    if (this.look() !== before) this.actions.push({ do: "changed" });
    return this.actions;
  }

  /** What a viewer may see of us. */
  look() {
    return [this.state, this.call?.id, this.call?.established, this.reason].join(" ");
  }

  /** When `handle` wants a tick; Infinity for never. */
  deadline() {
    return Math.min(this.order.deadline(), ...this.timers.values());
  }

  /** Whether there is a call. */
  get isLive() {
    return this.call !== null;
  }

  /** @param {Event} event */
  take(event) {
    if (this.state === "over") return;
    if ("call" in event && event.call !== undefined && event.call !== this.call?.id) return; // about a call that is over
    switch (event.type) {
      case "member": return this.joined(event.session);
      case "gone": return this.gone();
      case "ended": return this.part();
      case "leave": return this.leave();
      case "signals": return this.receive(this.order.accept(event.signals, this.now));
      case "described": return this.described(event.step, event.description);
      case "applied": return this.applied(event.step);
      case "failed": return this.stepFailed(event.step);
      case "candidates": return this.gathered(event.candidates);
      case "ice": return this.ice(event.state);
      case "relays": return this.relays(event.fresh, event.stranded);
      case "sent": return this.sent(event.draft);
      case "unsent": return this.unsent(event.draft);
      case "streams": return this.streams(event.metadata, event.tell);
      case "wanted": return this.wanted();
      case "network": return this.network(event.certain);
      case "link": return this.link(event.up);
    }
  }

  /** Deals with all that has come due, the earliest first. */
  tick() {
    for (;;) {
      const [name, at] = [...this.timers].reduce((least, timer) => timer[1] < least[1] ? timer : least, ["", Infinity]);
      if (at > this.now) break;
      this.timers.delete(name);
      this.due(name);
    }
    this.receive(this.order.due(this.now));
  }

  /** @param {string} timer */
  due(timer) {
    switch (timer) {
      case "attempt": return this.place();
      case "grace": return this.part();
      case "invite": return this.fail("invite_timeout");
      case "answer": return this.fail("signalling_timeout");
      case "step": return this.fail(STEPS[this.call?.exchange ?? ""] ?? "unknown_error");
      case "restart": return this.restart();
      case "giveUp": return this.giveUp();
      case "batch": return this.sendBatch();
      case "resend": return this.resend();
    }
  }

  // The pair.

  /** @param {string} session */
  joined(session) {
    if (this.state === "absent") return this.meet(session);
    if (this.session !== session) {
      this.timers.delete("grace");
      this.timers.delete("attempt");
      if (this.call) this.end("new_session", true);
      return this.meet(session);
    }
    if (this.state === "lingering") {
      this.timers.delete("grace");
      this.enter("connected");
    }
  }

  /** @param {string} session */
  meet(session) {
    this.session = session;
    this.counts = { attempts: 0, faults: 0 };
    this.reason = "";
    if (this.caller) this.place();
    else this.enter("waiting");
  }

  /** The membership is gone without a word: perhaps only the peer's homeserver is away (D26). */
  gone() {
    if (this.state === "connected") {
      this.enter("lingering");
      this.arm("grace", GRACE);
    } else if (this.state !== "lingering") this.part();
  }

  part() {
    for (const timer of PAIR_TIMERS) this.timers.delete(timer);
    if (this.call) this.end("", false); // it is no member, so it gets no hang-up
    this.enter("absent");
  }

  leave() {
    for (const timer of PAIR_TIMERS) this.timers.delete(timer);
    if (this.call) this.end("user_hangup", this.state !== "lingering");
    this.enter("over");
  }

  /** Goes on after a call has ended. @param {string} reason */
  goOn(reason) {
    if (this.state === "lingering") return this.part();
    if (!this.caller) {
      this.enter("waiting");
      return;
    }
    const wait = rest(reason, this.counts, this.random);
    if (wait === 0) return this.place();
    this.enter("resting");
    this.arm("attempt", wait);
  }

  /** @param {boolean} up */
  link(up) {
    const back = up && !this.linkUp;
    this.linkUp = up;
    if (back && this.state === "broken" && this.call?.outgoing) this.restart();
  }

  // One call.

  place() {
    this.counts.attempts++;
    this.timers.delete("attempt");
    this.call = openCall(this.newId(this.now.toString()), true);
    this.order.expect(this.call.id);
    this.enter("calling");
    this.actions.push({ do: "open", call: this.call.id, outgoing: true });
    this.makeOffer(false);
  }

  /** Answers the peer's invite; there is no other call. @param {Signal} invite */
  answer(invite) {
    this.timers.delete("attempt");
    this.call = openCall(invite.callId, false);
    this.enter("calling");
    this.actions.push({ do: "open", call: invite.callId, outgoing: false });
    this.acceptOffer(invite);
  }

  /** @param {string} reason @param {boolean} tell whether the peer, if it knows of the call, is told */
  end(reason, tell) {
    const call = this.call;
    if (!call) return;
    if (tell && call.spoken) this.send({ kind: "hangup", reason });
    if (reason) this.reason = reason;
    if (call.connectedAt > 0) this.counts.attempts = this.now - call.connectedAt < SHORT_LIFE ? 1 : 0;
    for (const timer of [...this.timers.keys()]) if (!PAIR_TIMERS.includes(timer)) this.timers.delete(timer);
    this.order.bury(call.id, this.now);
    this.actions.push({ do: "close", call: call.id });
    this.call = null;
  }

  /** Ends the call for a reason found here, and goes on. @param {string} reason */
  fail(reason) {
    this.end(reason, true);
    this.goOn(reason);
  }

  /** The signaller gave a message up. @param {Draft} draft */
  unsent(draft) {
    if (draft.kind === "candidates") return this.resendLater(draft);
    if (draft.kind === "invite" && this.call) this.call.spoken = false;
    if (UNSENT[draft.kind]) this.fail(UNSENT[draft.kind]);
  }

  // Messages.

  /** @param {Signal[]} signals whose turn it is */
  receive(signals) {
    for (const signal of signals) {
      const isOurs = this.call?.id === signal.callId;
      if (signal.kind === "invite") this.invited(signal);
      else if (signal.kind === "hangup" || signal.kind === "reject") {
        this.order.bury(signal.callId, this.now);
        if (isOurs) this.hungUp(signal.reason ?? "user_hangup");
      } else if (isOurs) this.receiveInCall(signal);
    }
  }

  /** @param {Signal} signal */
  receiveInCall(signal) {
    switch (signal.kind) {
      case "answer": return this.answered(signal);
      case "negotiate": return signal.description?.type === "offer" ? this.offerCame(signal) : this.negotiated(signal);
      case "candidates": {
        const candidates = signal.candidates ?? [];
        if (candidates.length > 0) this.actions.push({ do: "candidates", call: signal.callId, candidates });
        return;
      }
      case "metadata": return this.showStreams(signal);
    }
  }

  /** @param {string} reason */
  hungUp(reason) {
    this.end(reason, false);
    this.goOn(reason);
  }

  /** One that is not taken is dead, whatever the cause. @param {Signal} invite */
  invited(invite) {
    if (!this.order.isBuried(invite.callId, this.now) && this.invites.may(this.now)) {
      if (this.call) this.contend(invite);
      else if (this.state === "waiting" || this.state === "resting") this.answer(invite);
    }
    if (this.call?.id !== invite.callId) this.order.bury(invite.callId, this.now);
  }

  /** Decides between the present call and one that the peer offers. @param {Signal} invite */
  contend(invite) {
    const call = this.call;
    if (!call || this.state === "lingering") return;
    // The peer placed the present call and now another, or ours is no good any more: it knows better.
    if (!call.outgoing || this.state === "broken") return this.replace(invite, true);
    if (!call.spoken) return this.replace(invite, false); // theirs is further
    // It has answered ours, so what comes now was sent before that.
    if (call.established || call.exchange === "applying" || this.ownWins(invite)) {
      return this.send({ kind: "hangup", reason: "replaced" }, invite.callId);
    }
    this.replace(invite, true);
  }

  /** @param {Signal} invite @param {boolean} tell */
  replace(invite, tell) {
    this.end("replaced", tell);
    this.answer(invite);
  }

  /** Glare, decided alike at both ends (D22). @param {Signal} invite */
  ownWins(invite) {
    // We placed ours because it is our part; our own kind knows that.
    return invite.messageId.startsWith(MESSAGE_ID_PREFIX) || (this.call?.id ?? "") < invite.callId;
  }

  // Repair.

  /** @param {'connected'|'disconnected'|'failed'} state */
  ice(state) {
    if (state === "connected") return this.connected();
    if (this.state === "lingering") return this.part();
    if (this.state === "connected" || (this.state === "calling" && state === "failed")) {
      this.arm("giveUp", GIVE_UP_AFTER);
      this.enter("broken");
      // Only the side that placed the call restarts ICE, or both would.
      if (this.call?.outgoing && state === "disconnected") this.arm("restart", RESTART_AFTER);
    }
    if (this.state === "broken" && this.call?.outgoing && state === "failed") this.restart();
  }

  connected() {
    const call = this.call;
    if (!call) return;
    this.timers.delete("restart");
    this.timers.delete("giveUp");
    if (call.connectedAt === 0) call.connectedAt = this.now;
    call.restartWanted = false;
    this.counts.faults = 0;
    this.reason = "";
    if (this.state === "calling" || this.state === "broken") this.enter("connected");
  }

  /** Renews ICE, at once or as soon as the exchange under way is complete. */
  restart() {
    const call = this.call;
    if (!call || call.restarting) return;
    this.timers.delete("restart");
    if (!call.established) return this.fail("ice_failed");
    if (call.exchange !== "stable") {
      call.restartWanted = true;
      return;
    }
    if (this.mayRestart()) this.makeOffer(true);
    else if (this.state === "broken") this.fail("ice_failed");
  }

  /** Relays refuse us. @param {boolean} fresh there are others now @param {boolean} stranded there is no other way */
  relays(fresh, stranded) {
    const call = this.call;
    if (!call || (this.state !== "calling" && this.state !== "broken")) return;
    if (fresh && call.exchange === "stable") this.restart();
    else if (fresh) call.restartWanted = true;
    else if (stranded && this.linkUp) this.fail("ice_failed"); // else nothing better can be had
  }

  mayRestart() {
    this.restarts = within(this.restarts, this.now, RESTART_WINDOW);
    return this.restarts.length < MAX_RESTARTS && this.restarts.push(this.now) > 0;
  }

  /**
   * The network changed under us, or the page slept. Both sides may ask for a restart then: the other may not notice.
   * @param {boolean} certain
   */
  network(certain) {
    const call = this.call;
    if (!call?.established || call.restarting || !this.linkUp) return;
    if (this.state !== "broken" && !(certain && this.state === "connected")) return;
    if (call.exchange !== "stable") call.restartWanted = true;
    else if (this.mayRestart()) this.makeOffer(true);
  }

  /** No media for too long. While the homeserver is away nothing better can be had. */
  giveUp() {
    if (!this.linkUp) return this.arm("giveUp", GIVE_UP_AFTER);
    this.fail(this.call?.connectedAt ? "ice_failed" : "ice_timeout");
  }
}
