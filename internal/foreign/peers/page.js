// Our own page as it is for people who sign in: the library of the call page
// with the account page's signaller, which speaks Olm in the browser. Served
// as it is.

import { openDevice } from '/account/device.js';
import { enterRoom } from '/account/rooms.js';
import { MatrixSignaller } from '/account/signaller.js';
import { CallPeer } from './call.js';
import { serve } from './bench.js';

let device;

serve(new CallPeer(async ({ homeserver, token, user_id, device_id, room }) => {
  const self = { user_id, device_id };
  device ??= await openDevice({ base: homeserver, token, ...self }, (words) => console.warn(words));
  return new MatrixSignaller({ ...device, roomId: await enterRoom(device.homeserver, room), self });
}));
