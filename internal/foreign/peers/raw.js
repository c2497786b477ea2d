// A full-mesh caller and callee without a library, for what the libraries
// cannot be made to put on the wire (MSC3401 with MSC3077). Its variants:
//
//   bare         descriptions hold no candidates; they all come later, one by one
//   gathered     descriptions hold all candidates, and none comes later
//   unnumbered   no message has a seq
//   sound first  offers sound only, and negotiates the picture after the answer
//   unnamed      nothing says what the stream is for
//   sparse       only what js-sdk insists on; version is a number

import { relayOnly, serve, until } from './bench.js';

const memberType = 'org.matrix.msc3401.call.member';
const conference = 'conference';

class RawPeer {
  constructor() { this.calls = new Map(); }

  async join(account) {
    Object.assign(this, { account, session: `raw${Math.random().toString(36).slice(2, 10)}`, variant: account.variant ?? '' });
    if (account.relay) relayOnly();
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    await this.ask('POST', `/join/${encodeURIComponent(account.room)}`, {});
    const device = {
      device_id: account.device_id, session_id: this.session, expires_ts: Date.now() + 3600e3, feeds: [{ purpose: 'm.usermedia' }],
    };
    await this.setMember([{ 'm.call_id': conference, 'm.devices': [device] }]);
    this.sync();
    return { user_id: account.user_id, device_id: account.device_id, session_id: this.session, conf_id: conference };
  }

  async leave() {
    this.left = true;
    await this.setMember([]);
    for (const call of this.calls.values()) await call.hangup();
  }

  restart(user) {
    for (const call of this.calls.values()) if (call.to.user_id === user) call.negotiate({ iceRestart: true });
  }

  links() {
    return [...this.calls.values()].map(({ to, connection, streams }) => ({
      ...to, connection, words: connection.signalingState,
      streams: [...streams].map((stream) => ({ purpose: 'm.usermedia', stream, audioMuted: false, videoMuted: false })),
    }));
  }

  setMember(calls) {
    const key = encodeURIComponent(this.account.user_id);
    return this.ask('PUT', `/rooms/${encodeURIComponent(this.account.room)}/state/${memberType}/${key}`, { 'm.calls': calls });
  }

  async ask(method, path, body) {
    const answer = await fetch(`${this.account.homeserver}/_matrix/client/v3${path}`, {
      method, headers: { Authorization: `Bearer ${this.account.token}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.json();
  }

  async sync() {
    for (let since; !this.left;) {
      const news = await this.ask('GET', `/sync?timeout=10000${since ? `&since=${since}` : ''}`);
      since = news.next_batch;
      const room = news.rooms?.join?.[this.account.room];
      for (const event of [...room?.state?.events ?? [], ...room?.timeline?.events ?? []]) {
        if (event.type === memberType) this.see(event);
      }
      for (const event of news.to_device?.events ?? []) await this.hear(event);
    }
  }

  /** Calls a member whose user follows ours in the order of users. */
  see({ state_key: user_id, content }) {
    const calls = (content['m.calls'] ?? []).filter((call) => call['m.call_id'] === conference);
    for (const { device_id, session_id } of calls.flatMap((call) => call['m.devices'] ?? [])) {
      if (user_id > this.account.user_id && !this.calls.has(`${user_id}/${session_id}`)) {
        const call = new RawCall(this, { user_id, device_id }, session_id, `raw${Date.now()}${Math.random().toString(36).slice(2)}`);
        this.calls.set(`${user_id}/${session_id}`, call);
        call.place();
      }
    }
  }

  async hear({ type, sender, content }) {
    if (content.dest_session_id !== this.session || content.conf_id !== conference) return;
    const key = `${sender}/${content.sender_session_id}`;
    if (type === 'm.call.invite') {
      this.calls.get(key)?.close();
      this.calls.set(key, new RawCall(this, { user_id: sender, device_id: content.device_id }, content.sender_session_id, content.call_id));
    }
    const call = this.calls.get(key);
    if (call?.id === content.call_id) await call.hear(type, content);
    if (type === 'm.call.hangup') this.calls.delete(key);
  }
}

class RawCall {
  constructor(peer, to, session, id) {
    Object.assign(this, { peer, to, session, id, seq: 0, streams: new Set(), early: [] });
    this.connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.connection.ontrack = ({ streams }) => streams.forEach((stream) => this.streams.add(stream));
    this.connection.onicecandidate = ({ candidate }) => this.trickle(candidate);
  }

  close() { this.connection.close(); }

  async hangup() {
    await this.say('m.call.hangup', { reason: 'user_hangup' });
    this.close();
    this.peer.calls.delete(`${this.to.user_id}/${this.session}`);
  }

  add(...kinds) {
    for (const track of this.peer.stream.getTracks()) if (kinds.includes(track.kind)) this.connection.addTrack(track, this.peer.stream);
  }

  async place() {
    this.add(...(this.peer.variant === 'sound first' ? ['audio'] : ['audio', 'video']));
    await this.connection.setLocalDescription();
    await this.say('m.call.invite', { lifetime: 60000, invitee: this.to.user_id, offer: await this.description() });
    this.open();
  }

  async negotiate(options) {
    await this.connection.setLocalDescription(await this.connection.createOffer(options));
    await this.say('m.call.negotiate', { lifetime: 60000, description: await this.description() });
  }

  async hear(type, content) {
    if (type === 'm.call.invite') {
      await this.connection.setRemoteDescription(content.offer);
      this.add('audio', 'video');
      await this.connection.setLocalDescription();
      await this.say('m.call.answer', { answer: await this.description() });
      this.open();
    } else if (type === 'm.call.answer') {
      await this.connection.setRemoteDescription(content.answer);
      if (this.peer.variant === 'sound first') {
        this.add('video');
        await this.negotiate();
      }
    } else if (type === 'm.call.negotiate') {
      await this.connection.setRemoteDescription(content.description);
      if (content.description.type !== 'offer') return;
      await this.connection.setLocalDescription();
      await this.say('m.call.negotiate', { lifetime: 60000, description: await this.description() });
    } else if (type === 'm.call.candidates') {
      for (const candidate of content.candidates) if (candidate.candidate) await this.connection.addIceCandidate(candidate);
    } else if (type === 'm.call.hangup') {
      this.close();
    }
  }

  /** The local description as the variant has it. */
  async description() {
    if (this.peer.variant === 'gathered') await until('all candidates', () => this.connection.iceGatheringState === 'complete');
    const { type, sdp } = this.connection.localDescription;
    return { type, sdp: this.peer.variant === 'bare' ? sdp.replace(/a=(candidate:.*|end-of-candidates)\r\n/g, '') : sdp };
  }

  /** Lets the candidates go that waited for the description to be sent. */
  open() {
    this.described = true;
    for (const candidate of this.early.splice(0)) this.trickle(candidate);
  }

  trickle(candidate) {
    if (this.peer.variant === 'gathered' || !candidate) return;
    if (!this.described) this.early.push(candidate);
    else this.say('m.call.candidates', { candidates: [candidate.toJSON()] });
  }

  /** Messages leave one after the other, or their numbers would be in disorder. */
  say(type, content) {
    const { account, session, stream, variant } = this.peer;
    const body = {
      call_id: this.id, conf_id: conference, version: '1', party_id: account.device_id, device_id: account.device_id,
      sender_session_id: session, dest_session_id: this.session, seq: this.seq++, ...content,
    };
    if (variant === 'unnumbered') delete body.seq;
    if (variant === 'sparse') {
      for (const name of ['party_id', 'invitee', 'lifetime']) delete body[name];
      body.version = 1;
    }
    if (variant !== 'unnamed' && (content.offer || content.answer || content.description)) {
      body.sdp_stream_metadata = { [stream.id]: { purpose: 'm.usermedia', audio_muted: false, video_muted: false } };
    }
    const messages = { [this.to.user_id]: { [this.to.device_id]: body } };
    const put = () => this.peer.ask('PUT', `/sendToDevice/${type}/${Math.random().toString(36).slice(2)}`, { messages });
    this.queue = (this.queue ?? Promise.resolve()).then(put);
    return this.queue;
  }
}

serve(new RawPeer());
