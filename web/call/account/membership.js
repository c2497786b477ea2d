/**
 * What our own member events say. Pure: contents and instants in, contents
 * out; nothing of others that stands in a shared event is touched.
 *
 * Two forms of `org.matrix.msc3401.call.member` (docs/protocol.md): one event
 * per device in the slot of the room, and the event of the user, which all its
 * devices write, in a conference (MSC3401).
 */

export const CALL = "org.matrix.msc3401.call";
export const CALL_MEMBER = "org.matrix.msc3401.call.member";
/** All state events that sessions are computed from. */
export const CALL_TYPES = [
  CALL, "m.call", CALL_MEMBER, "m.call.member", "org.matrix.msc4143.rtc.member", "m.rtc.member", "org.matrix.msc4143.rtc.slot", "m.rtc.slot",
  "com.famedly.call.member",
];
/** Those of them in which a user takes a membership back by leaving the content empty. */
export const MEMBER_TYPES = [CALL_MEMBER, "m.call.member"];
/** The slot of the room (decision D3). */
export const SLOT = "m.call#ROOM";
/** How long past its word a member of a conference counts: clocks differ. */
export const EXPIRY_SLACK_MS = 5_000;

/** @typedef {{user_id: string, device_id: string}} Party */
/** @typedef {{purpose: string}} Feed */
/** @typedef {{device_id: string, session_id: string, expires_ts: number, feeds: Feed[]}} ConferenceDevice */

/** What is said beside our mesh of the member that forwards to whom we send (docs/protocol.md). @param {Party|null} [via] */
export const routeOf = (via) => via ? { "org.meshfocus.via": { user_id: via.user_id, device_id: via.device_id } } : {};

/**
 * The state key of our event in the slot. Only the room versions with owned
 * state keys do without the underscore (MSC3757, MSC3779; decision D8).
 * @param {Party} self
 * @param {string} [roomVersion]
 */
export function slotKey(self, roomVersion = "") {
  const key = `${self.user_id}_${self.device_id}_m.call`;
  return /^org\.matrix\.msc(3757|3779)/.test(roomVersion) ? key : `_${key}`;
}

/** From this validity on we stand behind all others: below it a clock that is off would end the membership at once. */
const BEHIND_FROM_MS = 3_600_000;

/**
 * Our membership in the slot. Nobody who follows the oldest membership may
 * follow ours, which has no LiveKit: so `created_ts` lies ahead by three
 * quarters of the validity, and the time of joining stands beside it. Else
 * `expires` counts from when we joined, and grows with each renewal (MSC4143).
 * @param {Party} self
 * @param {string} sessionId
 * @param {{validMs: number, joinedAt?: number, now: number}} times joinedAt is that of the first event, absent in it
 * @param {Party|null} [via] a member that forwards, to whom we send
 */
export function slotContent(self, sessionId, { validMs, joinedAt, now }, via) {
  const focus = { type: "full_mesh" }; // decision D5
  const content = {
    application: "m.call", call_id: "", scope: "m.room", device_id: self.device_id, membershipID: sessionId,
    expires: validMs, focus_active: { ...focus, ...routeOf(via) }, foci_preferred: [focus],
  };
  if (validMs >= BEHIND_FROM_MS) {
    const ahead = Math.trunc(validMs * 3 / 4);
    const behind = { ...content, created_ts: now + ahead, expires: validMs - ahead };
    return joinedAt === undefined ? behind : { ...behind, "meshfocus.joined_ts": joinedAt };
  }
  return joinedAt === undefined ? content : { ...content, created_ts: joinedAt, expires: validMs + now - joinedAt };
}

/** What a left slot holds: exactly nothing (decision D11). */
export const LEFT = Object.freeze({});

/**
 * @param {any} content
 * @param {Party} self
 * @param {string} sessionId
 */
export function inSlot(content, self, sessionId) {
  return content?.device_id === self.device_id && content?.membershipID === sessionId;
}

/**
 * The user's event with our device in the conference. Devices whose time is
 * over are taken out, as other clients do.
 * @param {any} content as it stands; anything unreadable counts as empty
 * @param {string} confId
 * @param {ConferenceDevice} device
 * @param {number} now
 */
export function withDevice(content, confId, device, now) {
  let placed = false;
  const calls = callsOf(content).map((call) => {
    if (!readable(call)) return call;
    const others = call["m.devices"].filter((/** @type {any} */ other) => alive(other, now) && !(call["m.call_id"] === confId && other.device_id === device.device_id));
    if (call["m.call_id"] !== confId || placed) return { ...call, "m.devices": others };
    placed = true;
    return { ...call, "m.devices": [...others, device] };
  }).filter(peopled);
  if (!placed) calls.push({ "m.call_id": confId, "m.devices": [device] });
  return { ...objectOf(content), "m.calls": calls };
}

/**
 * The user's event without our device.
 * @param {any} content
 * @param {string} confId
 * @param {string} deviceId
 * @param {number} now
 */
export function withoutDevice(content, confId, deviceId, now) {
  const calls = callsOf(content).map((call) => {
    if (!readable(call)) return call;
    const ours = call["m.call_id"] === confId;
    return { ...call, "m.devices": call["m.devices"].filter((/** @type {any} */ device) => alive(device, now) && !(ours && device.device_id === deviceId)) };
  }).filter(peopled);
  return { ...objectOf(content), "m.calls": calls };
}

/**
 * @param {any} content
 * @param {string} confId
 * @param {string} deviceId
 * @param {string} sessionId
 */
export function inConference(content, confId, deviceId, sessionId) {
  return callsOf(content).some((call) => readable(call) && call["m.call_id"] === confId
    && call["m.devices"].some((/** @type {any} */ device) => device?.device_id === deviceId && device.session_id === sessionId));
}

/** @param {any} content @returns {any[]} */
const callsOf = (content) => (Array.isArray(content?.["m.calls"]) ? content["m.calls"] : []);
/** @param {any} content */
const objectOf = (content) => (content && typeof content === "object" && !Array.isArray(content) ? content : {});
/** @param {any} call */
const readable = (call) => typeof call?.["m.call_id"] === "string" && Array.isArray(call["m.devices"]);
/** @param {any} call */
const peopled = (call) => !readable(call) || call["m.devices"].length > 0;
/** @param {any} device @param {number} now */
const alive = (device, now) => Number.isSafeInteger(device?.expires_ts) && device.expires_ts + EXPIRY_SLACK_MS > now;

/**
 * The conference that peers take for the call of the room: the live call
 * object that was edited last (MSC3401); undefined when there is none.
 * @param {Iterable<{type: string, state_key: string, event_id: string, origin_server_ts: number, content: any}>} events
 * @returns {string|undefined}
 */
export function liveConference(events) {
  /** @type {Map<string, any>} */
  const calls = new Map();
  for (const event of events) {
    if (event.type !== CALL && event.type !== "m.call") continue;
    if (!event.state_key || event.state_key.includes("#")) continue; // a slot is no conference
    const was = calls.get(event.state_key);
    if (!was || newer(event, was)) calls.set(event.state_key, event);
  }
  const live = [...calls.values()].filter(({ content }) => !content?.["m.terminated"]
    && ["m.ring", "m.prompt", "m.room"].includes(content?.["m.intent"]) && ["m.voice", "m.video"].includes(content?.["m.type"]));
  return live.reduce((best, event) => (!best || newer(event, best) ? event : best), undefined)?.state_key;
}

/** @param {any} a @param {any} b */
function newer(a, b) {
  return a.origin_server_ts !== b.origin_server_ts ? a.origin_server_ts > b.origin_server_ts : a.event_id > b.event_id;
}

/**
 * Who has and what needs which level for a state event (client-server API,
 * m.room.power_levels; without the event everybody may write).
 * @param {any} levels content of m.room.power_levels, undefined without
 * @param {string} userId
 * @param {string} type
 */
export function powerFor(levels, userId, type) {
  if (!levels) return { own: 0, needed: 0 };
  const number = (/** @type {any} */ value, /** @type {number} */ usual) => (value === undefined || value === null ? usual : Number(value));
  return {
    own: number(levels.users?.[userId], number(levels.users_default, 0)),
    needed: number(levels.events?.[type], number(levels.state_default, 50)),
  };
}
