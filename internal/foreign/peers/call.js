// The library of our call page, whichever way its words travel.

import { Call, LocalMedia } from '/call/lib/index.js';
import { until } from './bench.js';

export class CallPeer {
  /** @param signallerFor makes a signaller, or a promise of one, for what join was told */
  constructor(signallerFor) { this.signallerFor = signallerFor; }

  async join(account) {
    this.media = new LocalMedia();
    await this.media.open();
    this.call = new Call({ media: this.media, signaller: await this.signallerFor(account) });
    await this.call.join();
    await until('the membership', () => this.call.snapshot().state === 'joined');
    const { user_id, device_id, session_id } = this.call.snapshot().self;
    return { user_id, device_id, session_id };
  }

  async leave() {
    await this.call.leave();
    this.media.close();
  }

  mute(what) { this.media.setMuted(what); }

  share() { return this.media.share(); }

  unshare() { this.media.unshare(); }

  /** As if the network had changed, upon which the library restarts ICE. */
  restart() { this.call.mesh.network(true); }

  links() {
    if (!this.call) return [];
    return this.call.snapshot().peers.filter(({ key }) => this.connection(key)).map(({ key, user_id, device_id, state, streams }) => ({
      user_id, device_id, words: state, connection: this.connection(key), streams,
    }));
  }

  connection(key) { return this.call.mesh?.peers.get(key)?.connection?.pc; }
}
