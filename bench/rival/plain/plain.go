// Package plain is a forwarder as one writes it in an afternoon with
// pion/webrtc, its default interceptors and nothing else: what a packet costs
// there is what the rest of this house is held against. It answers offers (see
// package door), and lets go only of whom it is told to.
//
// Each publisher has a loop that reads its packets and writes them to all who
// subscribe, one after the other. Pion's loops do the rest.
package plain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// Forwarder is rooms of publishers and subscribers.
type Forwarder struct {
	api   *webrtc.API
	worse Worse

	mu         sync.Mutex // guards what follows
	publishers map[string]*publisher
	all        map[string][]*webrtc.PeerConnection // by room and party
	loops      sync.WaitGroup
}

// publisher is a picture, and maybe a sound, on its way to many.
type publisher struct {
	connection *webrtc.PeerConnection
	sections   int           // of its offer
	arrived    chan struct{} // closed when all tracks are there
	// subscribers is how many it goes to.
	subscribers atomic.Int32

	mu     sync.Mutex // guards what follows; done with when arrived is closed
	tracks []*webrtc.TrackLocalStaticRTP
	ssrc   webrtc.SSRC // of the picture
}

// New makes a forwarder without rooms. The DTLS server's choice of a profile is
// left to Pion, which takes what is offered.
func New() (*Forwarder, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings))
	return &Forwarder{api: api, publishers: make(map[string]*publisher), all: make(map[string][]*webrtc.PeerConnection)}, nil
}

// Publish answers an offer that sends a picture, and maybe a sound.
func (f *Forwarder) Publish(ctx context.Context, room, party, offer string) (string, error) {
	connection, err := f.connect(room + "/" + party)
	if err != nil {
		return "", err
	}
	p := &publisher{connection: connection, sections: strings.Count(offer, "\nm="), arrived: make(chan struct{})}
	connection.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.forward(remote, f.worse) })
	f.mu.Lock()
	f.publishers[room+"/"+party] = p
	f.mu.Unlock()
	return answer(ctx, connection, offer)
}

// forward is the loop of a track. It ends with the connection.
func (p *publisher) forward(remote *webrtc.TrackRemote, by Worse) {
	track, err := webrtc.NewTrackLocalStaticRTP(remote.Codec().RTPCodecCapability, remote.ID(), remote.StreamID())
	if err != nil {
		return
	}
	write, stop := p.worsen(by, track)
	defer stop()
	p.add(track, remote)
	buffer := make([]byte, 1500)
	for {
		n, _, err := remote.Read(buffer)
		if err != nil {
			return
		}
		write(buffer[:n])
	}
}

// add notes a track; the last lets subscribers in.
func (p *publisher) add(track *webrtc.TrackLocalStaticRTP, remote *webrtc.TrackRemote) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tracks = append(p.tracks, track)
	if remote.Kind() == webrtc.RTPCodecTypeVideo {
		p.ssrc = remote.SSRC()
	}
	if len(p.tracks) == p.sections {
		close(p.arrived)
	}
}

// Subscribe answers an offer that receives from others, who must be there. It
// knows one layer.
func (f *Forwarder) Subscribe(ctx context.Context, room, party string, from []string, _ int, offer string) (string, error) {
	connection, err := f.connect(room + "/" + party)
	if err != nil {
		return "", err
	}
	var connected []func() // what is to be done then
	for _, name := range from {
		f.mu.Lock()
		p := f.publishers[room+"/"+name]
		f.mu.Unlock()
		if p == nil {
			return "", fmt.Errorf("%s: nobody called %s publishes", party, name)
		}
		select {
		case <-p.arrived:
		case <-ctx.Done():
			return "", fmt.Errorf("%s has sent nothing yet: %w", name, ctx.Err())
		}
		p.subscribers.Add(1)
		for _, track := range p.tracks {
			sender, err := connection.AddTrack(track)
			if err != nil {
				return "", err
			}
			f.loops.Go(func() { p.drain(sender) })
		}
		connected = append(connected, p.refresh)
	}
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state != webrtc.PeerConnectionStateConnected {
			return
		}
		for _, refresh := range connected {
			refresh()
		}
	})
	return answer(ctx, connection, offer)
}

// refresh asks for a key frame.
func (p *publisher) refresh() {
	_ = p.connection.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(p.ssrc)}})
}

// drain reads what a subscriber says, which Pion's interceptors see by that, and hands
// on its wish for a key frame.
func (p *publisher) drain(sender *webrtc.RTPSender) {
	buffer := make([]byte, 1500)
	for {
		n, _, err := sender.Read(buffer)
		if err != nil {
			return
		}
		if wantsKey(buffer[:n]) {
			p.refresh()
		}
	}
}

// wantsKey looks for a PLI or FIR in a compound packet (RFC 4585 section 6.3.1, RFC
// 5104 section 4.3.1).
func wantsKey(compound []byte) bool {
	const payloadFeedback, pictureLoss, fullIntra = 206, 1, 4
	for len(compound) >= 4 {
		if format := compound[0] & 0x1f; compound[1] == payloadFeedback && (format == pictureLoss || format == fullIntra) {
			return true
		}
		size := 4 * (1 + int(binary.BigEndian.Uint16(compound[2:])))
		compound = compound[min(size, len(compound)):]
	}
	return false
}

// Leave ends the connections of a party.
func (f *Forwarder) Leave(room, party string) {
	f.mu.Lock()
	all := f.all[room+"/"+party]
	delete(f.all, room+"/"+party)
	delete(f.publishers, room+"/"+party)
	f.mu.Unlock()
	for _, connection := range all {
		_ = connection.Close() // it may have ended by itself
	}
}

// Close ends all connections and waits for the loops.
func (f *Forwarder) Close() error {
	f.mu.Lock()
	all := slices.Concat(slices.Collect(maps.Values(f.all))...)
	f.mu.Unlock()
	var errs []error
	for _, connection := range all {
		errs = append(errs, connection.Close())
	}
	f.loops.Wait()
	return errors.Join(errs...)
}

func (f *Forwarder) connect(party string) (*webrtc.PeerConnection, error) {
	connection, err := f.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all[party] = append(f.all[party], connection)
	return connection, nil
}

// answer answers with all candidates.
func answer(ctx context.Context, connection *webrtc.PeerConnection, offer string) (string, error) {
	if err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	made, err := connection.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(made); err != nil {
		return "", err
	}
	select {
	case <-gathered:
		return connection.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
