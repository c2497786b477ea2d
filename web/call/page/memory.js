/**
 * What outlives the page: the name and the devices for next time, the call for a reload of this tab. A browser may
 * refuse to keep anything; then nothing is kept.
 */

/** @param {() => Storage} open @returns {{get: (key: string) => string, set: (key: string, value: string) => void}} */
function keeper(open) {
  return {
    get(key) {
      try { return open().getItem(`meshfocus.${key}`) ?? ""; } catch { return ""; }
    },
    set(key, value) {
      try {
        if (value === "") open().removeItem(`meshfocus.${key}`);
        else open().setItem(`meshfocus.${key}`, value);
      } catch { /* not kept */ }
    },
  };
}

const always = keeper(() => localStorage);
const tab = keeper(() => sessionStorage);

/** @typedef {{audioDevice?: string, videoDevice?: string, outputDevice?: string}} Devices */
/** @typedef {{call: string, name: string, seat: string, pass: string, via: boolean, audioMuted: boolean, videoMuted: boolean}} Seat */

export const memory = {
  get name() { return always.get("name"); },
  set name(name) { always.set("name", name); },

  /** @returns {Devices} */
  get devices() { return read(always.get("devices")); },
  set devices(devices) { always.set("devices", JSON.stringify(devices)); },

  /** The call that this tab is in, null when it is in none. @returns {Seat|null} */
  get seat() {
    const seat = read(tab.get("seat"));
    return typeof seat.call === "string" && typeof seat.name === "string" ? /** @type {Seat} */ (seat) : null;
  },
  set seat(seat) { tab.set("seat", seat ? JSON.stringify(seat) : ""); },
};

/** @param {string} json @returns {any} an object */
function read(json) {
  try {
    const value = JSON.parse(json);
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}
