/**
 * The words between us and a member that forwards, on its data channel: the second dialect of MSC3898
 * (docs/protocol.md, "A member that forwards"). Pure; as signalling/message/focus.go has it.
 *
 * @typedef {import("./signals.js").Description} Description
 * @typedef {{kind: string, width: number, height: number}} FocusTrack sizes in pixels, 0 when nobody knows
 * @typedef {{purpose: string, audioMuted: boolean, videoMuted: boolean, owner: string, tracks: Map<string, FocusTrack>}} FocusStream
 *   owner: key of a device, "" when nobody is named
 * @typedef {{stream: string, track: string, width: number, height: number}} Wish a track, and how large it is shown in pixels; 0 for any
 *
 * @typedef {{kind: 'negotiate', description: Description, streams: Map<string, FocusStream>|null}
 *   | {kind: 'streams', streams: Map<string, FocusStream>} | {kind: 'ping'} | {kind: 'pong'}
 *   | {kind: 'resting', rids: Set<string>}} FocusMessage
 *   resting: layers of ours that nobody wants; all others are wanted
 */
import { isObject } from "./memberwords.js";

export const CHANNEL = "datachannel";
/** Larger ones are not read, as in the daemon. */
const MAX_SIZE = 65_536;
/** What one message may name. */
export const MAX_TRACKS = 300;

/** @param {any} text @returns {FocusMessage|null} null for what is none of ours */
export function readFocus(text) {
  if (typeof text !== "string" || text.length > MAX_SIZE) return null;
  const { type, content } = parse(text);
  const streams = isObject(content?.sdp_stream_metadata) ? readStreams(content.sdp_stream_metadata) : null;
  switch (type) {
    case "m.call.ping": return { kind: "ping" };
    case "m.call.pong": return { kind: "pong" };
    case "org.meshfocus.call.resting": return { kind: "resting", rids: readResting(content?.resting) };
    case "m.call.sdp_stream_metadata_changed": return streams && { kind: "streams", streams };
    case "m.call.negotiate": {
      const { type: is, sdp } = content?.description ?? {};
      return is === "offer" && typeof sdp === "string" && sdp !== "" ? { kind: "negotiate", description: { type: is, sdp }, streams } : null;
    }
    default: return null;
  }
}

/** @param {string} text @returns {any} */
function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** One line of ours has layers, so it is not asked which. @param {any} tracks @returns {Set<string>} */
function readResting(tracks) {
  const rids = (Array.isArray(tracks) ? tracks : []).flatMap((is) => isObject(is) && Array.isArray(is.rids) ? is.rids : []);
  return new Set(rids.map(text).filter((rid) => rid !== ""));
}

/** @param {any} metadata @returns {Map<string, FocusStream>} */
function readStreams(metadata) {
  const streams = Object.entries(metadata).filter(([, is]) => isObject(is)).map(([id, is]) => [id, {
    purpose: text(is.purpose), audioMuted: is.audio_muted === true, videoMuted: is.video_muted === true,
    owner: text(is.user_id) && text(is.device_id) ? is.user_id + "/" + is.device_id : "", tracks: readTracks(is.tracks),
  }]);
  return new Map(/** @type {any} */ (streams));
}

/** @param {any} tracks @returns {Map<string, FocusTrack>} */
function readTracks(tracks) {
  const all = Object.entries(isObject(tracks) ? tracks : {}).filter(([, is]) => isObject(is));
  return new Map(all.map(([id, is]) => [id, { kind: text(is.kind), width: size(is.width), height: size(is.height) }]));
}

/** @param {any} value */
const text = (value) => typeof value === "string" && value.length <= 255 ? value : "";
/** @param {any} value */
const size = (value) => Number.isSafeInteger(value) && value > 0 ? value : 0;

/** @param {string} type @param {any} content */
const write = (type, content) => JSON.stringify({ type, content });

export const writePing = () => write("m.call.ping", {});
export const writePong = () => write("m.call.pong", {});

/** @param {Description} description */
export const writeAnswer = (description) => write("m.call.negotiate", { description });

/** @param {import("./signals.js").Metadata} metadata our own streams */
export const writeStreams = (metadata) => write("m.call.sdp_stream_metadata_changed", { sdp_stream_metadata: metadata });

/** @param {Wish[]} subscribe @param {Wish[]} unsubscribe @returns {string[]} as many messages as it takes */
export function writeSubscriptions(subscribe, unsubscribe) {
  const named = [...subscribe.map((wish) => ({ to: "subscribe", is: { ...nameOf(wish), ...sizeOf(wish) } })), ...unsubscribe.map((wish) => ({ to: "unsubscribe", is: nameOf(wish) }))];
  /** @type {string[]} */
  const messages = [];
  for (let at = 0; at < named.length; at += MAX_TRACKS) {
    /** @type {{[list: string]: any[]}} */
    const content = {};
    for (const { to, is } of named.slice(at, at + MAX_TRACKS)) (content[to] ??= []).push(is);
    messages.push(write("m.call.track_subscription", content));
  }
  return messages;
}

/** @param {Wish} wish */
const nameOf = ({ stream, track }) => ({ stream_id: stream, track_id: track });
/** @param {Wish} wish */
const sizeOf = ({ width, height }) => width > 0 && height > 0 ? { width, height } : {};
