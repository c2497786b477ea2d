/**
 * One RTCPeerConnection, driven by the actions of negotiate.js. It does one thing at a time, in the order asked, and tells
 * what came of it. Rollback of an own offer happens by itself when a remote offer is set (JSEP 4.1.8.2).
 *
 * When answering, the remote offer is set before tracks are added: only then does Chromium send the simulcast layers that
 * the offer asks for.
 *
 * @typedef {import("./signals.js").Description} Description
 * @typedef {import("./signals.js").Candidate} Candidate
 * @typedef {import("./signals.js").Metadata} Metadata
 *
 * @typedef {object} Source Our media, as LocalMedia gives it.
 * @property {MediaStream} stream of camera and microphone; its ID stays the same while tracks change
 * @property {MediaStreamTrack} audio silence without a microphone
 * @property {MediaStreamTrack|null} video
 * @property {MediaStream|null} screen null when none is shared; its ID, too, stays the same
 *
 * @typedef {object} Events
 * @property {(step: number, description: Description) => void} described
 * @property {(step: number) => void} applied
 * @property {(step: number, error: unknown) => void} failed
 * @property {(candidate: Candidate) => void} candidate
 * @property {() => void} wanted media changed so that an offer is needed
 * @property {(state: 'connected'|'disconnected'|'failed') => void} ice
 * @property {() => void} streams remote streams changed
 * @property {() => void} relays there is news of our relays
 * @property {(pc: RTCPeerConnection) => import("./framecryptor.js").Protection|null} [protect] encrypts what the connection sends
 * @property {boolean} [layers] the other end passes our picture on: offer it in layers
 */

import { Relays } from "./relay.js";

/** How long a description waits for candidates: host candidates take milliseconds, then one message does for all. */
const GATHER_WAIT = 150;
/** A relay that said nothing for so long is not waited for in silence; browsers ask it for up to 40 s. */
const RELAY_WAIT = 10_000;
/** A search that a rollback broke off is over too, and another one begins at once. */
const SEARCH_OVER = 500;
const MAX_EARLY = 128;
/** The picture in three sizes (RFC 8853), the smallest first, named as the daemon names them. */
const LAYERS = [{ rid: "q", scaleResolutionDownBy: 4 }, { rid: "h", scaleResolutionDownBy: 2 }, { rid: "f" }];

export class Connection {
  /**
   * @param {RTCConfiguration} configuration
   * @param {Source} source
   * @param {Events} events
   */
  constructor(configuration, source, events) {
    this.source = source;
    this.events = events;
    this.pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", ...configuration });
    /** What our relays say. */
    this.relays = new Relays(configuration);
    this.relayTimer = 0;
    /** Encrypts frames, where a call does. */
    this.protection = events.protect?.(this.pc) ?? null;
    /** @type {Promise<void>} what is being done, and all before it */
    this.work = Promise.resolve();
    this.isOpen = true;
    this.established = false;
    /** @type {Candidate[]} that came before the description they belong to */
    this.early = [];
    /** @type {Map<string, MediaStream>} remote streams by ID */
    this.remote = new Map();
    /** @type {Map<RTCRtpReceiver, string>} the stream that each receives */
    this.receivers = new Map();
    /** @type {{audio: RTCRtpTransceiver|null, video: RTCRtpTransceiver|null}} */
    this.camera = { audio: null, video: null };
    /** @type {{audio: RTCRtpTransceiver|null, video: RTCRtpTransceiver|null}} */
    this.screen = { audio: null, video: null };
    this.listen();
  }

  listen() {
    const { pc, events } = this;
    pc.onicecandidate = ({ candidate }) => {
      // The other side never uses one that can only open TCP connections (RFC 6544, section 6.2).
      if (candidate?.candidate && candidate.tcpType !== "active") events.candidate(/** @type {Candidate} */ (candidate.toJSON()));
      if (candidate?.type === "relay") this.relayTold("works");
    };
    pc.onicecandidateerror = (error) => {
      this.relays.error(error);
      events.relays();
    };
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState === "gathering") this.lookForRelays();
      else if (pc.iceGatheringState === "complete") this.expect("complete", SEARCH_OVER);
    });
    pc.onnegotiationneeded = () => {
      // Before the first exchange is complete there is one under way; after it the browser asks again if need be.
      if (this.established) events.wanted();
    };
    pc.onconnectionstatechange = () => {
      const state = pc.connectionState;
      if (state === "connected" || state === "disconnected" || state === "failed") events.ice(state);
    };
    pc.ontrack = ({ receiver, track, streams }) => {
      if (streams[0]) this.receivers.set(receiver, streams[0].id);
      this.onTrack(track, streams[0]);
    };
  }

  renew() {
    this.pc.restartIce();
    this.lookForRelays();
  }

  /** There is a search for candidates. */
  lookForRelays() {
    this.relays.begin();
    this.expect("late", RELAY_WAIT);
  }

  /** Says so of the relays, unless something else happens before. @param {'complete'|'late'} what @param {number} ms */
  expect(what, ms) {
    clearTimeout(this.relayTimer);
    this.relayTimer = window.setTimeout(() => this.relayTold(what), ms);
  }

  /** @param {'works'|'complete'|'late'} what see relay.js */
  relayTold(what) {
    if (what === "works") clearTimeout(this.relayTimer);
    this.relays.told(what);
    if (this.isOpen) this.events.relays();
  }

  /** @param {MediaStreamTrack} track @param {MediaStream|undefined} stream */
  onTrack(track, stream) {
    this.protection?.look();
    if (!stream) return; // to be ignored, says the specification
    this.remote.set(stream.id, stream);
    stream.onremovetrack = () => {
      if (stream.getTracks().length === 0 && this.remote.get(stream.id) === stream) this.remote.delete(stream.id);
      this.events.streams();
    };
    track.onmute = track.onunmute = () => this.events.streams();
    this.events.streams();
  }

  /**
   * @param {number} step @param {boolean} restart renew ICE
   */
  offer(step, restart) {
    this.enqueue(step, async () => {
      if (!this.camera.audio) await this.addFirst();
      this.protection?.look();
      if (restart) this.renew();
      await this.pc.setLocalDescription();
      await this.gathered();
      this.tellDescription(step);
    });
  }

  /** @param {number} step @param {Description} offer */
  answer(step, offer) {
    this.enqueue(step, async () => {
      const before = this.pc.remoteDescription;
      await this.pc.setRemoteDescription(offer);
      if (before && ufragOf(before) !== ufragOf(offer)) this.lookForRelays();
      if (!this.camera.audio) await this.addToOffered();
      this.protection?.look();
      this.addEarly();
      await this.pc.setLocalDescription();
      this.protection?.look();
      this.established = true;
      await this.gathered();
      this.tellDescription(step);
    });
  }

  /** @param {number} step @param {Description} answer */
  apply(step, answer) {
    this.enqueue(step, async () => {
      await this.pc.setRemoteDescription(answer);
      this.protection?.look();
      this.established = true;
      this.addEarly();
      this.events.applied(step);
    });
  }

  /** @param {number} step @param {() => Promise<void>} task */
  enqueue(step, task) {
    this.work = this.work.then(async () => {
      if (!this.isOpen) return;
      try {
        await task();
      } catch (error) {
        if (this.isOpen) this.events.failed(step, error);
      }
    });
  }

  /** @param {number} step */
  tellDescription(step) {
    const is = this.pc.localDescription;
    if (!this.isOpen || !is) return;
    this.events.described(step, { type: /** @type {'offer'|'answer'} */ (is.type), sdp: is.sdp });
  }

  /** Settles when gathering is complete, or after a short while. */
  gathered() {
    const { pc } = this;
    return new Promise((/** @type {(value?: unknown) => void} */ settle) => {
      if (pc.iceGatheringState === "complete") return settle();
      const timer = setTimeout(settle, GATHER_WAIT);
      pc.onicegatheringstatechange = () => {
        if (pc.iceGatheringState !== "complete") return;
        clearTimeout(timer);
        settle();
      };
    });
  }

  // Candidates.

  /** @param {Candidate[]} candidates */
  addCandidates(candidates) {
    this.work = this.work.then(() => {
      this.early.push(...candidates);
      this.addEarly();
      this.early.splice(0, this.early.length - MAX_EARLY);
    });
  }

  /** Adds those whose description is in place. Those of an older generation of ICE are nobody's. */
  addEarly() {
    const sdp = this.pc.remoteDescription?.sdp;
    if (!sdp || !this.isOpen) return;
    const generations = new Set(sdp.match(/(?<=^a=ice-ufrag:).*$/gm)?.map((text) => text.trim()));
    this.early = this.early.filter((candidate) => {
      const generation = candidate.usernameFragment ?? /\bufrag (\S+)/.exec(candidate.candidate)?.[1];
      if (generation && !generations.has(generation)) return true;
      // One that cannot be used, such as a name that does not resolve, spoils nothing.
      this.pc.addIceCandidate(candidate).catch(() => {});
      return false;
    });
  }

  // Our tracks.

  /** Prepares a first offer: audio that sends and a picture, whether or not there is one, then the screen. */
  async addFirst() {
    const { stream, audio, video } = this.source;
    this.camera.audio = this.pc.addTransceiver(audio, { direction: "sendrecv", streams: [stream] });
    const sendEncodings = this.events.layers ? LAYERS : undefined;
    this.camera.video = this.pc.addTransceiver(video ?? "video", { direction: "sendrecv", streams: [stream], ...(sendEncodings && { sendEncodings }) });
    await this.syncScreen();
  }

  /** Answers a first offer: camera and microphone go where it has room for them, else a later offer makes room. */
  async addToOffered() {
    const { audio, video } = this.source;
    this.camera.audio = this.add(audio);
    if (video) this.camera.video = this.add(video);
    await this.syncScreen();
  }

  /** Adds a track to an m-line that the peer offered and nobody uses, or to a new one. @param {MediaStreamTrack} track */
  add(track) {
    const sender = this.pc.addTrack(track, this.source.stream);
    return this.pc.getTransceivers().find((line) => line.sender === sender) ?? null;
  }

  /** Brings what is sent in line with our media. Only the screen, and a first picture, need an offer. */
  sync() {
    this.work = this.work.then(async () => {
      if (!this.isOpen || !this.camera.audio) return;
      const { audio, video } = this.source;
      await replace(this.camera.audio, audio);
      if (this.camera.video) await replace(this.camera.video, video);
      else if (video) this.camera.video = this.add(video);
      this.protection?.look();
      await this.syncScreen();
    }).catch(() => {});
  }

  /** Lets the layers of our picture rest that nobody wants, and has all others go on. @param {Set<string>} rids their names */
  rest(rids) {
    this.work = this.work.then(async () => {
      const sender = this.camera.video?.sender;
      if (!this.isOpen || !sender) return;
      const parameters = sender.getParameters();
      const others = parameters.encodings.filter((each) => each.rid && each.active === rids.has(each.rid));
      if (others.length === 0) return;
      for (const each of others) each.active = !each.active;
      await sender.setParameters(parameters);
    }).catch(() => {}); // it is worth less than what the connection does next
  }

  async syncScreen() {
    const { screen } = this.source;
    for (const kind of /** @type {const} */ (["video", "audio"])) {
      const track = screen?.getTracks().find((track) => track.kind === kind) ?? null;
      const line = this.screen[kind];
      if (line) await showScreen(line, track);
      else if (track && screen) this.screen[kind] = this.pc.addTransceiver(track, { direction: "sendonly", streams: [screen] });
    }
    this.protection?.look();
  }

  /** Takes fresh ICE servers, for the next restart. @param {RTCConfiguration} configuration */
  configure(configuration) {
    try {
      this.pc.setConfiguration({ bundlePolicy: "max-bundle", ...configuration });
      this.relays.use(configuration);
    } catch {
      // The ones it has may still do.
    }
  }

  close() {
    this.isOpen = false;
    clearTimeout(this.relayTimer);
    this.pc.close();
    this.protection?.close();
    this.remote.clear();
  }
}

/** Which generation of ICE a description is of. @param {{sdp?: string}} description */
const ufragOf = ({ sdp = "" }) => /^a=ice-ufrag:(.*)$/m.exec(sdp)?.[1].trim();

/** @param {RTCRtpTransceiver} line @param {MediaStreamTrack|null} track */
async function replace(line, track) {
  if (line.sender.track !== track) await line.sender.replaceTrack(track);
}

/** Stopping leaves the m-line, and the next share uses it again. @param {RTCRtpTransceiver} line @param {MediaStreamTrack|null} track */
async function showScreen(line, track) {
  await replace(line, track);
  const direction = track ? "sendonly" : "inactive";
  if (line.direction !== direction) line.direction = direction;
}
