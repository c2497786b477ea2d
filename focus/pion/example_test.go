package pion_test

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meshfocus/focus/pion"
	"meshfocus/internal/unit"
)

// newConnection is what a program writes: codecs, our parts, a connection.
func newConnection(found func(id string, e *pion.Estimator)) (*webrtc.PeerConnection, error) {
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	if err := pion.Register(engine, registry, pion.Config{Most: 2 * unit.Megabit}, found); err != nil {
		return nil, err
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	return api.NewPeerConnection(webrtc.Configuration{})
}

// A sender whose encoder follows the target of our estimator, and a receiver
// that tells it when what arrived.
func ExampleRegister() {
	var estimator *pion.Estimator
	sender, err := newConnection(func(_ string, e *pion.Estimator) { estimator = e })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	receiver, err := newConnection(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer receiver.Close()

	var came atomic.Int64
	receiver.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			came.Add(1)
		}
	})
	var told atomic.Int64
	estimator.OnTargetBitrateChange(func(bitrate int) { told.Store(int64(bitrate)) })
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "camera")
	if err != nil {
		fmt.Println(err)
		return
	}
	line, err := sender.AddTrack(track)
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { // Pion has interceptors see reports as the program reads them
		for {
			if _, _, err := line.ReadRTCP(); err != nil {
				return
			}
		}
	}()
	if err := connect(sender, receiver); err != nil {
		fmt.Println(err)
		return
	}

	start := estimator.GetTargetBitrate()
	packet := &rtp.Packet{Header: rtp.Header{Version: 2, Marker: true}, Payload: make([]byte, 1000)}
	frames := time.NewTicker(10 * time.Millisecond)
	defer frames.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-frames.C {
		packet.SequenceNumber++
		packet.Timestamp += 900
		if err := track.WriteRTP(packet); err != nil {
			fmt.Println(err)
			return
		}
		if told.Load() > int64(start) && came.Load() > 20 {
			fmt.Println("the target rises, and media arrives")
			return
		}
	}
	fmt.Printf("%d packets came, the target is %d\n", came.Load(), told.Load())
	// Output: the target rises, and media arrives
}

// connect has one offer and the other answer, with all candidates in them.
func connect(from, to *webrtc.PeerConnection) error {
	offer, err := from.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(from)
	if err := from.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	if err := to.SetRemoteDescription(*from.LocalDescription()); err != nil {
		return err
	}
	answer, err := to.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered = webrtc.GatheringCompletePromise(to)
	if err := to.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	return from.SetRemoteDescription(*to.LocalDescription())
}
