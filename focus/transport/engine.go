package transport

import (
	"context"
	"errors"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// The timeouts, all of them, so that no default decides. A connection is
// disconnected 5 s after the last sign of life and failed 25 s later, which
// also is how long a first connection may take: an answer by way of two
// homeservers needs its time. Consent checks go every 2 s.
const (
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second
	iceKeepalive    = 2 * time.Second
	dtlsHandshake   = 20 * time.Second
	// The first flight is lost now and then while ICE settles. 200 ms is
	// above the round trip of a far relay (RFC 9147 section 5.8.2 allows less
	// than a second for real-time use).
	dtlsRetransmit = 200 * time.Millisecond
)

const (
	// Reports every second give the statistics their second.
	reportInterval = time.Second
	// nackHistory is packets kept for retransmission per stream: a second
	// at 2.5 Mbit/s. Each costs 1.5 kB in each connection.
	nackHistory = 256
)

// receiveMTU is the longest datagram read (RFC 8831 recommends 1200 for data;
// libwebrtc sends at most 1200 bytes of RTP).
const receiveMTU = 1500

// feedback is what we understand about video from a receiver.
var feedback = []webrtc.RTCPFeedback{
	{Type: webrtc.TypeRTCPFBTransportCC},
	{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
	{Type: webrtc.TypeRTCPFBNACK},
	{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
}

// offered is the table of codecs in order of preference, with the payload
// types browsers use, so that both directions tend to agree. H.264 is packetization
// mode 1 in baseline and constrained baseline, which every browser decodes.
var offered = []struct {
	codec       Codec
	payloadType webrtc.PayloadType
	rtx         webrtc.PayloadType
	parameters  string
	rtxOf       string
}{
	{Opus, 111, 0, "minptime=10;useinbandfec=1", ""},
	{VP8, 96, 97, "", "apt=96"},
	{VP9, 98, 99, "profile-id=0", "apt=98"},
	{H264, 102, 103, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", "apt=102"},
	{H264, 106, 107, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", "apt=106"},
	{AV1, 45, 46, "level-idx=5;profile=0;tier=0", "apt=45"},
}

// extensions are the RTP header extensions we read. None changes the payload:
// the dependency descriptor, which makes browsers leave the picture ids out
// of VP8, is not asked for.
var extensions = map[Kind][]string{
	Audio: {sdp.SDESMidURI, sdp.AudioLevelURI, sdp.ABSSendTimeURI, sdp.TransportCCURI},
	Video: {sdp.SDESMidURI, sdp.SDESRTPStreamIDURI, sdp.SDESRepairRTPStreamIDURI, sdp.ABSSendTimeURI, sdp.TransportCCURI},
}

func mediaEngine() (*webrtc.MediaEngine, error) {
	engine := &webrtc.MediaEngine{}
	var faults []error
	for _, o := range offered {
		kind := pionKind(o.codec.Kind())
		capability := webrtc.RTPCodecCapability{MimeType: knownCodecs[o.codec].mime, ClockRate: o.codec.ClockRate(), SDPFmtpLine: o.parameters}
		if o.codec == Opus {
			capability.Channels = 2 // RFC 7587 section 7: always 2
			capability.RTCPFeedback = []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBTransportCC}}
		} else {
			capability.RTCPFeedback = feedback
		}
		faults = append(faults, engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: o.payloadType}, kind))
		if o.rtx != 0 {
			faults = append(faults, engine.RegisterCodec(webrtc.RTPCodecParameters{
				RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: o.codec.ClockRate(), SDPFmtpLine: o.rtxOf},
				PayloadType:        o.rtx,
			}, kind))
		}
	}
	for _, kind := range []Kind{Audio, Video} {
		for _, uri := range extensions[kind] {
			faults = append(faults, engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, pionKind(kind)))
		}
	}
	return engine, errors.Join(faults...)
}

// interceptors answer and report: retransmissions, sender and receiver
// reports, arrival times for the sender's bandwidth estimate. Our own
// statistics, and requests for lost packets, are made where packets pass
// anyway (see repair).
func interceptors(logs logging.LoggerFactory) (*interceptor.Registry, error) {
	registry := &interceptor.Registry{}
	responder, err1 := nack.NewResponderInterceptor(nack.ResponderSize(nackHistory), nack.WithResponderLoggerFactory(logs))
	receiver, err2 := report.NewReceiverInterceptor(report.ReceiverInterval(reportInterval), report.WithReceiverLoggerFactory(logs))
	sender, err3 := report.NewSenderInterceptor(report.SenderInterval(reportInterval), report.WithSenderLoggerFactory(logs))
	arrivals, err4 := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(logs))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	registry.Add(responder)
	registry.Add(receiver)
	registry.Add(sender)
	registry.Add(arrivals)
	return registry, nil
}

// settings are the same for every connection of a network.
func settings(logs logging.LoggerFactory) webrtc.SettingEngine {
	engine := webrtc.SettingEngine{LoggerFactory: logs}
	engine.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	engine.SetDTLSRetransmissionInterval(dtlsRetransmit)
	engine.SetDTLSConnectContextMaker(func() (context.Context, func()) {
		return context.WithTimeout(context.Background(), dtlsHandshake)
	})
	// GCM costs a sixth of counter mode with HMAC-SHA1 here: 0.29 against
	// 1.9 us for a packet of 1200 bytes. What everybody must have comes last
	// (RFC 8827 section 6.5).
	engine.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	engine.SetReceiveMTU(receiveMTU)
	// A close_notify of the other side must not close things under us: it
	// shows as disconnected and the signalling says what it means.
	engine.DisableCloseByDTLS(true)
	engine.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	return engine
}

func pionKind(kind Kind) webrtc.RTPCodecType {
	if kind == Audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}
