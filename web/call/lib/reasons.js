/**
 * Why calls end: how the caller goes on after it, and the words for people. Pure.
 *
 * How the caller goes on: "climb" to the next rung of the ladder; "fault" likewise, but after three in a row only the slow
 * rung, since the cause is here; "pause" at least five seconds, since it was meant; "slow" once a minute.
 */

/** Waits before the first attempt, the second, and so on; the last repeats while both are members. */
export const LADDER = [0, 5000, 10_000, 20_000, 40_000, 60_000];
export const SLOW_RUNG = 60_000;
export const PAUSE = 5000;
const MAX_FAULTS = 3;
const JITTER = 0.2;

/** @type {{[reason: string]: {retry: 'climb'|'fault'|'pause'|'slow', words: (name: string) => string}}} */
const REASONS = {
  user_hangup: { retry: "pause", words: (name) => `${name} hung up.` },
  replaced: { retry: "pause", words: (name) => `A newer connection with ${name} takes the place of the old one.` },
  new_session: { retry: "pause", words: (name) => `${name} came back with a new session.` },
  answered_elsewhere: { retry: "slow", words: (name) => `${name} answered on another device.` },
  user_busy: { retry: "slow", words: (name) => `${name} is busy.` },
  transferred: { retry: "slow", words: (name) => `${name} was transferred to another call.` },
  ice_failed: { retry: "climb", words: (name) => `${name}'s device cannot be reached directly.` },
  ice_timeout: { retry: "climb", words: (name) => `No way to ${name}'s device was found in time.` },
  invite_timeout: { retry: "climb", words: (name) => `${name}'s device does not answer.` },
  signalling_timeout: { retry: "climb", words: (name) => `Messages to ${name}'s device do not get through.` },
  unknown_error: { retry: "climb", words: (name) => `The connection with ${name} ended for a reason that was not told.` },
  unknown_devices: { retry: "fault", words: (name) => `The keys of ${name}'s device are not known.` },
  send_invite: { retry: "fault", words: (name) => `The call to ${name} could not be sent.` },
  send_answer: { retry: "fault", words: (name) => `The answer to ${name} could not be sent.` },
  create_offer: { retry: "fault", words: (name) => `This browser could not prepare a connection to ${name}.` },
  create_answer: { retry: "fault", words: (name) => `This browser could not take the call of ${name}.` },
  set_remote_description: { retry: "fault", words: (name) => `This browser does not understand the answer of ${name}'s device.` },
};
const LOCAL = new Set(["local_offer_failed", "no_user_media", "user_media_failed", "set_local_description"]);

/** @param {string} reason */
function entry(reason) {
  if (LOCAL.has(reason)) return REASONS.create_offer;
  return Object.hasOwn(REASONS, reason) ? REASONS[reason] : REASONS.unknown_error;
}

/**
 * Says for people what a hang-up reason means.
 * @param {string} reason @param {string} name
 */
export const reasonWords = (reason, name) => entry(reason).words(name);

/**
 * How long the caller rests before its next attempt.
 * @param {string} reason
 * @param {{attempts: number, faults: number}} counts attempts since the last lasting connection; faults in a row, kept here
 * @param {() => number} random 0 to 1
 */
export function rest(reason, counts, random) {
  let rung = LADDER[Math.min(counts.attempts, LADDER.length - 1)];
  switch (entry(reason).retry) {
    case "fault":
      if (++counts.faults >= MAX_FAULTS) rung = SLOW_RUNG;
      break;
    case "pause":
      rung = Math.max(rung, PAUSE);
      break;
    case "slow":
      rung = SLOW_RUNG;
  }
  // Pairs that broke together shall not come back together.
  return rung * (1 + JITTER * (2 * random() - 1));
}
