/**
 * What one member event in the state of a room claims: every form in which a membership was ever written there, read into
 * one. As signalling/message and the adapters of signalling/membership have it. Pure.
 *
 * @typedef {import("./types.js").StateEvent} StateEvent
 * @typedef {import("./members.js").Member} Member
 * @typedef {'calls'|'memberships'|'session'|'famedly'|'seed'|'sticky'} Form
 * @typedef {{event: StateEvent, confId: string, form: Form, member: Member, slack: number}} Claim slack: how much longer
 *   than its word it counts
 */
import { arrayOf, forwardingOf, isApplication, isMesh, isName, isObject, isSlotPart, isTime, nameOf, slotId } from "./memberwords.js";

/** How much longer than its word a membership counts, since clocks differ. */
export const EXPIRY_SLACK = 5000;
/** The Dart SDK renews every two minutes what ends in six, and counts it so much longer. */
const FAMEDLY_LINGER = 6 * 60_000;
const DEFAULT_EXPIRES = 4 * 3600_000;
const MAX_EXPIRES = 10 * 365 * 24 * 3600_000;

const TYPE_FAMEDLY = "com.famedly.call.member";
const MEMBER_TYPES = [
  "org.matrix.msc3401.call.member", "m.call.member", "org.matrix.msc4143.rtc.member", "m.rtc.member", TYPE_FAMEDLY,
];

/**
 * A key that names a user must name the sender (D8).
 * @param {string} key @param {string} sender
 */
function ownsKey(key, sender) {
  const at = key.indexOf("@");
  if (at < 0) return true;
  const rest = key.slice(at);
  return rest.startsWith(sender) && (rest.length === sender.length || '_"'.includes(rest[sender.length]));
}

/**
 * @param {StateEvent} event @param {Set<string>} joined @param {(confId: string) => boolean} isLive a conference of MSC3401
 * @returns {Claim[]}
 */
export function readMember(event, joined, isLive) {
  const { content } = event;
  if (!MEMBER_TYPES.includes(event.type) || !isObject(content)) return [];
  if (!ownsKey(event.state_key, event.sender) || !joined.has(event.sender)) return [];
  const famedly = event.type === TYPE_FAMEDLY; // reads nothing but its own
  if (Array.isArray(content["m.calls"])) return famedly ? [] : readCalls(event, isLive);
  if (Array.isArray(content.memberships)) return content.memberships.flatMap((/** @type {any} */ entry) => readLegacy(event, entry, famedly));
  return spelling(content, "application") && !famedly ? readSession(event) : [];
}

/** A string as shipped, or with "m." before it as the seed had it. @param {any} content @param {string} key */
function spelling(content, key) {
  const value = [content[key], content["m." + key]].find((value) => typeof value === "string");
  return value ?? "";
}

/** @param {StateEvent} event @param {(confId: string) => boolean} isLive @returns {Claim[]} */
function readCalls(event, isLive) {
  if (event.state_key !== event.sender) return [];
  return event.content["m.calls"].flatMap((/** @type {any} */ entry) => {
    const id = isObject(entry) ? entry["m.call_id"] : null;
    if (typeof id !== "string" || !isLive(id) || !Array.isArray(entry["m.devices"])) return [];
    return entry["m.devices"].filter(isDevice).map((/** @type {any} */ device) => claimOf(event, id, device));
  });
}

/** js-sdk and Hydrogen need all four fields. @param {any} device */
const isDevice = (device) => isObject(device) && isName(device.device_id) && isName(device.session_id) &&
  isTime(device.expires_ts) && Array.isArray(device.feeds);

/** @param {StateEvent} event @param {string} confId @param {any} device @returns {Claim} */
function claimOf(event, confId, device) {
  const member = {
    user_id: event.sender, device_id: device.device_id, session_id: device.session_id,
    createdAt: event.origin_server_ts, expiresAt: Math.trunc(device.expires_ts),
    focus: "full_mesh", mesh: true, eventId: event.event_id, feeds: purposes(device.feeds), ...forwardingOf(device),
  };
  return { event, confId, form: "calls", member, slack: EXPIRY_SLACK };
}

/** @param {any} feeds @returns {string[]} */
const purposes = (feeds) => arrayOf(feeds).filter(isObject).map((feed) => nameOf(feed.purpose));

/** The per-device state form of MSC4143, as shipped and as its seed named the fields. @param {StateEvent} event @returns {Claim[]} */
function readSession(event) {
  const { content } = event;
  const application = spelling(content, "application");
  const callId = content.call_id ?? content["m.call_id"];
  const device = deviceOf(event);
  const transport = focusOf(content), focus = nameOf(transport.type);
  const created = content.created_ts ?? event.origin_server_ts;
  const expires = content.expires ?? DEFAULT_EXPIRES;
  const readable = isApplication(application) && isName(device) && isName(focus) &&
    isSlotPart(callId) && isTime(created) && isTime(expires);
  if (!readable) return [];
  // Who stands behind all others says beside it when it joined.
  const behind = created > event.origin_server_ts + EXPIRY_SLACK;
  const joinedAt = content["meshfocus.joined_ts"] ?? event.origin_server_ts;
  const member = {
    user_id: event.sender, device_id: device,
    session_id: nameOf(content.membershipID) || event.sender + ":" + device,
    createdAt: !behind ? Math.trunc(created) : Number.isSafeInteger(joinedAt) && joinedAt >= 0 ? joinedAt : event.origin_server_ts,
    expiresAt: Math.trunc(created) + bounded(expires), focus, mesh: isMesh(focus), feeds: [], eventId: event.event_id,
    ...(isMesh(focus) ? forwardingOf(transport) : {}),
  };
  const form = typeof content.application === "string" ? "session" : "seed";
  return [{ event, confId: slotId(application, callId), form, member, slack: EXPIRY_SLACK }];
}

/** In the seed the device may stand in the state key alone: a list of user and device. @param {StateEvent} event */
function deviceOf({ content, state_key, sender }) {
  if ((content.device_id ?? undefined) !== undefined || typeof content.application === "string") return content.device_id;
  try {
    const key = JSON.parse(state_key);
    return Array.isArray(key) && key.length === 2 && key[0] === sender ? key[1] : "";
  } catch {
    return "";
  }
}

/** @param {number} expires */
const bounded = (expires) => Math.max(-MAX_EXPIRES, Math.min(MAX_EXPIRES, Math.trunc(expires)));

/** The transport that a member really uses: a published mesh, else the active focus (D4, D9). @param {any} content */
function focusOf(content) {
  let active = content.focus_active ?? content.foci_active;
  if (Array.isArray(active)) active = active[0];
  if (!isObject(active) || !isName(active.type)) return {};
  const published = content["meshfocus.rtc_transports"]?.published;
  const mesh = arrayOf(published).find((focus) => isObject(focus) && isName(focus.type) && isMesh(focus.type));
  return mesh ?? active;
}

/**
 * One device of memberships[]: MatrixRTC until January 2025 or, under its own type, the Dart SDK.
 * @param {StateEvent} event @param {any} entry @param {boolean} famedly @returns {Claim[]}
 */
function readLegacy(event, entry, famedly) {
  if (!isObject(entry)) return [];
  const application = entry.application ?? "m.call";
  const created = entry.created_ts ?? event.origin_server_ts;
  const ends = entry.expires_ts ?? (isTime(entry.expires) ? created + bounded(entry.expires) : undefined);
  const readable = isApplication(application) && isSlotPart(entry.call_id) && isName(entry.device_id) && isTime(created) && isTime(ends);
  const foci = arrayOf(entry.foci_active).filter((focus) => isObject(focus) && typeof focus.type === "string");
  const focus = nameOf(foci[0]?.type);
  if (!readable || (famedly && (!isTime(entry.expires_ts) || !["mesh", "livekit"].includes(focus)))) return [];
  const member = {
    user_id: event.sender, device_id: entry.device_id, session_id: nameOf(entry.membershipID) || event.sender + ":" + entry.device_id,
    createdAt: Math.trunc(created), expiresAt: Math.trunc(ends), focus, mesh: isMesh(focus), feeds: purposes(entry.feeds), eventId: event.event_id,
    ...(isMesh(focus) ? forwardingOf(foci[0]) : {}),
  };
  const confId = (famedly ? "com.famedly." : "") + slotId(application, entry.call_id);
  return [{ event, confId, form: famedly ? "famedly" : "memberships", member, slack: famedly ? FAMEDLY_LINGER : EXPIRY_SLACK }];
}

