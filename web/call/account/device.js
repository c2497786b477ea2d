/** A signed-in device ready to call: session, keys, one tab. */

import { remember, storeName, homeserverOf } from "./session.js";
import { Vault } from "./vault.js";

const LIBRARY = "/account/vendor/index.mjs";

/** @typedef {{session: import("./session.js").Session, homeserver: import("./client.js").Homeserver, vault: Vault, close: () => Promise<void>}} Device */

/**
 * Opens the device of a session: loads the library, takes the keys out of
 * IndexedDB or makes them, and publishes them. Only one tab may have them
 * open, because each would go on with its own copy of the Olm sessions.
 * @param {import("./session.js").Session} session
 * @param {(words: string) => void} refused told of messages that were dropped
 * @param {import("./policy.js").Trust} [trust] whom to talk to
 * @returns {Promise<Device>}
 */
export async function openDevice(session, refused, trust) {
  const release = await onlyTab(storeName(session));
  try {
    const lib = await import(LIBRARY);
    await lib.initAsync();
    const homeserver = homeserverOf(session);
    const vault = await Vault.open({
      lib, homeserver, refused, trust, store: storeName(session), self: { user_id: session.user_id, device_id: session.device_id },
    });
    settle(session, vault);
    return { session, homeserver, vault, close: () => vault.close().then(release) };
  } catch (err) {
    release();
    throw err;
  }
}

/**
 * A device whose keys are gone cannot be the same to others.
 * @param {import("./session.js").Session} session @param {Vault} vault
 */
function settle(session, vault) {
  if (session.fingerprint && session.fingerprint !== vault.fingerprint) {
    throw new Error("This browser has lost the encryption keys of its device. Sign out and in again to get a new one.");
  }
  session.fingerprint = vault.fingerprint;
  remember(session);
}

/** @param {string} name @returns {Promise<() => void>} */
function onlyTab(name) {
  if (!navigator.locks) return Promise.resolve(() => {});
  return new Promise((taken, refused) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return refused(new Error("You are signed in here in another tab already. Use that one, or close it and load this page again."));
      return new Promise((release) => taken(() => release(undefined)));
    }).catch(refused);
  });
}
