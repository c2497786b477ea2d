// hydrogen-view-sdk 0.3.1: signals with Olm, by libolm; it has calls, though
// its interface hides them behind a feature flag.

import { Client, FeatureFlag, FeatureSet, LoadStatus, LocalMedia, Platform } from 'hydrogen-view-sdk';
import { relayOnly, serve, until } from './bench.js';

/** The library's platform without its service worker, which only serves pictures of messages. */
class WorkerlessPlatform extends Platform {
  get updateService() { return { updateAuthData() {} }; }
}

class HydrogenPeer {
  async join(account) {
    if (!this.client) await this.start(account);
    const { session } = this.client;
    await session.joinRoom(account.room);
    await until('the room', () => session.rooms.get(account.room));
    // Members whose events came before the call's object are read again.
    await session.callHandler.loadCallsForRoom('m.room', account.room);
    const existing = () => [...session.callHandler.calls.values()].find((call) => call.roomId === account.room);
    this.call = account.wait
      ? await until('a call object in the room', existing)
      : existing() ?? await session.callHandler.createCall(account.room, 'm.video', 'conference', 'm.room');
    const stream = await this.platform.mediaDevices.getMediaTracks(true, true);
    await this.call.join(new LocalMedia().withUserMedia(stream));
    return { user_id: account.user_id, device_id: account.device_id, session_id: session.callHandler.sessionId, conf_id: this.call.id };
  }

  async start({ homeserver, token, user_id, device_id, relay }) {
    if (relay) relayOnly();
    this.platform = new WorkerlessPlatform({
      container: document.body, config: {},
      assetPaths: { olm: { wasm: '/olm.wasm', wasmBundle: '/olm.js', legacyBundle: '/olm.js' } },
    });
    await this.platform.init();
    this.client = new Client(this.platform, new FeatureSet(FeatureFlag.Calls));
    const known = (await this.platform.sessionInfoStorage.getAll()).find((session) => session.userId === user_id);
    if (known) await this.client.startWithExistingSession(known.id);
    else await this.client.startWithAuthData({ accessToken: token, deviceId: device_id, userId: user_id, homeserver });
    const status = () => this.client.loadStatus.get();
    await until('the first sync', () => [LoadStatus.Ready, LoadStatus.Error].includes(status()));
    if (status() === LoadStatus.Error) throw this.client.loadError;
  }

  async leave() {
    await this.call.leave();
    await until('the end of the calls', () => this.links().length === 0);
  }

  async mute({ audio, video }) {
    const differs = (want, is) => want !== undefined && want !== is;
    if (differs(audio, this.call.muteSettings.microphone)) await this.call.setMuted(this.call.muteSettings.toggleMicrophone());
    if (differs(video, this.call.muteSettings.camera)) await this.call.setMuted(this.call.muteSettings.toggleCamera());
  }

  async share() {
    const screen = await this.platform.mediaDevices.getScreenShareTrack();
    await this.call.setMedia(this.call.localMedia.withScreenShare(screen));
  }

  async unshare() {
    await this.call.setMedia(new LocalMedia().withUserMedia(this.call.localMedia.userMedia.clone()));
  }

  restart(user) {
    for (const { user_id, connection } of this.links()) if (user_id === user) connection.restartIce();
  }

  links() {
    if (!this.call?.hasJoined) return [];
    return [...this.call.members.values()].filter((member) => member.connection?.peerCall).map((member) => {
      const muted = member.remoteMuteSettings;
      const { userMedia, screenShare } = member.remoteMedia;
      const streams = [];
      if (userMedia) streams.push({ purpose: 'm.usermedia', stream: userMedia, audioMuted: muted?.microphone, videoMuted: muted?.camera });
      if (screenShare) streams.push({ purpose: 'm.screenshare', stream: screenShare });
      const { peerConnection, state } = member.connection.peerCall;
      return { user_id: member.userId, device_id: member.deviceId, connection: peerConnection, words: state, streams };
    });
  }
}

serve(new HydrogenPeer());
