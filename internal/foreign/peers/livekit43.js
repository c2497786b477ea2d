// A LiveKit member as Element Call makes it, by MatrixRTCSession of
// matrix-js-sdk 43.0.0, without any media: what its library makes of the
// others in the slot of the room.

import * as sdk from 'matrix-js-sdk-43';
import { serve, until } from './bench.js';

/** How Element Call joins in each of its modes: own transport, as preferred or as the only one, and where it is written. */
const modes = {
  legacy: (own) => [[own], undefined, {}],
  compatibility: (own) => [[own], own, {}],
  matrix_2_0: (own) => [[own], own, { unstableSendStickyEvents: true }],
};

class LiveKitPeer {
  async join({ homeserver, token, user_id: userId, device_id: deviceId, room, variant }) {
    if (!this.client) {
      this.client = sdk.createClient({ baseUrl: homeserver, accessToken: token, userId, deviceId });
      await this.client.startClient({ initialSyncLimit: 5 });
      await until('the first sync', () => ['PREPARED', 'SYNCING'].includes(this.client.getSyncState()));
    }
    await this.client.joinRoom(room);
    const joined = await until('the room', () => this.client.getRoom(room));
    this.session = this.client.matrixRTC.getRoomSession(joined);
    this.seen = [];
    this.session.on(sdk.MatrixRTCSessionEvent?.MembershipsChanged ?? 'memberships_changed', () => this.seen.push(this.members()));
    const own = { type: 'livekit', livekit_service_url: `https://sfu-of-${deviceId.toLowerCase()}.example`, livekit_alias: room };
    const [preferred, only, config] = modes[variant](own);
    const memberId = variant === 'matrix_2_0' ? crypto.randomUUID() : `${userId}:${deviceId}`;
    this.session.joinRTCSession({ userId, deviceId, memberId }, preferred, only, { delayedLeaveEventDelayMs: 18000, ...config });
    await until('our own membership', () => this.session.memberships.some((member) => member.deviceId === deviceId));
    return { user_id: userId, device_id: deviceId, session_id: memberId, conf_id: 'm.call#ROOM' };
  }

  async leave() { await this.session.leaveRoomSession(5000); }

  links() { return []; }

  /** Every transport that the library ever computed for a device, in this session. */
  transports() {
    const all = {};
    for (const member of [...this.seen, this.members()].flat()) {
      const url = member.transport?.livekit_service_url ?? String(member.transport?.type ?? 'none');
      all[member.device_id] = [...new Set([...all[member.device_id] ?? [], url])];
    }
    return all;
  }

  /** The members as the library orders them, with the transport that it computes for each. */
  members() {
    const { memberships } = this.session;
    return memberships.map((member) => ({
      device_id: member.deviceId, transport: member.getTransport(memberships[0]) ?? null,
    }));
  }
}

serve(new LiveKitPeer());
