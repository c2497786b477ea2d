/**
 * When to encrypt, whom to believe. Pure: facts in, verdict out.
 *
 * Decision D23: Olm goes to every device that has published keys; cleartext
 * only to one that has none, and never in an encrypted room. Decision D24: whom
 * we talk to is the user's choice, by default devices that their owner signed,
 * if the owner has cross-signing.
 */

/** @typedef {"require"|"prefer"} Mode */
/**
 * From the least strict. The store of keys never takes other keys for a device
 * than those it saw first, so that "any" is no more than "known" here.
 * @typedef {"any"|"known"|"cross_signed"|"verified"} Trust
 */
/** @type {readonly Trust[]} */
export const TRUSTS = Object.freeze(["any", "known", "cross_signed", "verified"]);

/** What a person wrote or chose, made safe. @param {unknown} name @returns {Trust} */
export const trustOf = (name) => TRUSTS.find((trust) => trust === name) ?? "cross_signed";

/** The types of messages that carry the key of somebody's frames: inside Olm or not at all, whatever the mode (MSC4143). */
const MEDIA_KEYS = ["org.matrix.msc4143.rtc.encryption_key", "m.rtc.encryption_key", "io.element.call.encryption_keys"];

/** @param {string} event */
export const isMediaKey = (event) => MEDIA_KEYS.includes(event);

/**
 * What the key list says about a device.
 * @typedef {object} DeviceFacts
 * @property {boolean} known it has published keys
 * @property {boolean} ownerCrossSigns its owner has cross-signing keys
 * @property {boolean} crossSigned its owner has signed it
 * @property {boolean} verified we, or our user, have verified it
 */

/**
 * @param {{wanted?: "auto"|Mode, trust?: Trust}} config
 * @param {boolean} encryptedRoom
 * @returns {Mode}
 */
export function modeFor({ wanted = "auto", trust = "cross_signed" }, encryptedRoom) {
  if (wanted === "require" || trust === "verified") return "require";
  return wanted === "auto" && encryptedRoom ? "require" : "prefer";
}

/**
 * Why a device is not trusted; "" when it is.
 * @param {DeviceFacts} device
 * @param {Trust} trust
 */
export function distrust(device, trust) {
  if (trust === "any" || trust === "known" || device.verified) return "";
  if (trust === "verified") return "Nobody here has verified this device, and you talk to verified devices only. Verify it in your usual Matrix client, or choose another rule.";
  return device.ownerCrossSigns && !device.crossSigned ? "This device is not signed by its owner, who can verify it in another client." : "";
}

/**
 * How a message to a device travels.
 * @param {Mode} mode
 * @param {DeviceFacts} device
 * @param {Trust} trust
 * @returns {{how: "olm"|"clear"} | {how: "refuse", code: string, words: string}}
 */
export function sendingTo(mode, device, trust) {
  if (!device.known) {
    if (mode === "prefer") return { how: "clear" };
    return { how: "refuse", code: "no_keys", words: "This device publishes no encryption keys, and this call is encrypted." };
  }
  const why = distrust(device, trust);
  return why ? { how: "refuse", code: "untrusted", words: why } : { how: "olm" };
}

/**
 * A to-device message as it arrived. `device` is the one that encrypted it,
 * found by its keys; `claimed` the one that its content names. `encrypts`: the
 * claimed device has sent us Olm before, so cleartext in its name is not its.
 * @typedef {{encrypted: boolean, sender: string, device?: string, claimed?: string, encrypts?: boolean}} Arrived
 */

/**
 * Whom a message is from, or why it is not taken.
 * @param {Mode} mode
 * @param {Arrived} arrived
 * @param {DeviceFacts} device facts about `arrived.device`; without meaning for cleartext
 * @param {Trust} trust
 * @returns {{from: {user_id: string, device_id: string}} | {refuse: string}}
 */
export function receiving(mode, arrived, device, trust) {
  if (!arrived.encrypted) {
    if (mode === "require") return { refuse: "it came in cleartext, and encryption is required here" };
    if (arrived.encrypts) return { refuse: `it came in cleartext, and device ${arrived.claimed} encrypts` };
    if (!arrived.claimed) return { refuse: "it names no device" };
    return { from: { user_id: arrived.sender, device_id: arrived.claimed } };
  }
  if (!arrived.device || !device.known) return { refuse: "it came under keys that its sender has not published" };
  if (arrived.claimed && arrived.claimed !== arrived.device) return { refuse: `it names device ${arrived.claimed}, and ${arrived.device} encrypted it` };
  const why = distrust(device, trust);
  return why ? { refuse: why } : { from: { user_id: arrived.sender, device_id: arrived.device } };
}
