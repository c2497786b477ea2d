// GroupCall of matrix-js-sdk 43.0.0: signals in the clear.

import * as sdk from 'matrix-js-sdk-43';
import { serve } from './bench.js';
import { GroupCallPeer } from './jssdk.js';

serve(new GroupCallPeer(sdk, { options: () => ({ useE2eForGroupCall: false }) }));
