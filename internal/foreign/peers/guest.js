// A guest of the daemon: the library of the call page with the websocket, whose
// other end is a device on the daemon's homeserver. Served as it is.

import { SocketSignaller } from '/call/lib/index.js';
import { CallPeer } from './call.js';
import { serve } from './bench.js';

serve(new CallPeer(({ socket, link, user_id }) => new SocketSignaller({ url: socket, call: link, name: user_id })));
