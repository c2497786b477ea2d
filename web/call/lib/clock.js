/**
 * The time as the browser has it. Tests bring their own.
 * @type {import("./peer.js").Clock}
 */
export const systemClock = {
  now: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
