// A js-sdk 43 with its Rust crypto, as a device that is rung: it prints each
// event of the room that was not sent in the clear as a JSON line, and declines
// the first notification.
//
//   node jssdk43.mjs SDK HOMESERVER USER DEVICE TOKEN ROOM
import { pathToFileURL } from "node:url";

const [sdkFolder, baseUrl, userId, deviceId, accessToken, roomId] = process.argv.slice(2);
for (const level of ["log", "info", "debug", "warn"]) console[level] = console.error; // the SDK is chatty
// Node 18 has not what the SDK takes from browsers of 2024.
Promise.withResolvers ??= function () {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const sdk = await import(pathToFileURL(`${sdkFolder}/lib/index.js`).href);
const client = sdk.createClient({ baseUrl, userId, deviceId, accessToken });
await client.initRustCrypto({ useIndexedDB: false });

let declined = false;
const take = async (event) => {
  if (event.getRoomId() !== roomId || !event.isEncrypted() || event.isDecryptionFailure()) return;
  const type = event.getType();
  if (type === "m.room.encrypted") return; // its key is on the way
  say({ event_id: event.getId(), type, sender: event.getSender(), content: event.getContent(), relation: event.getRelation() });
  if (declined || !type.endsWith("rtc.notification") || event.getSender() === userId) return;
  declined = true;
  await client.sendEvent(roomId, "org.matrix.msc4310.rtc.decline", { "m.relates_to": { rel_type: "m.reference", event_id: event.getId() } });
};
client.on("Event.decrypted", take);
client.once("sync", () => say({ ready: true }));
await client.startClient({ initialSyncLimit: 5 });
