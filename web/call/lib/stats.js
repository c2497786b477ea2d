/**
 * What a connection carries: getStats() turned into a few numbers and verdicts, once a second. Pure but for the receivers
 * that the Meter is handed.
 *
 * @typedef {import("./types.js").PeerStats} PeerStats
 * @typedef {import("./types.js").Verdict} Verdict
 * @typedef {{audioIn: number, videoIn: number, audioOut: number, videoOut: number}} Counts what must rise while media flows
 */

/** What does not rise for so long has stalled. */
export const STALL = 3000;
/** Louder than this is speech; softer than half of it for a while is none. */
const SPEECH = 0.02;
const SPEECH_PAUSE = 800;

/**
 * @param {Iterable<any>} entries of an RTCStatsReport
 * @param {Summary|null} before an earlier one of the same connection
 * @returns {Summary}
 *
 * @typedef {{at: number, stats: PeerStats, counts: Counts, packets: {received: number, lost: number}}} Summary
 */
export function summarise(entries, before) {
  const all = [...entries];
  const byId = new Map(all.map((entry) => [entry.id, entry]));
  const inbound = all.filter((entry) => entry.type === "inbound-rtp");
  const outbound = all.filter((entry) => entry.type === "outbound-rtp");
  const remote = all.filter((entry) => entry.type === "remote-inbound-rtp");
  const pair = activePair(all, byId);
  const picture = largest(inbound.filter((entry) => entry.kind === "video"));
  const at = Math.max(0, ...all.map((entry) => entry.timestamp ?? 0));
  const bytesIn = sum(inbound, "bytesReceived"), bytesOut = sum(outbound, "bytesSent");
  const packets = { received: sum(inbound, "packetsReceived"), lost: sum(inbound, "packetsLost") };
  return {
    at, packets,
    counts: {
      audioIn: sum(inbound.filter((entry) => entry.kind === "audio"), "packetsReceived"),
      videoIn: sum(inbound.filter((entry) => entry.kind === "video"), "framesDecoded"),
      audioOut: sum(outbound.filter((entry) => entry.kind === "audio"), "packetsSent"),
      videoOut: sum(outbound.filter((entry) => entry.kind === "video"), "packetsSent"),
    },
    stats: {
      rttMs: milliseconds(pair.rtt ?? remote.find((entry) => entry.roundTripTime !== undefined)?.roundTripTime),
      lossIn: lossSince(packets, before?.packets),
      lossOut: remote.length > 0 ? Math.max(0, ...remote.map((entry) => entry.fractionLost ?? 0)) : null,
      bitrateIn: rate(bytesIn, before?.stats.bytesIn, at, before?.at),
      bitrateOut: rate(bytesOut, before?.stats.bytesOut, at, before?.at),
      width: picture?.frameWidth ?? 0, height: picture?.frameHeight ?? 0, fps: picture?.framesPerSecond ?? 0,
      codecVideo: codec(picture ?? outbound.find((entry) => entry.kind === "video"), byId),
      codecAudio: codec([...inbound, ...outbound].find((entry) => entry.kind === "audio"), byId),
      path: pair.relay ? "relay" : "direct", protocol: pair.tcp ? "tcp" : "udp",
      framesDecoded: sum(inbound, "framesDecoded"), bytesIn, bytesOut,
      layersOut: layers(outbound),
    },
  };
}

/** @param {any[]} entries @param {string} key */
const sum = (entries, key) => entries.reduce((total, entry) => total + (entry[key] ?? 0), 0);
/** @param {number|undefined} seconds */
const milliseconds = (seconds) => seconds === undefined ? null : Math.round(seconds * 1000);

/** How many bytes a connection has brought, of whatever kind. Firefox has no statistics of transports. @param {any[]} entries */
export function arrived(entries) {
  const carrier = entries.some(({ type, bytesReceived }) => type === "transport" && bytesReceived !== undefined) ? "transport" : "candidate-pair";
  return sum(entries.filter(({ type }) => type === carrier), "bytesReceived");
}

/** @param {any[]} all @param {Map<string, any>} byId */
function activePair(all, byId) {
  const chosen = all.find((entry) => entry.type === "transport" && entry.selectedCandidatePairId)?.selectedCandidatePairId;
  const pair = byId.get(chosen) ??
    all.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded");
  const local = byId.get(pair?.localCandidateId), remote = byId.get(pair?.remoteCandidateId);
  return {
    rtt: pair?.currentRoundTripTime,
    relay: local?.candidateType === "relay" || remote?.candidateType === "relay",
    tcp: local?.protocol === "tcp",
  };
}

/** The screen, where one is shown, is mostly the largest picture. @param {any[]} pictures */
const largest = (pictures) => pictures.reduce((best, entry) =>
  !best || (entry.frameWidth ?? 0) > (best.frameWidth ?? 0) ? entry : best, /** @type {any} */ (null));

/** @param {{received: number, lost: number}} now @param {{received: number, lost: number}} [before] */
function lossSince(now, before) {
  const lost = now.lost - (before?.lost ?? 0), received = now.received - (before?.received ?? 0);
  if (lost + received <= 0) return before ? 0 : null;
  return Math.min(1, Math.max(0, lost / (lost + received)));
}

/** @param {number} now @param {number|undefined} before @param {number} at @param {number|undefined} beforeAt */
function rate(now, before, at, beforeAt) {
  if (before === undefined || beforeAt === undefined || at <= beforeAt) return 0;
  return Math.max(0, Math.round((now - before) * 8000 / (at - beforeAt)));
}

/** @param {any} entry @param {Map<string, any>} byId */
const codec = (entry, byId) => (byId.get(entry?.codecId)?.mimeType ?? "").replace(/^.*\//, "");

/** Encodings of the picture that has most of them. @param {any[]} outbound */
function layers(outbound) {
  const perPicture = new Map();
  for (const entry of outbound) {
    if (entry.kind !== "video" || entry.active === false || !(entry.bytesSent > 0)) continue;
    const key = entry.mid ?? entry.mediaSourceId ?? "";
    perPicture.set(key, (perPicture.get(key) ?? 0) + 1);
  }
  return Math.max(0, ...perPicture.values());
}

/** Watches one connection: its numbers, what of it flows, and whether somebody speaks. */
export class Meter {
  constructor() {
    /** @type {Summary|null} */
    this.last = null;
    /** @type {{[count: string]: number}} when a count rose for the last time */
    this.rose = {};
    this.startedAt = 0;
    this.speaking = false;
    this.level = 0;
    this.loudAt = -Infinity;
  }

  get stats() {
    return this.last?.stats ?? null;
  }

  /** @param {Iterable<any>} entries @param {number} now */
  take(entries, now) {
    const next = summarise(entries, this.last);
    if (!this.last) this.startedAt = now;
    for (const [name, count] of Object.entries(next.counts)) {
      const before = this.last ? this.last.counts[/** @type {keyof Counts} */ (name)] : 0;
      if (count > before) this.rose[name] = now;
    }
    this.last = next;
  }

  /**
   * What is to be said of one kind of media, one way.
   * @param {keyof Counts} name @param {number} now @returns {Verdict}
   */
  verdict(name, now) {
    if (!this.last) return "connecting";
    if (now - (this.rose[name] ?? -Infinity) <= STALL) return "flows";
    return now - this.startedAt <= STALL ? "connecting" : "stalled";
  }

  /** @param {number} level 0 to 1 @param {number} now @returns {boolean} whether speaking changed */
  hear(level, now) {
    this.level = level;
    if (level >= SPEECH / 2 && (this.speaking || level >= SPEECH)) this.loudAt = now;
    const was = this.speaking;
    this.speaking = now - this.loudAt < SPEECH_PAUSE;
    return was !== this.speaking;
  }
}

/**
 * Of the numbers of a connection, those of some of what it receives.
 * @param {any[]} entries @param {(track: string) => boolean} isOf by the ID of a track
 */
export const statsOf = (entries, isOf) => entries.filter(({ type, trackIdentifier }) => type !== "inbound-rtp" || isOf(trackIdentifier));

/** How loud audio is now. @param {RTCRtpReceiver[]} receivers */
export function levelOf(receivers) {
  const levels = receivers.filter(({ track }) => track.kind === "audio")
    .flatMap((receiver) => receiver.getSynchronizationSources().map((source) => source.audioLevel ?? 0));
  return Math.max(0, ...levels);
}
