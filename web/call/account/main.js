/**
 * The page of someone with a Matrix account: sign in, choose a room, call.
 *
 *   sign in ──> device (keys) ──> choose a room ──> the call page's interface
 *      ^                             │
 *      └──────── sign out ───────────┘
 */

import { brand } from "/call/page/brand.js";
import { discover } from "./client.js";
import { openDevice } from "./device.js";
import { Doorbell } from "./doorbell.js";
import { Ear } from "./ear.js";
import { Listener } from "./listener.js";
import { PastView } from "./pastview.js";
import { RingView } from "./ringview.js";
import { enterRoom, joinedRooms } from "./rooms.js";
import { trustOf } from "./policy.js";
import { chooseFrames, chooseTrust, chosenFrames, chosenTrust, leaveForSignIn, remember, remembered, returned, signInByPassword, signInByToken, signOut, waysIn } from "./session.js";
import { shown } from "/call/page/words.js";
import { MatrixSignaller } from "./signaller.js";
import { Stage, calling } from "./stage.js";

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);
/** @param {string} words */
const say = (words) => {
  if (stage) stage.say(words);
  else element("say").textContent = words;
};

/** @type {import("./device.js").Device|undefined} */
let device;
/** @type {Stage|undefined} once a room is chosen */
let stage;
/** @type {Ear|undefined} hears who calls */
let ear;
/** @type {Listener|undefined} syncs for it while we are in no call */
let listener;
const doorbell = new Doorbell();
const rings = new RingView({
  accept: (ring) => { ear?.answer(ring.id); doing(() => call({ id: ring.room, room: ring.room, title: ring.place, again: true })); },
  decline: (ring) => doing(async () => ear?.decline(ring.id)),
  dismiss: (ring) => ear?.dismiss(ring.id),
});

/** @param {import("./ear.js").Shown[]} all */
function showRings(all) {
  rings.update(all, listener === undefined);
  if (all.some(({ loud }) => loud)) doorbell.ring();
  else doorbell.stop();
  const title = all.length > 0 ? `${shown(all[0].caller)} calls you · meshfocus` : "";
  if (stage) stage.ring(title);
  else document.title = title || "Choose a room · meshfocus";
}

function listen() {
  if (!device || !ear || listener) return;
  listener = new Listener({ ...device, ear, say });
  listener.start();
  ear.tell();
}

/** The loop of a call takes the device's messages: nobody else may then. */
async function quiet() {
  const was = listener;
  listener = undefined;
  await was?.stop();
  ear?.tell();
}

/** Runs what a click asked for, once at a time, and says what went wrong. @param {() => Promise<void>} work */
async function doing(work) {
  const fields = [...document.querySelectorAll("#entrance button, #entrance input, #entrance select")];
  fields.forEach((field) => field.toggleAttribute("disabled", true));
  try {
    await work();
  } catch (err) {
    say(err instanceof Error ? sentence(err.message) : String(err));
  } finally {
    fields.forEach((field) => field.toggleAttribute("disabled", false));
  }
}

/** @param {string} text */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** @param {"sign-in"|"choose"} shown */
function show(shown) {
  for (const part of ["sign-in", "choose"]) element(part).hidden = part !== shown;
}

/** @param {import("./session.js").Session} session */
async function ready(session) {
  say("Opening the keys of this device…");
  device = await openDevice(session, (words) => console.debug(words), chosenTrust());
  element("trust").value = device.vault.trust;
  element("who").textContent = session.user_id;
  element("device").textContent = session.device_id;
  element("unsigned").hidden = await device.vault.isSigned();
  show("choose");
  say("You are signed in.");
  const here = calling();
  ear = new Ear({ ...device, self: selfOf(session), changed: showRings });
  if (here) return call({ ...here, again: true });
  const rooms = await joinedRooms(device.homeserver);
  listRooms(rooms);
  document.getElementById("past")?.remove(); // of somebody else
  element("choose").after(new PastView({ homeserver: device.homeserver, self: session.user_id, rooms }).element);
  element("room").value = decodeURIComponent(location.hash.slice(1));
  element("room").focus();
  listen();
}

/** @param {import("./session.js").Session} session */
const selfOf = ({ user_id, device_id }) => ({ user_id, device_id });

/** @param {import("./rooms.js").Choice[]} rooms */
function listRooms(rooms) {
  element("rooms").replaceChildren(...rooms.slice(0, 100).map((room) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = [room.name, room.calling > 0 ? "a call is on" : "", room.encrypted ? "encrypted" : ""].filter(Boolean).join(" · ");
    button.addEventListener("click", () => doing(() => call({ id: room.id, room: room.id, title: room.name })));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

/**
 * Into a call, out of the one we are in if there is one.
 * @param {{room: string, title?: string, id?: string, again?: boolean}} choice room is an ID or alias; id that of a room we
 *   are in; again: without asking, as after a reload
 */
async function call({ room, title = room, id, again = false }) {
  if (!device) return;
  const { homeserver, session, vault } = device;
  const self = selfOf(session);
  say("Going into the room…");
  const roomId = id ?? await enterRoom(homeserver, room);
  const media = await stage?.away();
  history.replaceState(null, "", `#${encodeURIComponent(room)}`);
  const signaller = () => new MatrixSignaller({ homeserver, vault, roomId, self, ear, frames: chosenFrames() });
  stage = new Stage({ title, room, name: session.user_id, link: location.href, signaller, rings, quiet, listen, back: () => location.reload() }, media);
  if (again) await stage.again();
  else stage.preJoin();
}

/** @param {Event} event */
const homeserverField = (event) => {
  event.preventDefault();
  return discover(element("homeserver").value || element("user").value);
};

element("sign-in").addEventListener("submit", (/** @type {Event} */ event) => {
  const found = homeserverField(event);
  doing(async () => {
    say("Signing in…");
    const session = await signInByPassword(await found, element("user").value.trim(), element("password").value);
    element("password").value = "";
    remember(session);
    await ready(session);
  });
});
element("sso").addEventListener("click", (/** @type {Event} */ event) => {
  const found = homeserverField(event);
  doing(async () => {
    const base = await found;
    if (!(await waysIn(base)).sso) throw new Error("This homeserver has no sign-in page of its own: use user name and password.");
    leaveForSignIn(base);
  });
});
element("room-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  doing(() => call({ room: element("room").value }));
});
element("ring-sound").checked = doorbell.allowed;
element("ring-sound").addEventListener("change", () => doorbell.allow(element("ring-sound").checked));
element("frames").checked = chosenFrames();
element("frames").addEventListener("change", () => chooseFrames(element("frames").checked));
element("trust").addEventListener("change", () => {
  const trust = trustOf(element("trust").value);
  chooseTrust(trust);
  if (device) device.vault.trust = trust;
});
element("sign-out").addEventListener("click", () => doing(async () => {
  if (!device) return;
  const { session } = device;
  ear?.close();
  await quiet();
  await device.close();
  await signOut(session);
  device = undefined;
  document.getElementById("past")?.remove();
  show("sign-in");
  say("You are signed out, and the keys of this device are gone.");
}));

document.querySelector("#entrance .brand")?.replaceWith(brand());
element("entrance").prepend(rings.element);
Object.assign(globalThis, { meshfocus: { doorbell } }); // for who looks by the console
doing(async () => {
  const back = returned();
  let session = remembered();
  if (back) remember(session = await signInByToken(back.base, back.token));
  show("sign-in");
  say("");
  if (!session) return;
  element("homeserver").value = session.base;
  await ready(session);
});
