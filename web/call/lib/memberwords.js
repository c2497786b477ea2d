/**
 * The words of membership contents: what an ID may be, and which names of slots and transports mean the same. Pure; as
 * signalling/message has it.
 */

/** The slot of the room's one call (D3). */
export const SLOT_ROOM = "m.call#ROOM";
const MAX_NAME = 255;

/** @param {any} value */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
/** @param {any} value @returns {any[]} */
export const arrayOf = (value) => (Array.isArray(value) ? value : []);
/** IDs are bounded in bytes. @param {string} text */
const fits = (text) => text.length <= MAX_NAME && new TextEncoder().encode(text).length <= MAX_NAME;
/** @param {any} value */
export const isName = (value) => typeof value === "string" && value !== "" && fits(value);
/** An ID that may be absent: "" then, and when it is none. @param {any} value @returns {string} */
export const nameOf = (value) => (isName(value) ? value : "");
/** @param {any} value */
export const isSlotPart = (value) => typeof value === "string" && fits(value) && !value.includes("#");
/** @param {any} value */
export const isApplication = (value) => isSlotPart(value) && value !== "";
/** Milliseconds. @param {any} value */
export const isTime = (value) => typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER;

/** @param {string} type whether a transport type means a full mesh (D5) */
export const isMesh = (type) => type === "full_mesh" || type === "mesh" || type.endsWith(".full_mesh");

/** Beside a transport of ours: that its member passes on what others send it, and to whom it sends instead of to all. */
export const KEY_FORWARDS = "org.meshfocus.forwards";
export const KEY_VIA = "org.meshfocus.via";

/**
 * What stands beside a transport of forwarding; nothing where nothing is said.
 * @param {any} entry @returns {{forwards?: true, via?: import("./types.js").Party}}
 */
export function forwardingOf(entry) {
  const via = entry?.[KEY_VIA];
  return {
    ...(entry?.[KEY_FORWARDS] === true ? { forwards: true } : {}),
    ...(isName(via?.user_id) && isName(via?.device_id) ? { via: { user_id: via.user_id, device_id: via.device_id } } : {}),
  };
}

/** @param {string} application @param {string} callId */
export function slotId(application, callId) {
  if (application === "m.call" && (callId === "" || callId.toLowerCase() === "room")) return SLOT_ROOM;
  return application + "#" + callId;
}

/** One spelling of a slot's ID (D3). @param {string} id a slot or conference ID */
export function canonicalSlot(id) {
  const at = id.indexOf("#");
  return at < 0 ? id : slotId(id.slice(0, at), id.slice(at + 1));
}

/** Whether two slot or conference IDs mean the same place (D3). @param {string} a @param {string} b */
export const sameSlot = (a, b) => a === b || canonicalSlot(a || SLOT_ROOM) === canonicalSlot(b || SLOT_ROOM);

/** @param {import("./types.js").StateEvent} a @param {import("./types.js").StateEvent} b later sent, or sorting later */
export function isNewer(a, b) {
  if (a.origin_server_ts !== b.origin_server_ts) return a.origin_server_ts > b.origin_server_ts;
  if (a.event_id !== b.event_id) return a.event_id > b.event_id;
  if (a.state_key !== b.state_key) return (a.state_key ?? "") > (b.state_key ?? "");
  return a.type > b.type;
}
