// GroupCall of matrix-js-sdk, any version that has it.

import { until } from './bench.js';

/** A peer made from one version of the library. */
export class GroupCallPeer {
  /**
   * @param sdk the library
   * @param signalling what createClient needs for its kind of signalling, and
   *   an optional prepare(client) before the client starts
   */
  constructor(sdk, { options = () => ({}), prepare = async () => {} } = {}) {
    Object.assign(this, { sdk, options, prepare });
  }

  async join(account) {
    if (!this.client) await this.start(account);
    this.room = account.room;
    await this.client.joinRoom(account.room);
    await until('the room', () => this.client.getRoom(account.room));
    await this.client.waitUntilRoomReadyForGroupCalls(account.room);
    const existing = () => this.client.getGroupCallForRoom(account.room);
    this.call = account.wait
      ? await until('a call object in the room', existing)
      : existing() ?? await this.client.createGroupCall(account.room, 'm.video', false, 'm.room');
    await this.call.initLocalCallFeed();
    if (account.audioOnly) await this.call.setLocalVideoMuted(true);
    await this.call.enter();
    return { user_id: account.user_id, device_id: account.device_id, session_id: this.client.getSessionId(), conf_id: this.call.groupCallId };
  }

  async start(account) {
    const { homeserver, token, user_id, device_id, relay } = account;
    this.client = this.sdk.createClient({
      baseUrl: homeserver, accessToken: token, userId: user_id, deviceId: device_id, forceTURN: Boolean(relay),
      iceCandidatePoolSize: 0, ...this.options(account),
    });
    await this.prepare(this.client);
    await this.client.startClient({ initialSyncLimit: 5 });
    await until('the first sync', () => this.client.getSyncState() === 'PREPARED' || this.client.getSyncState() === 'SYNCING');
    if (relay) await this.client.checkTurnServers?.();
  }

  async leave() {
    this.call.leave();
    await until('the end of the calls', () => this.links().length === 0);
  }

  async mute({ audio, video }) {
    if (audio !== undefined) await this.call.setMicrophoneMuted(audio);
    if (video !== undefined) await this.call.setLocalVideoMuted(video);
  }

  share() { return this.call.setScreensharingEnabled(true); }

  unshare() { return this.call.setScreensharingEnabled(false); }

  restart(user) {
    for (const { user_id, connection } of this.links()) if (user_id === user) connection.restartIce();
  }

  links() {
    const links = [];
    for (const [user, calls] of this.calls()) {
      for (const [device, call] of calls) {
        links.push({
          user_id: user, device_id: device, connection: call.peerConn ?? null, words: call.state,
          streams: call.getRemoteFeeds().map((feed) => ({
            purpose: feed.purpose, stream: feed.stream, audioMuted: feed.isAudioMuted(), videoMuted: feed.isVideoMuted(),
          })),
        });
      }
    }
    return links;
  }

  // The library keeps its calls to itself; what it shows are feeds.
  calls() { return this.call?.calls ?? new Map(); }
}
