package live

// page answers an offer, shows what comes, and sends its camera if it is to: of a size,
// with most for each encoding. Or it offers to get those of another page.
const page = `<!doctype html><link rel=icon href="data:,"><div id=pictures></div><script>
const pc = new RTCPeerConnection();
pc.ontrack = e => {
	const media = document.createElement(e.track.kind);
	media.autoplay = media.muted = true;
	media.srcObject = new MediaStream([e.track]);
	pictures.append(media);
	media.requestVideoFrameCallback?.(() => { first = Date.now(); });
};
let first = 0;
async function answer(offer, sent) {
	await pc.setRemoteDescription(offer);
	if (sent) {
		const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: sent.size});
		for (const track of stream.getTracks()) pc.addTrack(track, stream);
	}
	await pc.setLocalDescription();
	for (const sender of pc.getSenders()) {
		if (sender.track?.kind !== 'video') continue;
		const parameters = sender.getParameters();
		parameters.degradationPreference = 'maintain-resolution';
		parameters.encodings.forEach((e, i) => { e.maxBitrate = sent.most[i]; });
		await sender.setParameters(parameters);
	}
	await gathered();
	return pc.localDescription;
}
async function wants() {
	for (const kind of ['audio', 'video']) pc.addTransceiver(kind, {direction: 'recvonly'});
	await pc.setLocalDescription();
	await gathered();
	return pc.localDescription;
}
const gathered = () => new Promise(done => {
	const look = () => pc.iceGatheringState === 'complete' && done();
	pc.onicegatheringstatechange = look;
	look();
});
const reports = async type => [...(await pc.getStats()).values()].filter(r => r.type === type);
async function seen() {
	const r = (await reports('inbound-rtp')).find(r => r.kind === 'video') || {};
	return {First: first, Frames: r.framesDecoded || 0, Keys: r.keyFramesDecoded || 0, Dropped: r.framesDropped || 0, Freezes: r.freezeCount || 0,
		Frozen: r.totalFreezesDuration || 0, Buffer: r.jitterBufferEmittedCount ? r.jitterBufferDelay / r.jitterBufferEmittedCount : 0,
		Nacks: r.nackCount || 0, PLIs: r.pliCount || 0, Lost: r.packetsLost || 0, Width: r.frameWidth || 0};
}
const said = [];
async function watch() {
	for (;;) {
		const pair = (await reports('candidate-pair')).find(r => r.nominated) || {};
		const out = (await reports('outbound-rtp')).filter(r => r.kind === 'video');
		said.push([Date.now(), pair.availableOutgoingBitrate || 0, out.reduce((sum, r) => sum + (r.targetBitrate || 0), 0)]);
		await new Promise(done => setTimeout(done, 100));
	}
}
async function made() {
	const out = (await reports('outbound-rtp')).filter(r => r.kind === 'video');
	return {Frames: out.reduce((sum, r) => sum + (r.framesEncoded || 0), 0), Limit: out.map(r => r.qualityLimitationReason).join(' '),
		Encoder: out[0]?.encoderImplementation || '', Seconds: out.reduce((sum, r) => sum + (r.totalEncodeTime || 0), 0)};
}
</script>`

// Seen is what Chromium says of the picture that it got (webrtc-stats).
type Seen struct {
	First                          int64 // when the first frame was shown, in Unix ms
	Frames, Keys, Dropped, Freezes int
	Frozen, Buffer                 float64 // seconds: in all, and in the jitter buffer on average
	Nacks, PLIs, Lost, Width       int
}

// Made is what Chromium says of the picture that it sent.
type Made struct {
	Frames  int
	Limit   string // what bounded it at the end, of each encoding
	Encoder string
	Seconds float64 // of encoding
}
