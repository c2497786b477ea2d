/**
 * What one event of a timeline says of who is in a call: the readers of the call library, asked about a past event. Pure; as
 * claim.go of signalling/history has it.
 *
 * @typedef {{event_id: string, type: string, sender: string, origin_server_ts: number, state_key?: string, content: any, unsigned?: any, msc4354_sticky?: any}} PastEvent
 * @typedef {object} Claim
 * @property {string} id slot or conference
 * @property {string} device
 * @property {number} created 0 when unsaid
 * @property {number} ends
 * @property {''|'audio'|'video'} intent
 * @property {string} focus type of transport
 */
import { readMember } from "/call/lib/memberread.js";
import { canonicalSlot, isTime, nameOf } from "/call/lib/memberwords.js";
import { intentOf } from "/call/lib/notification.js";
import { readJoin, stickyKey } from "/call/lib/sticky.js";

/** How long after its last event a membership counts that nobody took back; live clients renew theirs within four hours. */
export const HORIZON = 24 * 3600_000;
/** How long a sticky event lasts at most (MSC4354). */
const STICKIEST = 3600_000;

/** State or sticky events that can be a membership. */
export const MEMBERS = Object.freeze([
  "org.matrix.msc3401.call.member", "m.call.member", "org.matrix.msc4143.rtc.member", "m.rtc.member", "com.famedly.call.member",
]);

/** @param {PastEvent} event @returns {Claim[]} what cannot be read claims nothing */
export function claimsOf(event) {
  const most = event.origin_server_ts + HORIZON;
  const claims = event.state_key === undefined ? stickyClaims(event) : stateClaims(event);
  return claims.map((claim) => ({ ...claim, ends: Math.min(claim.ends, most) }));
}

/** Whose key it is does not matter here: what counts are the sender's words. @param {PastEvent} event @returns {Claim[]} */
function stateClaims(event) {
  const { sender, content } = event;
  return readMember({ ...event, state_key: sender }, new Set([sender]), () => true).map(({ confId, form, member }) => {
    const alone = form === "session" || form === "seed", created = alone && isTime(content.created_ts) ? Math.trunc(content.created_ts) : 0;
    return {
      id: confId, device: member.device_id, ends: member.expiresAt, focus: member.focus,
      created: alone ? created : form === "memberships" || form === "famedly" ? createdOf(content, member.device_id, confId) : 0,
      intent: alone ? intentOf(nameOf(content["m.call.intent"])) : "",
    };
  });
}

/** created_ts of one entry of memberships[]; 0 when unsaid. @param {any} content @param {string} device @param {string} confId */
function createdOf(content, device, confId) {
  const entry = content.memberships.find((/** @type {any} */ one) => one?.device_id === device && confId.endsWith(`#${one.call_id === "" ? "ROOM" : one.call_id}`));
  return isTime(entry?.created_ts) ? Math.trunc(entry.created_ts) : 0;
}

/** In the clear only. The newest text names no device; the member's own ID stands for it. @param {PastEvent} event @returns {Claim[]} */
function stickyClaims({ content, origin_server_ts, msc4354_sticky }) {
  const join = content && typeof content === "object" ? readJoin(content) : null;
  if (!join) return [];
  const asked = msc4354_sticky?.duration_ms;
  return [{
    id: canonicalSlot(join.slot), device: join.device || join.id, created: 0, ends: origin_server_ts + (asked > 0 ? Math.min(asked, STICKIEST) : STICKIEST),
    intent: intentOf(nameOf(content.application?.["m.call.intent"])), focus: join.published[0] ?? "",
  }];
}

/** The place that an event takes among those of its sender and type. @param {PastEvent} event */
export const placeOf = ({ state_key, type, content }) => JSON.stringify([type, state_key ?? `sticky ${content && typeof content === "object" ? stickyKey(content) : ""}`]);
