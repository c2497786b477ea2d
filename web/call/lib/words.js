/**
 * What is said to people about a peer. Pure. Names are those of the room; no codes, no jargon.
 */
import { reasonWords } from "./reasons.js";

const NO_WAY = new Set(["ice_failed", "ice_timeout"]);

/**
 * @param {object} facts
 * @param {import("./exchange.js").State} facts.state
 * @param {boolean} facts.established both descriptions are exchanged
 * @param {boolean} facts.caller
 * @param {string} facts.reason why the last call ended
 * @param {string} facts.name
 * @param {boolean} facts.relay one is configured
 * @param {string} [facts.relays] what is wrong with ours
 * @param {boolean} [facts.relayed] no other way is allowed
 * @returns {string} "" when all is well
 */
export function peerWords({ state, established, caller, reason, name, relay, relays = "", relayed = false }) {
  const again = caller ? " Trying again soon." : "";
  switch (state) {
    case "connected":
      return "";
    case "lingering":
      return `${name} seems to have left; the picture stays for a few seconds in case it is only their server.`;
    case "broken":
      return `The connection with ${name} is interrupted and is being repaired.${relays && " "}${relays}`;
    case "calling":
      if (relays && relayed) return relays;
      return established ? `Looking for a way to ${name}'s device.` : caller ? `Calling ${name}.` : `${name} is calling.`;
    case "waiting":
    case "resting":
      if (reason === "") return `Waiting for ${name}'s device to call.`;
      if (!NO_WAY.has(reason)) return reasonWords(reason, name) + again;
      if (relays && relayed) return relays + again;
      return reasonWords(reason, name) + (!relay ? " No relay is configured." : relays && " " + relays) + again;
    default:
      return "";
  }
}

/** Why we do not connect to a member of the call. @param {import("./pairing.js").Why} why @param {string} name @param {number} maxMembers */
export function strangerWords(why, name, maxMembers) {
  switch (why) {
    case "focus":
      return "This call runs over a media server, which this client does not use.";
    case "member_focus":
      return `${name} uses a media server, which this client does not use.`;
    case "full":
      return `The call is full: only the first ${maxMembers} devices are connected.`;
    case "closed":
      return "Somebody who may do that has closed the call.";
  }
}

/** What is wrong with the frames of a peer, "" when nothing is. @param {import("./frameformat.js").Outcome|null|undefined} outcome @param {string} name */
export function frameWords(outcome, name) {
  switch (outcome) {
    case "no_key": return `Sound and picture of ${name} are encrypted, and the key for them has not come yet.`;
    case "wrong_key": return `Sound and picture of ${name} are encrypted with another key than the one that was sent.`;
    case "clear": return `${name} sends sound and picture without the encryption that this call asks for; they are not shown.`;
    case "broken": return `Sound and picture of ${name} arrive damaged.`;
    default: return "";
  }
}
