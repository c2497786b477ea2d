/**
 * One other device: drives its negotiation (negotiate.js) and its connection (connection.js).
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {import("./negotiate.js").Event} Event
 * @typedef {import("./exchange.js").Action} Action
 * @typedef {import("./pairing.js").Meeting} Meeting
 * @typedef {{now: () => number, after: (ms: number, call: () => void) => () => void}} Clock
 *
 * @typedef {object} Host What a peer needs of its mesh.
 * @property {Clock} clock
 * @property {Party} self
 * @property {() => RTCConfiguration} configuration
 * @property {(servers: RTCIceServer[]) => Promise<boolean>} renewRelays these do not know us: whether there are others now
 * @property {import("./connection.js").Source} source
 * @property {(peer: Peer, draft: import("./signals.js").Draft, session: string) => Promise<void>} send
 * @property {() => void} changed
 * @property {(party: Party) => string} nameOf
 * @property {import("./framekeys.js").FrameKeys|null} frames where frames are encrypted
 * @property {(peer: Peer) => boolean} protects whether those for a peer are, then
 * @property {(peer: Peer) => import("./focusline.js").FocusLine|null} openLine to a peer that shall forward for us
 * @property {(key: string) => Peer|undefined} peerOf another device
 * @property {(peer: Peer) => void} lineChanged what comes by its data channel changed
 */
import { Connection } from "./connection.js";
import { keyOf } from "./members.js";
import { Negotiation } from "./negotiate.js";
import { Proofs } from "./proof.js";
import { hostOf } from "./relay.js";
import { arrived, levelOf, Meter, statsOf } from "./stats.js";
import { frameWords, peerWords } from "./words.js";

/** Codes of refusals that are about the device, not about the way to it. */
const DISTRUSTS = new Set(["untrusted", "no_keys", "not_allowed"]);
export const PURPOSES = ["m.usermedia", "m.screenshare"];

export class Peer {
  /** @param {Host} host @param {Meeting} meeting */
  constructor(host, meeting) {
    this.host = host;
    this.meeting = meeting;
    this.party = { user_id: meeting.member.user_id, device_id: meeting.member.device_id };
    this.key = keyOf(this.party);
    this.negotiation = new Negotiation({ self: host.self, peer: this.party, random: secureRandom });
    /** @type {Connection|null} */
    this.connection = null;
    /** @type {import("./focusline.js").FocusLine|null} to a peer that forwards for us */
    this.line = null;
    this.heardBytes = 0;
    /** When the connection was last asked, and when it was found to have brought anything at all. */
    this.askedAt = this.heardAt = -Infinity;
    /** @type {import("./signals.js").Metadata|null} what the peer says of its streams */
    this.metadata = null;
    this.proofs = new Proofs();
    /** Why the device is not listened or spoken to, in words; "" when it is (decision D24). */
    this.distrust = "";
    /** What is wrong with our relays, in words, from one attempt to the next. */
    this.relays = "";
    /** @type {RTCIceServer[]|null} those that did not know us, and for which there were others */
    this.outdated = null;
    this.meter = new Meter();
    this.since = host.clock.now();
    this.calledAt = 0;
    /** @type {import("./types.js").PeerState} */
    this.shown = "waiting";
    this.cancelTimer = () => {};
  }

  /** @param {Event} event */
  handle(event) {
    const actions = this.negotiation.handle(event, this.host.clock.now());
    for (const action of actions) this.act(action);
    this.cancelTimer();
    const at = this.negotiation.deadline();
    if (at !== Infinity) {
      this.cancelTimer = this.host.clock.after(Math.max(0, at - this.host.clock.now()), () => this.handle({ type: "tick" }));
    }
  }

  /** @param {Action} action */
  act(action) {
    switch (action.do) {
      case "open": return this.open(action.call);
      case "close": return this.close();
      case "offer": return this.connection?.offer(action.step, action.restart);
      case "answer": return this.connection?.answer(action.step, action.description);
      case "apply": return this.connection?.apply(action.step, action.description);
      case "candidates": return this.connection?.addCandidates(action.candidates);
      case "streams":
        this.metadata = action.metadata;
        return this.host.changed();
      case "send": return this.send(action);
      case "changed": return this.changed();
    }
  }

  /** @param {string} call */
  open(call) {
    this.calledAt = this.host.clock.now();
    this.close();
    this.metadata = null;
    try {
      this.connection = this.connect(call);
      this.openLine();
    } catch (error) { // a browser that has too many, or does not take the ICE servers
      queueMicrotask(() => this.handle({ type: "failed", call, step: this.negotiation.call?.step ?? 0, words: String(error) }));
    }
  }

  /** @param {string} call */
  connect(call) {
    return new Connection(this.host.configuration(), this.host.source, {
      described: (step, description) => this.handle({ type: "described", call, step, description }),
      applied: (step) => this.handle({ type: "applied", call, step }),
      failed: (step, error) => this.handle({ type: "failed", call, step, words: String(error) }),
      candidate: (candidate) => this.handle({ type: "candidates", call, candidates: [candidate] }),
      wanted: () => this.handle({ type: "wanted", call }),
      ice: (state) => this.handle({ type: "ice", call, state }),
      streams: () => this.streamsChanged(),
      relays: () => this.relaysSaid(call),
      layers: this.meeting.member.forwards === true,
      protect: (pc) => this.host.protects(this) ? this.host.frames?.cryptor.protect(pc, this.key) ?? null : null,
    });
  }

  /** A relay answered, refused us or was silent. @param {string} call */
  async relaysSaid(call) {
    const relays = this.connection?.relays;
    if (!relays) return;
    if (relays.works || relays.words) this.relays = relays.words;
    this.host.changed();
    const { outdated, stranded, servers } = relays;
    if ((!outdated && !stranded) || servers === this.outdated) return;
    const fresh = outdated && await this.host.renewRelays(servers);
    if (fresh && servers === this.outdated) return; // told already
    if (fresh) this.outdated = servers;
    this.handle({ type: "relays", call, fresh, stranded });
  }

  /** Opens the data channel to a peer that is to forward for us, unless there is one. */
  openLine() {
    if (this.connection) this.line ??= this.host.openLine(this);
  }

  /** Streams came or went, or it is said whose they are. */
  streamsChanged() {
    if (this.line) this.host.lineChanged(this);
    this.host.changed();
  }

  /** For how long it has brought nothing, as far as is known: one that is not asked, on a busy machine, is not silent. */
  silence() {
    return this.heardAt === -Infinity ? Infinity : this.askedAt - this.heardAt;
  }

  close() {
    this.line?.close();
    this.line = null;
    this.heardBytes = 0;
    this.heardAt = -Infinity;
    this.connection?.close();
    this.connection = null;
    this.meter = new Meter();
  }

  /** @param {Extract<Action, {do: 'send'}>} action */
  send({ call, draft, session }) {
    this.host.send(this, draft, session).then(
      () => this.handle({ type: "sent", call, draft }),
      (error) => {
        if (DISTRUSTS.has(error?.code)) this.distrust = String(error.words ?? "");
        this.handle({ type: "unsent", call, draft });
      },
    );
  }

  changed() {
    const shown = this.state();
    if (shown !== this.shown) this.since = this.host.clock.now();
    this.shown = shown;
    this.host.changed();
  }

  /** Asks the connection for its numbers. @returns {Promise<any[]|null>} */
  async measure() {
    const { connection, meter } = this;
    const report = await connection?.pc.getStats().catch(() => null);
    if (connection !== this.connection) return null;
    const now = this.askedAt = this.host.clock.now();
    if (!report) return null;
    const entries = [.../** @type {any} */ (report).values()];
    const bytes = arrived(entries);
    if (bytes > this.heardBytes) this.heardAt = now;
    this.heardBytes = bytes;
    const others = this.forwardedTracks();
    meter.take(statsOf(entries, (id) => !others.has(id)), now);
    return entries;
  }

  /** @param {number} now @returns {boolean} whether speaking changed */
  hear(now) {
    const others = this.forwardedTracks();
    return this.meter.hear(levelOf(this.connection?.pc.getReceivers().filter(({ track }) => !others.has(track.id)) ?? []), now);
  }

  /** @returns {Set<string>} the IDs of tracks that are not its own */
  forwardedTracks() {
    const told = this.line?.client.streams;
    const streams = [...this.connection?.remote.values() ?? []].filter(({ id }) => told?.get(id)?.owner);
    return new Set(streams.flatMap((stream) => stream.getTracks().map(({ id }) => id)));
  }

  /** A message for this pair. @param {import("./envelope.js").Received} received */
  receive({ signal, encrypted, authenticated, verified }) {
    this.distrust = "";
    this.handle({ type: "signals", signals: [signal] });
    const { call } = this.negotiation; // what was not taken for a part of it says nothing of it
    if (call?.id === signal.callId) this.proofs.take(call.id, { encrypted, authenticated, verified });
  }

  /** Messages of this device are refused before they get here. @param {string} words why */
  refused(words) {
    this.distrust = words;
    this.host.changed();
  }

  /** Ends everything, with a hang-up to a peer that takes part. */
  leave() {
    this.handle({ type: "leave" });
    this.cancelTimer();
  }

  /** Ends everything here; the peer knows, or cannot be told. */
  drop() {
    this.handle({ type: "ended" });
    this.cancelTimer();
  }

  /** @returns {import("./types.js").PeerState} */
  state() {
    const { state, call, reason } = this.negotiation;
    switch (state) {
      case "connected":
      case "lingering": return "connected";
      case "broken": return call?.connectedAt ? "reconnecting" : "connecting";
      case "calling": return call?.outgoing && !call.established ? "calling" : "connecting";
      default: return reason === "" || reason === "user_hangup" || reason === "replaced" ? "waiting" : "failed";
    }
  }

  /** @returns {import("./types.js").PeerStream[]} camera before screen */
  streams() {
    const streams = [...(this.connection?.remote.values() ?? [])].filter(({ id }) => !this.line?.client.streams.get(id)?.owner);
    if (this.metadata === null) { // says nothing: it sends one stream
      return streams.slice(0, 1).map((stream) =>
        ({ id: stream.id, purpose: PURPOSES[0], stream, audioMuted: false, videoMuted: false }));
    }
    const metadata = this.metadata;
    return streams.flatMap((stream) => {
      const is = metadata[stream.id];
      if (!is || !PURPOSES.includes(is.purpose)) return [];
      return [{ id: stream.id, purpose: is.purpose, stream, audioMuted: is.audio_muted, videoMuted: is.video_muted }];
    }).sort((a, b) => PURPOSES.indexOf(a.purpose) - PURPOSES.indexOf(b.purpose));
  }

  /** @returns {import("./types.js").Peer} */
  snapshot() {
    const name = this.host.nameOf(this.party);
    const { caller, reason, state, call } = this.negotiation, { forwards } = this.meeting.member;
    const { iceServers = [], iceTransportPolicy } = this.host.configuration();
    const relay = iceServers.some(({ urls }) => [urls].flat().some(hostOf));
    return {
      key: this.key, ...this.party, name, state: this.shown, since: this.since,
      words: (state !== "connected" && this.distrust) || (state === "connected" && !forwards && frameWords(this.host.frames?.trouble(this.key), name)) || peerWords({ state, established: call?.established ?? false, caller, reason, name, relay, relays: this.relays, relayed: iceTransportPolicy === "relay" }),
      caller, encrypted: this.proofs.heard && this.proofs.all.encrypted, authenticated: this.proofs.heard && this.proofs.all.authenticated,
      trust: this.proofs.trust, streams: this.streams(),
      speaking: this.meter.speaking, level: this.meter.level, stats: this.meter.stats,
      ...(forwards && { forwards }),
    };
  }
}

/** Message and call IDs shall be hard to guess. */
function secureRandom() {
  return crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
}
