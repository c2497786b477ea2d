// Reads rooms as JSON and writes the transports that the real js-sdk computes for the members of the slot of the room.
import { readFileSync } from "node:fs";
import { MatrixRTCSession } from "../../../internal/npm/node_modules/matrix-js-sdk-43/lib/matrixrtc/MatrixRTCSession.js";

for (const name of ["debug", "info", "log", "warn", "trace"]) console[name] = () => {};

const event = (raw) => ({
  getType: () => raw.type, getStateKey: () => raw.state_key, getSender: () => raw.sender, getId: () => raw.event_id,
  getTs: () => raw.origin_server_ts, getContent: () => raw.content,
});

async function transports({ now, state, sticky }) {
  Date.now = () => now;
  const states = state.map(event);
  const room = {
    roomId: "!room:hs",
    hasMembershipState: () => true,
    getLiveTimeline: () => ({ getState: () => ({
      getStateEvents: (type, key) => key === undefined ? states.filter((e) => e.getType() === type)
        : states.find((e) => e.getType() === type && e.getStateKey() === key) ?? null,
    }) }),
    _unstable_getStickyEvents: () => sticky.map(event),
  };
  const members = await MatrixRTCSession.sessionMembershipsForSlot(room, { application: "m.call", id: "ROOM" });
  return Object.fromEntries(members.map((member) =>
    [member.userId + "/" + member.deviceId, JSON.stringify(member.getTransport(members[0])) ?? "undefined"]));
}

const answers = [];
for (const room of JSON.parse(readFileSync(0, "utf8"))) answers.push(await transports(room));
process.stdout.write(JSON.stringify(answers));
