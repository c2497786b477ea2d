/** The two forms of our membership, as a Post writes them. */

import { LEFT, inConference, inSlot, routeOf, slotContent, slotKey, withDevice, withoutDevice } from "./membership.js";

/** @typedef {import("./post.js").Form} Form */
/** @typedef {import("./membership.js").Party} Party */

/** @param {{self: Party, sessionId: string, roomVersion?: string, via?: () => Party|null}} who @returns {Form} */
export function slotForm({ self, sessionId, roomVersion, via }) {
  return {
    stateKey: slotKey(self, roomVersion),
    shared: false,
    join: (_present, times) => slotContent(self, sessionId, times, via?.()),
    leave: () => LEFT,
    holds: (present) => inSlot(present, self, sessionId),
  };
}

/**
 * @param {{self: Party, sessionId: string, confId: string, feeds: () => import("./membership.js").Feed[], via?: () => Party|null}} who
 * @returns {Form}
 */
export function conferenceForm({ self, sessionId, confId, feeds, via }) {
  return {
    stateKey: self.user_id,
    shared: true,
    join: (present, { validMs, now }) => withDevice(present, confId, {
      device_id: self.device_id, session_id: sessionId, expires_ts: now + validMs, feeds: feeds(), ...routeOf(via?.()),
    }, now),
    leave: (present, now) => withoutDevice(present, confId, self.device_id, now),
    holds: (present) => inConference(present, confId, self.device_id, sessionId),
  };
}
