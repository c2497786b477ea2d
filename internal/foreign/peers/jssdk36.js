// GroupCall of matrix-js-sdk 36.2.0: signals with Olm, by libolm.

import Olm from '@matrix-org/olm';
import * as sdk from 'matrix-js-sdk-36';
import { serve } from './bench.js';
import { GroupCallPeer } from './jssdk.js';

window.Olm = Olm;
serve(new GroupCallPeer(sdk, {
  options: ({ user_id }) => ({ cryptoStore: new sdk.IndexedDBCryptoStore(window.indexedDB, `keys of ${user_id}`) }),
  async prepare(client) {
    await Olm.init({ locateFile: () => '/olm.wasm' });
    await client.initLegacyCrypto();
    client.setGlobalErrorOnUnknownDevices(false);
  },
}));
