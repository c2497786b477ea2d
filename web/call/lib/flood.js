/**
 * How often a device may call us (decision D29): each invite that is taken costs a connection and replaces the one
 * before. Pure: the time is an argument.
 */

const MAX_INVITES = 10;
const PER = 60_000;
/** Devices kept account of: in cleartext a user may name as many as it likes. */
const MAX_CALLERS = 1024;

export class Flood {
  constructor() {
    /** @type {Map<string, number[]>} when each device called, within the last minute */
    this.calls = new Map();
  }

  /** Counts an invite, unless its device has used up its share. @param {string} key of the device @param {number} now */
  allow(key, now) {
    const recent = this.recent(key, now);
    if (recent.length >= MAX_INVITES) return false;
    if (recent.length === 0 && this.calls.size >= MAX_CALLERS) {
      for (const other of [...this.calls.keys()]) this.recent(other, now);
      if (this.calls.size >= MAX_CALLERS) return false;
    }
    this.calls.set(key, [...recent, now]);
    return true;
  }

  /** Forgets what is older than a minute. @param {string} key @param {number} now */
  recent(key, now) {
    const recent = (this.calls.get(key) ?? []).filter((at) => now - at < PER);
    if (recent.length === 0) this.calls.delete(key);
    return recent;
  }
}
