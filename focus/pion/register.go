package pion

import (
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Register has connections of a webrtc.API send and receive with our parts: the
// estimator and its pacer, Pion's own responder to NACKs and its reports, our
// requests for lost packets and our reports of arrivals. Codecs are registered
// before. found, which may be nil, hears of the Estimator of each connection.
func Register(engine *webrtc.MediaEngine, registry *interceptor.Registry, c Config, found func(id string, e *Estimator)) error {
	estimators, err := cc.NewInterceptor(Factory(c))
	if err != nil {
		return err
	}
	estimators.OnNewPeerConnection(func(id string, e cc.BandwidthEstimator) {
		if ours, ok := e.(*Estimator); ok && found != nil {
			found(id, ours)
		}
	})
	registry.Add(estimators) // first: next to the wire
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		return err
	}
	registry.Add(responder)
	registry.Add(Nacks{})
	registry.Add(Arrivals{})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		number := webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}
		if err := engine.RegisterHeaderExtension(number, kind); err != nil {
			return err
		}
		engine.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}, kind)
	}
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK}, webrtc.RTPCodecTypeVideo)
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	return webrtc.ConfigureRTCPReports(registry)
}
