/**
 * Events that call others to a session (MSC4075, every revision) and that say no (MSC4310): as signalling/message reads and
 * writes them. Pure.
 *
 * @typedef {{users: string[], room: boolean}} Mentions
 * @typedef {object} Notification
 * @property {string} slot
 * @property {boolean} loud devices make a sound; else they only show it
 * @property {number} sentAt sender_ts; 0 when the revision has none
 * @property {number} lifetime ms
 * @property {Mentions} mentions
 * @property {''|'audio'|'video'} intent
 * @property {string} stickyKey the place among the sender's sticky notifications
 * @property {boolean} withdrawn the sender has given up; nothing but stickyKey counts
 */
import { arrayOf, canonicalSlot, isName, isObject, nameOf, SLOT_ROOM, slotId } from "./memberwords.js";

export const NOTIFICATIONS = Object.freeze([
  "org.matrix.msc4075.rtc.notification", "m.rtc.notification", "m.rtc.invite", "org.matrix.msc4075.call.notify", "m.call.notify",
]);
export const DECLINE = "org.matrix.msc4310.rtc.decline";
export const DECLINES = Object.freeze([DECLINE, "m.rtc.decline"]);
/** What call.notify means, which names no lifetime. */
const LIFETIME_UNSAID = 30_000;
/** The longest that anybody rings us (decision D35). */
const RING_CAP = 120_000;
/** How far a sender's clock may be ahead before the homeserver's word counts. */
const CLOCK_SLACK = 20_000;

/** @param {string} type @param {any} content @returns {Notification|null} null: it cannot be read */
export function readNotification(type, content) {
  if (!NOTIFICATIONS.includes(type) || !isObject(content)) return null;
  const stickyKey = nameOf(content.sticky_key) || nameOf(content.msc4354_sticky_key);
  const empty = { slot: SLOT_ROOM, loud: false, sentAt: 0, lifetime: 0, mentions: { users: [], room: false }, intent: /** @type {const} */ (""), stickyKey };
  if (stickyKey && Object.keys(content).every((key) => key.endsWith("sticky_key"))) return { ...empty, withdrawn: true };
  const mentions = mentionsOf(content["m.mentions"]);
  if (!mentions) return null; // decision D33
  if (type.endsWith("call.notify")) {
    const application = nameOf(content.application), slot = application ? slotId(application, nameOf(content.call_id)) : SLOT_ROOM;
    return { ...empty, slot, loud: content.notify_type !== "notify", lifetime: LIFETIME_UNSAID, mentions, withdrawn: false };
  }
  const places = [content, ...(isObject(content.application) ? [content.application] : [])];
  const field = (/** @type {string} */ key) => places.map((place) => place[key]).find((value) => value !== undefined && value !== null);
  const sentAt = field("sender_ts"), lifetime = field("lifetime");
  if (!Number.isSafeInteger(sentAt) || sentAt < 0) return null;
  return {
    slot: canonicalSlot(nameOf(field("slot_id"))) || SLOT_ROOM, loud: field("notification_type") !== "notification", sentAt,
    lifetime: Number.isInteger(lifetime) && lifetime >= 1 ? Math.min(lifetime, RING_CAP) : LIFETIME_UNSAID,
    mentions, intent: intentOf(nameOf(field("m.call.intent")) || nameOf(field("intent"))), stickyKey, withdrawn: false,
  };
}

/** @param {any} said @returns {Mentions|null} */
function mentionsOf(said) {
  if (!isObject(said)) return null;
  const users = arrayOf(said.user_ids).filter(isName).slice(0, 1000), room = said.room === true;
  return room || users.length > 0 ? { users, room } : null;
}

/** Words that we do not know mean audio (MSC4196, decision D34). @param {string} word @returns {''|'audio'|'video'} */
export const intentOf = (word) => (word === "" ? "" : word === "video" ? "video" : "audio");

/**
 * When a notification stops ringing. A sender's clock counts, unless it is well ahead of the homeserver's.
 * @param {Notification} notification @param {number} sent origin_server_ts @param {number} now
 */
export function expiryOf({ sentAt, lifetime }, sent, now) {
  const begun = !sentAt || sentAt > sent + CLOCK_SLACK ? sent : sentAt;
  return Math.min(begun + lifetime, now + RING_CAP);
}

/** The notification that a decline names; "" when none. @param {any} content @returns {string} */
export function declinedBy(content) {
  const relation = isObject(content) ? content["m.relates_to"] : undefined;
  return isObject(relation) && relation.rel_type === "m.reference" ? nameOf(relation.event_id) : "";
}

/** @param {string} notification its event ID */
export const declineOf = (notification) => ({ "m.relates_to": { rel_type: "m.reference", event_id: notification }, msc4354_sticky_key: notification });
