/**
 * Whom we meet, and where. Pure.
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {import("./members.js").Member} Member
 * @typedef {import("./members.js").Session} Session
 * @typedef {'focus'|'member_focus'|'full'|'closed'} Why a device is not met: the session uses a media server, the device
 *   does, the mesh is full, or somebody has closed the slot
 * @typedef {{member: Member, confId: string, form: 'calls'|'session'|'famedly'}} Meeting
 * @typedef {{member: Member, confId: string, why: Why}} Stranger
 * @typedef {{member: Member, by: string}} Behind somebody whom we get through another member, by its key
 */
import { isMesh, keyOf } from "./members.js";

/**
 * @param {Party} a @param {Party} b
 * @returns {boolean} whether a calls b: the lesser user, then device, in UTF-16 code units (D21)
 */
export function calls(a, b) {
  return a.user_id === b.user_id ? a.device_id < b.device_id : a.user_id < b.user_id;
}

/**
 * Assigns every other device to the one session where we meet it: where the pair is connected, else where the device
 * called us, else a slot before a conference.
 * @param {object} facts
 * @param {Party} facts.self
 * @param {number} facts.maxMembers
 * @param {(confId: string) => boolean} facts.entered
 * @param {Map<string, string>} facts.met conference by device, of pairs with a live call; they stay there
 * @param {Map<string, string>} facts.invited conference by device that called us there
 * @param {(session: Session, a: Party, b: Party) => Member|null} [facts.between] the member through whom two meet, of via.js;
 *   who names none needs none
 * @param {Session[]} sessions
 * @returns {{meetings: Map<string, Meeting>, strangers: Map<string, Stranger>, behind: Map<string, Behind>}} all by device
 */
export function plan(facts, sessions) {
  /** @type {Map<string, Meeting>} */
  const meetings = new Map();
  /** @type {Map<string, Stranger>} */
  const strangers = new Map();
  /** @type {Map<string, number>} */
  const scores = new Map();
  for (const session of sessions.filter((session) => facts.entered(session.confId))) {
    session.members.forEach((member, place) => {
      const key = keyOf(member);
      if (key === keyOf(facts.self)) return;
      const why = refusal(facts, session, place);
      const met = facts.met.get(key) === session.confId;
      if (why && (!met || why === "closed")) {
        strangers.set(key, { member, confId: session.confId, why });
        return;
      }
      const score = met ? 4 : facts.invited.get(key) === session.confId ? 3 : session.form === "session" ? 2 : 1;
      if (score <= (scores.get(key) ?? 0)) return;
      scores.set(key, score);
      meetings.set(key, { member, confId: session.confId, form: session.form });
    });
  }
  for (const key of meetings.keys()) strangers.delete(key);
  /** @type {Map<string, Behind>} */
  const behind = new Map();
  for (const [key, { member, confId }] of meetings) {
    const session = sessions.find((session) => session.confId === confId);
    const by = session ? facts.between?.(session, facts.self, member) : null;
    if (!by || !meetings.has(keyOf(by))) continue;
    behind.set(key, { member, by: keyOf(by) });
    meetings.delete(key);
  }
  return { meetings, strangers, behind };
}

/**
 * Members are counted oldest first, so that all compute the same.
 * @param {{self: Party, maxMembers: number}} facts @param {Session} session @param {number} place
 * @returns {Why|null}
 */
function refusal(facts, session, place) {
  if (session.slot === "closed") return "closed";
  // Whoever chose the mesh is met in it, whatever the oldest member uses.
  if (!session.members[place].mesh) return isMesh(session.focus) ? "member_focus" : "focus";
  const self = keyOf(facts.self);
  const at = session.members.findIndex((member) => keyOf(member) === self);
  const own = at < 0 ? session.members.length : at; // before it has come back to us, ours is the last
  return place >= facts.maxMembers || own >= facts.maxMembers ? "full" : null;
}
