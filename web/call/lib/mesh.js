/**
 * All pairs of one call: takes the state of the room and the messages, and keeps a Peer for each device that we meet.
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {import("./types.js").Signaller} Signaller
 * @typedef {import("./types.js").Welcome} Welcome
 * @typedef {import("./envelope.js").Received} Received
 * @typedef {import("./signals.js").Metadata} Metadata
 * @typedef {import("./peer.js").Clock} Clock
 */
import { check, Held } from "./envelope.js";
import { Flood } from "./flood.js";
import { FrameKeys } from "./framekeys.js";
import { isMediaKey } from "./mediakey.js";
import { compute, keyOf, sameSlot, succeeds } from "./members.js";
import { Peer } from "./peer.js";
import { plan } from "./pairing.js";
import { makeLink } from "./report.js";
import { readSignal, writeSignal } from "./signals.js";
import { holdSlots, SLOT_GRACE } from "./slots.js";
import { strangerWords } from "./words.js";

/** After the way to the server is back, others may still be on theirs: nobody is missed for so long. */
const SETTLE = 15_000;
const DEFAULT_MAX_MEMBERS = 8;
const MAX_DISTRUSTED = 64;

export class Mesh {
  /**
   * @param {object} options
   * @param {Signaller} options.signaller
   * @param {Clock} options.clock
   * @param {Welcome} options.welcome
   * @param {import("./connection.js").Source} options.source
   * @param {Metadata} options.metadata
   * @param {() => void} options.changed
   * @param {'none'|'forwarded'|'all'} [options.encryptFrames] for whom: those that go through a member that forwards, or all
   * @param {((mesh: Mesh) => import("./passage.js").Passage)|null} [options.passage] makes what goes through a member that forwards
   */
  constructor({ signaller, clock, welcome, source, metadata, changed, encryptFrames = "none", passage = null }) {
    this.signaller = signaller;
    this.clock = clock;
    this.welcome = welcome;
    this.self = { user_id: welcome.self.user_id, device_id: welcome.self.device_id };
    this.source = source;
    this.metadata = metadata;
    this.changed = changed;
    /** @type {Map<string, Peer>} */
    this.peers = new Map();
    /** @type {Map<string, import("./pairing.js").Stranger>} */
    this.strangers = new Map();
    /** @type {import("./types.js").RoomState} */
    this.room = { events: [], members: [] };
    this.joined = new Set();
    /** @type {import("./members.js").Session[]} */
    this.sessions = [];
    /** @type {Set<string>} slots */
    this.closed = new Set();
    /** @type {import("./slots.js").HeldSlot[]|null} null before the first state */
    this.heldSlots = null;
    this.held = new Held();
    this.flood = new Flood();
    /** @type {Map<string, string>} where a device last called us */
    this.invited = new Map();
    /** @type {Map<string, string>} devices whose latest message was refused for the sake of trust, with the words for it */
    this.distrusted = new Map();
    /** @type {Map<string, number>} how many messages were not taken, and why */
    this.refusals = new Map();
    this.encryptFrames = encryptFrames;
    this.frames = encryptFrames !== "none" ? new FrameKeys({
      signaller, clock, changed, self: () => ({ roomId: this.welcome.room.id, sessionId: this.welcome.self.session_id }),
    }) : null;
    /** @type {import("./passage.js").Passage|null} whom we get through others; null where that is not wanted */
    this.passage = null;
    /** @type {Promise<void>|null} fetches fresh relays, once for those that the signaller gave by itself */
    this.renewal = null;
    this.settleUntil = 0;
    this.isEntered = false;
    this.cancelTimer = () => {};
    this.passage = passage?.(this) ?? null;
  }

  /** Whether this is still the same client to all others. @param {Welcome} welcome */
  isSelf({ self }) {
    return keyOf(self) === keyOf(this.self) && self.session_id === this.welcome.self.session_id;
  }

  /** The signaller is back, perhaps in another room of a homeserver that forgot. @param {Welcome} welcome */
  resume(welcome) {
    this.welcome = welcome;
    this.settleUntil = this.clock.now() + SETTLE;
    this.iceServers(welcome.ice_servers);
  }

  /** @param {RTCIceServer[]} servers by the signaller's own wish */
  iceServers(servers) {
    this.renewal = null;
    this.useServers(servers);
  }

  /** Relays do not know us: asks for others. @param {RTCIceServer[]} refused @returns {Promise<boolean>} whether there are others now */
  async renewRelays(refused) {
    if (refused === this.welcome.ice_servers) await (this.renewal ??= this.fetchRelays(refused));
    return refused !== this.welcome.ice_servers;
  }

  /** @param {RTCIceServer[]} refused */
  async fetchRelays(refused) {
    const servers = await this.signaller.freshServers?.().catch(() => null) ?? refused;
    if (refused === this.welcome.ice_servers && JSON.stringify(servers) !== JSON.stringify(refused)) this.useServers(servers);
  }

  /** @param {RTCIceServer[]} servers */
  useServers(servers) {
    this.welcome = { ...this.welcome, ice_servers: servers };
    for (const peer of this.peers.values()) peer.connection?.configure(this.configuration());
  }

  /** @returns {RTCConfiguration} */
  configuration() {
    const { ice_servers: iceServers, relay_only: relay } = this.welcome;
    return { iceServers, iceTransportPolicy: relay ? "relay" : "all" };
  }

  /** Our membership is written: from now on we call. */
  entered() {
    this.isEntered = true;
    this.recompute();
  }

  /** @param {import("./types.js").RoomState} room */
  state(room) {
    const earlier = this.heldSlots && { events: this.room.events, held: this.heldSlots };
    this.heldSlots = earlier ? holdSlots(earlier, room.events, this.clock.now()) : [];
    this.room = room;
    this.joined = new Set(room.members.map((user) => user.user_id));
    this.recompute();
  }

  /** @param {boolean} up */
  link(up) {
    for (const peer of this.peers.values()) peer.handle({ type: "link", up });
  }

  /** @param {boolean} certain see negotiate.js */
  network(certain) {
    for (const peer of this.peers.values()) peer.handle({ type: "network", certain });
    this.recompute();
  }

  /** Our media changed. @param {Metadata} metadata @param {boolean} tell peers have to be told what changed */
  media(metadata, tell) {
    this.metadata = metadata;
    for (const peer of this.peers.values()) {
      peer.line?.handle({ type: "own", metadata }); // before the tracks, so that it knows what they are
      peer.handle({ type: "streams", metadata, tell });
      peer.connection?.sync();
    }
  }

  leave() {
    this.cancelTimer();
    this.passage?.close();
    for (const peer of this.peers.values()) peer.leave();
    this.peers.clear();
    this.frames?.close();
  }

  /** Ends all pairs without a word: others do not know us any more. */
  drop() {
    this.cancelTimer();
    this.passage?.close();
    for (const peer of this.peers.values()) peer.drop();
    this.peers.clear();
    this.frames?.close();
  }

  // Who is there.

  maxMembers() {
    return this.welcome.max_members || DEFAULT_MAX_MEMBERS;
  }

  /** @param {string} confId */
  isIn(confId) {
    const { conf_id, slot_id } = this.welcome.room;
    return this.isEntered && ((!!conf_id && sameSlot(confId, conf_id)) || (!!slot_id && sameSlot(confId, slot_id)));
  }

  /** Looks at the facts again, after any of them changed. */
  recompute() {
    const now = this.clock.now();
    const { events, sticky } = this.room;
    const { sessions, next, closed } = compute({ events, joined: this.joined, sticky, held: this.heldSlots ?? [] }, now);
    const over = this.sessions.filter((was) => sessions.some((is) => succeeds(is, was)));
    this.sessions = sessions;
    this.closed = closed;
    for (const { confId } of over) this.succeed(confId);
    const { meetings, strangers, behind } = plan({
      self: this.self, maxMembers: this.maxMembers(), entered: (confId) => this.isIn(confId), met: this.met(),
      invited: this.invited, between: this.passage?.between,
    }, sessions);
    this.strangers = strangers;
    // Who forwards could read everybody: it gets no key.
    this.frames?.members([...meetings.values(), ...behind.values()].map(({ member }) => member).filter(({ forwards }) => !forwards));
    this.passage?.place(behind);
    for (const [key, meeting] of meetings) this.meet(key, meeting);
    for (const [key, peer] of this.peers) if (!meetings.has(key) && !behind.has(key)) this.miss(key, peer);
    this.passage?.look();
    this.retry();
    this.changed();
    this.cancelTimer();
    const settle = this.settleUntil > now ? this.settleUntil : Infinity;
    const at = Math.min(next || Infinity, this.held.deadline(), settle);
    if (at !== Infinity) this.cancelTimer = this.clock.after(Math.min(at - now, 2 ** 31 - 1), () => this.due());
  }

  /** Another session has begun in a slot: the calls of the former one are over. Younger ones are the others' for the new one. @param {string} confId */
  succeed(confId) {
    for (const peer of this.peers.values()) {
      if (peer.meeting.confId === confId && this.clock.now() - peer.calledAt >= SLOT_GRACE) peer.handle({ type: "ended" });
    }
  }

  due() {
    for (const received of this.held.expire(this.clock.now())) this.tooLate(received);
    this.recompute();
  }

  /** @returns {Map<string, string>} */
  met() {
    const live = [...this.peers.values()].filter((peer) => peer.negotiation.isLive);
    return new Map(live.map((peer) => [peer.key, peer.meeting.confId]));
  }

  /** @param {string} key @param {import("./pairing.js").Meeting} meeting */
  meet(key, meeting) {
    let peer = this.peers.get(key);
    if (!peer) {
      peer = new Peer(this.hostFor(), meeting);
      peer.handle({ type: "streams", metadata: this.metadata, tell: false });
      peer.distrust = this.distrusted.get(key) ?? "";
      this.peers.set(key, peer);
    }
    peer.meeting = meeting;
    peer.handle({ type: "member", session: meeting.member.session_id });
  }

  /** @returns {import("./peer.js").Host} */
  hostFor() {
    return {
      clock: this.clock, self: this.self, source: this.source,
      configuration: () => this.configuration(),
      renewRelays: (refused) => this.renewRelays(refused),
      send: (peer, draft, session) => this.send(peer, draft, session),
      changed: () => this.changed(),
      nameOf: (party) => this.nameOf(party),
      frames: this.frames,
      protects: (peer) => this.encryptFrames === "all" || (peer.meeting.member.forwards === true && this.passage !== null),
      peerOf: (key) => this.peers.get(key),
      openLine: (peer) => this.passage?.openLine(peer) ?? null,
      lineChanged: (peer) => this.passage?.lineChanged(peer),
    };
  }


  /** A device whom we met is no member any more. @param {string} key @param {Peer} peer */
  miss(key, peer) {
    const closed = this.closed.has(peer.meeting.confId);
    if (!closed && peer.negotiation.isLive && this.settleUntil > this.clock.now()) return;
    peer.handle({ type: this.joined.has(peer.party.user_id) && !closed ? "gone" : "ended" });
    if (peer.negotiation.state === "absent") {
      this.peers.delete(key);
      this.invited.delete(key);
    }
  }

  /** @param {Party} party */
  nameOf({ user_id }) {
    const name = this.room.members.find((user) => user.user_id === user_id)?.name;
    return name || user_id.replace(/^@([^:]*):.*$/s, "$1");
  }

  // Messages.

  /** @param {import("./types.js").Incoming} message */
  receive({ from, encrypted, authenticated = false, verified = false, event, content }) {
    if (isMediaKey(event)) {
      if (this.frames && !this.frames.receive({ from, encrypted, authenticated, verified, event, content })) this.refuse("media_key");
      return;
    }
    const signal = readSignal(event, content);
    if (!signal) return this.refuse("unreadable");
    this.judge({ from, encrypted, authenticated, verified, signal }, true);
  }

  /** Messages of a device are refused before they get here. @param {Party} party @param {string} words */
  distrust(party, words) {
    this.refuse("distrust");
    if (this.distrusted.size >= MAX_DISTRUSTED) this.distrusted.clear();
    this.distrusted.set(keyOf(party), words);
    this.peers.get(keyOf(party))?.refused(words);
  }

  /** @param {Received} received @param {boolean} mayHold */
  judge(received, mayHold) {
    const verdict = check(this.outlook(), received);
    if ("refusal" in verdict) this.refuse(verdict.refusal);
    else if (mayHold && received.signal.kind === "invite" && !this.flood.allow(keyOf(received.from), this.clock.now())) this.refuse("too_many_invites");
    else if ("confId" in verdict && !this.isApart(received)) this.deliver(received, verdict.confId);
    else if (mayHold) {
      this.held.hold(received, this.clock.now());
      this.recompute(); // sets the time when it is given up
    }
  }

  /** Whether we meet the sender through another: it has not seen that yet, or takes it back, and its membership comes later. @param {Received} received */
  isApart({ from }) {
    return !!this.passage?.behind.has(keyOf(from)) && !this.peers.has(keyOf(from));
  }

  /** Looks again at what is held. */
  retry() {
    const outlook = this.outlook();
    const free = this.held.release((received) => "hold" in check(outlook, received) || this.isApart(received));
    for (const received of free) this.judge(received, false);
  }

  /** @returns {import("./envelope.js").Outlook} */
  outlook() {
    return {
      self: this.self, sessionId: this.welcome.self.session_id, roomId: this.welcome.room.id,
      encrypted: this.welcome.room.encrypted ?? false, joined: this.joined, sessions: this.sessions,
      entered: (confId) => this.isIn(confId),
      lingers: ({ from, signal }, confId) => {
        const peer = this.peers.get(keyOf(from));
        return !!peer && peer.negotiation.isLive && peer.meeting.confId === confId &&
          peer.negotiation.session === signal.senderSession;
      },
    };
  }

  /** An invite moves the pair to its session, unless it has a live call elsewhere. @param {Received} received @param {string} confId */
  deliver(received, confId) {
    const key = keyOf(received.from);
    this.distrusted.delete(key);
    const stranger = this.strangers.get(key);
    if (stranger) return this.refuse(stranger.why);
    if (received.signal.kind === "invite" && this.peers.get(key)?.meeting.confId !== confId) {
      if (this.met().has(key)) return this.refuse("met_elsewhere");
      this.invited.set(key, confId);
      this.recompute();
    }
    this.peers.get(key)?.receive(received);
  }

  /** Lets go of a message that waited in vain. Who takes us for a member of a call we are not in is told so. @param {Received} received */
  tooLate(received) {
    this.refuse("no_membership");
    const { from, signal } = received;
    const session = this.sessions.find((session) => sameSlot(session.confId, signal.confId));
    if (signal.kind !== "invite" || !session || this.isIn(session.confId)) return;
    const { event, content } = writeSignal({
      ...signal, ...this.envelope(signal.senderSession), confId: signal.confId, slotId: signal.slotId,
      kind: "reject", seq: null, messageId: "", reason: undefined, metadata: null,
    });
    this.signaller.send(from, event, content).catch(() => {});
  }

  /** @param {string} why */
  refuse(why) {
    this.refusals.set(why, (this.refusals.get(why) ?? 0) + 1);
  }

  /** @param {string} destSession */
  envelope(destSession) {
    const { device_id } = this.self;
    return {
      roomId: this.welcome.room.id, deviceId: device_id, partyId: device_id,
      senderSession: this.welcome.self.session_id, destSession,
    };
  }

  /** @param {Peer} peer @param {import("./signals.js").Draft} draft @param {string} session the peer's */
  send(peer, draft, session) {
    const { confId, form } = peer.meeting;
    const slotId = form === "session" ? confId : "";
    const { event, content } = writeSignal({ ...draft, ...this.envelope(session), confId, slotId });
    return this.signaller.send(peer.party, event, content);
  }

  // What is seen.

  /** Asks all connections for their numbers. */
  async measure() {
    await Promise.all([...this.peers.values()].map(async (peer) => {
      const entries = await peer.measure(), now = this.clock.now();
      if (entries) this.passage?.take(peer.key, entries, now);
    }));
    this.passage?.look();
  }

  /** Listens who speaks. @param {number} now @returns {boolean} whether that changed */
  hear(now) {
    const all = [...[...this.peers.values()].filter(({ connection }) => connection), ...this.passage?.behind.values() ?? []];
    return all.map((one) => one.hear(now)).includes(true);
  }

  seen() {
    return this.passage?.seen() ?? [...this.peers.values()];
  }

  /** What we report of our links. @param {import("./media.js").LocalMedia} media @param {number} now */
  links(media, now) {
    const muted = { audio: media.audioMuted, video: media.videoMuted };
    return this.seen().map((peer) => {
      const verdict = (/** @type {keyof import("./stats.js").Counts} */ name) => peer.meter.verdict(name, now);
      const hasAudio = media.stream.getAudioTracks().length > 0;
      return makeLink({
        peer: peer.snapshot(), muted,
        out: { audio: hasAudio ? verdict("audioOut") : "none", video: media.video ? verdict("videoOut") : "none" },
        in: { audio: verdict("audioIn"), video: verdict("videoIn") },
      });
    });
  }

  /** @returns {import("./types.js").Peer[]} sorted by name, then key */
  snapshot() {
    const peers = this.seen().map((peer) => peer.snapshot());
    for (const { member, why } of this.strangers.values()) peers.push(this.stranger(member, why));
    return peers.sort((a, b) => a.name.localeCompare(b.name) || (a.key < b.key ? -1 : 1));
  }

  /** @param {import("./members.js").Member} member @param {import("./pairing.js").Why} why @returns {import("./types.js").Peer} */
  stranger(member, why) {
    const name = this.nameOf(member);
    return {
      key: keyOf(member), user_id: member.user_id, device_id: member.device_id, name, state: "refused",
      since: member.createdAt, words: strangerWords(why, name, this.maxMembers()), caller: false, encrypted: false,
      authenticated: false, trust: "unknown", streams: [], speaking: false, level: 0, stats: null,
    };
  }
}
