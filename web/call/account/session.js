/**
 * Who is signed in here: token and device, kept in this browser only. The keys
 * of the device lie in IndexedDB (vault.js) under the name that `storeName`
 * gives.
 */

import { Homeserver, MatrixError, stubbornly } from "./client.js";
import { trustOf } from "./policy.js";

const KEY = "meshfocus.account";
const TRUST = "meshfocus.trust";
const FRAMES = "meshfocus.frames";
const RETURNING = "meshfocus.returning";
/** Shown to others in their list of devices. */
const DEVICE_NAME = "meshfocus in a browser";

const WIPE_MS = 5_000;

/** @typedef {{base: string, user_id: string, device_id: string, token: string, fingerprint?: string}} Session */

/** @param {Storage} [storage] @returns {Session|undefined} */
export function remembered(storage = localStorage) {
  try {
    const session = JSON.parse(storage.getItem(KEY) ?? "null");
    const whole = ["base", "user_id", "device_id", "token"].every((field) => typeof session?.[field] === "string" && session[field]);
    return whole ? session : undefined;
  } catch {
    return undefined;
  }
}

/** @param {Session} session @param {Storage} [storage] */
export const remember = (session, storage = localStorage) => storage.setItem(KEY, JSON.stringify(session));

/** Whom this browser talks to (decision D24). @param {Storage} [storage] */
export const chosenTrust = (storage = localStorage) => trustOf(storage.getItem(TRUST));

/** Whether sound and picture are encrypted once more, as the person chose it. */
export const chosenFrames = (storage = localStorage) => storage.getItem(FRAMES) === "on";

/** @param {boolean} on @param {Storage} [storage] */
export const chooseFrames = (on, storage = localStorage) => storage.setItem(FRAMES, on ? "on" : "off");

/** @param {import("./policy.js").Trust} trust @param {Storage} [storage] */
export const chooseTrust = (trust, storage = localStorage) => storage.setItem(TRUST, trust);

/** @param {Session} session */
export const storeName = (session) => `meshfocus.${session.user_id}.${session.device_id}`;

/** @param {Session} session */
export const homeserverOf = (session) => new Homeserver(session.base, { token: session.token });

/**
 * Which ways in the homeserver offers.
 * @param {string} base
 * @returns {Promise<{password: boolean, sso: boolean}>}
 */
export async function waysIn(base) {
  const { flows } = await new Homeserver(base).request("GET", ["v3", "login"]);
  const has = (/** @type {string} */ type) => Array.isArray(flows) && flows.some((flow) => flow?.type === type);
  return { password: has("m.login.password"), sso: has("m.login.sso") };
}

/** @param {string} base @param {string} user localpart or user ID @param {string} password */
export function signInByPassword(base, user, password) {
  return signIn(base, { type: "m.login.password", identifier: { type: "m.id.user", user }, password });
}

/** @param {string} base @param {string} token that the homeserver gave on return from its own page */
export const signInByToken = (base, token) => signIn(base, { type: "m.login.token", token });

/** @param {string} base @param {Record<string, any>} how @returns {Promise<Session>} */
async function signIn(base, how) {
  const body = { ...how, initial_device_display_name: DEVICE_NAME };
  const answer = await stubbornly(() => new Homeserver(base).request("POST", ["v3", "login"], { body }), { attempts: 3 });
  return { base, user_id: answer.user_id, device_id: answer.device_id, token: answer.access_token };
}

/**
 * Leads to the homeserver's own page, from which the browser comes back to
 * this one with a login token (client-server API, m.login.sso).
 * @param {string} base @param {Location} [page] @param {Storage} [storage] for this tab
 */
export function leaveForSignIn(base, page = location, storage = sessionStorage) {
  storage.setItem(RETURNING, base);
  page.assign(new Homeserver(base).address(["v3", "login", "sso", "redirect"], { redirectUrl: page.origin + page.pathname + page.hash }));
}

/**
 * The login token of someone who has come back, taken out of the address. Only
 * the tab that left is believed: a link with a token in it would sign its
 * reader in as somebody else.
 * @param {Location} [page] @param {Storage} [storage]
 * @returns {{base: string, token: string}|undefined}
 */
export function returned(page = location, storage = sessionStorage) {
  const token = new URLSearchParams(page.search).get("loginToken");
  if (!token) return undefined;
  history.replaceState(null, "", page.pathname + page.hash);
  const base = storage.getItem(RETURNING);
  storage.removeItem(RETURNING);
  return base ? { base, token } : undefined;
}

/**
 * Ends the session at the homeserver, which deletes the device, and wipes what
 * this browser holds of it, whether or not the homeserver answers.
 * @param {Session} session
 */
export async function signOut(session) {
  await homeserverOf(session).request("POST", ["v3", "logout"], { body: {} }).catch((err) => {
    if (!(err instanceof MatrixError)) throw err;
  });
  localStorage.removeItem(KEY);
  await wipe(storeName(session));
}

/** Deletes the databases of a device. @param {string} store */
async function wipe(store) {
  const found = indexedDB.databases ? (await indexedDB.databases()).map(({ name }) => name ?? "").filter((name) => name.startsWith(`${store}::`)) : [];
  const names = new Set([...found, `${store}::matrix-sdk-crypto`, `${store}::matrix-sdk-crypto-meta`]);
  await Promise.all([...names].map((name) => new Promise((done) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = request.onerror = done;
    setTimeout(done, WIPE_MS); // blocked by another tab: it is deleted when that one closes
  })));
}
