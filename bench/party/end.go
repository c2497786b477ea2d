package party

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"meshfocus/bench/remb"
	"meshfocus/focus/feedback"
	"meshfocus/focus/transport/jsep"
	"meshfocus/focus/transport/link"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
)

// End is one connection of a synthetic participant to a server. Its words are
// for whoever speaks the server's signalling, its packets are the Load's. Methods
// may be called from any goroutine.
type End struct {
	Name string
	// Layer is which of a publisher's layers a subscriber is to ask for, 0 the
	// smallest, where there are several.
	Layer int
	// Speaker is the name of a publisher whose largest layer is to be asked for instead;
	// "" is none.
	Speaker string
	// Number counts the publishers of a Load, from 0.
	Number int

	// elsewhere is how many layers one sends who is on another machine, 0 of those here.
	elsewhere int
	scalable  bool // the layers of a publisher are all in one stream

	load   *Load
	socket *socket
	// through, set once, finds where to send for an address of the server's.
	through func(server netip.AddrPort) (netip.AddrPort, error)
	port    *link.Port
	link    *link.Link
	heard   sync.WaitGroup // the listener
	// gathered is closed when candidates, the listener's until then, is complete.
	gathered   chan struct{}
	candidates []string
	ready      chan struct{} // closed when keys and path are there
	failed     chan error    // one

	mu        sync.Mutex
	session   jsep.Session
	connected bool // the link was told of the peer
	wish      jsep.Wish
	led       bool     // by through
	early     []string // candidates that came before the description

	// What the loop goes by; replaced as a whole.
	wire atomic.Pointer[wire]

	// owned by the loop
	sources   []*source    // none of a subscriber, one for each layer of a publisher
	granted   unit.Instant // when a key frame was asked for, and begun, last
	transport uint16       // the next transport-wide number
	sinks     []*sink
	view      *view // of a faithful subscriber
	arrivals  *feedback.Arrivals
	limit     remb.Limit   // of a faithful subscriber, where servers ask for that
	limited   unit.BitRate // what was said of it last
	limiting  unit.Instant // not before this again, unless it falls
	numbered  uint16       // the transport-wide number that came last
	telling   unit.Instant // not before this about arrivals
	reporting unit.Instant // when the next reports leave
	every     int          // sample, 1 for all
	rtcp      []byte
}

// Direction says what an End is for.
type Direction uint8

// The directions.
const (
	Publishes  Direction = iota + 1 // one picture
	Subscribes                      // to any number of pictures
)

// newEnd makes an End that wants one picture sent, or so many received.
func newEnd(load *Load, name string, number int, direction Direction, pictures int) (*End, error) {
	socket, err := openSocket(load.config.Address)
	if err != nil {
		return nil, err
	}
	e := &End{
		Name: name, Number: number, load: load, socket: socket, every: max(load.config.Sample, 1),
		gathered: make(chan struct{}), ready: make(chan struct{}), failed: make(chan error, 1), rtcp: make([]byte, 0, longest),
		session: jsep.New(jsep.Config{
			ID: rand.Uint64() >> 2, CName: name, Codecs: codecs(load.config), Extensions: extensions(),
		}),
	}
	e.port = link.NewPort(func(datagram []byte, _, remote netip.AddrPort) error { return socket.send(datagram, remote) }, socket.local)
	e.link, err = link.New(link.Config{Port: e.port, Certificate: load.certificate, Profiles: []srtp.Profile{load.config.Profile}})
	if err != nil {
		_ = e.port.Close()
		socket.close()
		return nil, err
	}
	e.intend(direction, pictures)
	e.heard.Go(e.listen)
	if err := e.link.Gather(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// intend sets what is wanted.
func (e *End) intend(direction Direction, pictures int) {
	faithful := e.load.config.Faithful
	if direction == Subscribes {
		for i := range pictures {
			if faithful {
				e.wish.Lines = append(e.wish.Lines, jsep.Line{Name: fmt.Sprintf("voice%d", i), Kind: jsep.Audio})
			}
			e.wish.Lines = append(e.wish.Lines, jsep.Line{Name: fmt.Sprintf("picture%d", i), Kind: jsep.Video})
		}
		if faithful {
			e.view = &view{inspect: inspects(e.load.config.Codec)}
		}
		return
	}
	chance, streams := e.chance(), max(e.load.config.Layers, 1)
	if e.scalable = e.load.config.Scalable; e.scalable {
		streams = 1
	}
	for layer := range streams {
		s := newSource(chance.Uint32(), layer, streams)
		if faithful {
			s.film = newFilm(e.Number, e.load.config, s.width, s.height)
		}
		e.sources = append(e.sources, s)
	}
	first := e.sources[0]
	if faithful { // before the picture: what layers say of themselves stands in the end
		voice := newVoice(chance.Uint32(), e.load.config.Sound)
		voice.from = e.Number
		e.sources = append(e.sources, voice)
		track := jsep.Track{Stream: e.Name, ID: e.VoiceID(), Sources: []jsep.Source{{SSRC: voice.ssrc}}}
		e.wish.Lines = append(e.wish.Lines, jsep.Line{Name: "voice", Kind: jsep.Audio, Track: &track, SendOnly: true})
	}
	track := jsep.Track{Stream: e.Name, ID: e.TrackID(), Sources: []jsep.Source{{SSRC: first.ssrc, RTX: first.again}}}
	e.wish.Lines = append(e.wish.Lines, jsep.Line{Name: "picture", Kind: jsep.Video, Track: &track, SendOnly: true})
}

// chance is what the numbers of an End's streams are drawn from.
func (e *End) chance() *rand.Rand {
	seed := e.load.config.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte(e.Name)) // never fails
	return rand.New(rand.NewPCG(seed, name.Sum64()))
}

// Elsewhere gives a faithful publisher of so many layers, scalable or in streams of their
// own, who is on another machine: what subscribers have to know of it, and without a
// connection.
func Elsewhere(name string, number, layers int, scalable bool) *End {
	return &End{Name: name, Number: number, elsewhere: max(layers, 1), scalable: scalable}
}

// Scalable reports whether the layers of a publisher are all in one stream.
func (e *End) Scalable() bool { return e.scalable }

// Layers says how many encodings a publisher sends, 0 of a subscriber.
func (e *End) Layers() (count int) {
	if e.elsewhere > 0 {
		return e.elsewhere
	}
	if e.scalable {
		return e.load.config.Layers
	}
	for _, s := range e.sources {
		if s.sound == nil {
			count++
		}
	}
	return count
}

// LayerOf is which layer of a publisher a subscriber is to ask for.
func (e *End) LayerOf(publisher *End) int {
	if e.Speaker == publisher.Name {
		return max(publisher.Layers(), 1) - 1
	}
	return e.Layer
}

// Speaks reports whether a publisher sends a sound as well.
func (e *End) Speaks() bool {
	return e.elsewhere > 0 || slices.ContainsFunc(e.sources, func(s *source) bool { return s.sound != nil })
}

// VoiceID is what a publisher calls its sound.
func (e *End) VoiceID() string { return e.Name + "-voice" }

// TrackID is what a publisher calls its picture.
func (e *End) TrackID() string { return e.Name + "-picture" }

// Offer writes an offer with all candidates.
func (e *End) Offer(ctx context.Context) (string, error) {
	local, err := e.local(ctx)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var text string
	e.session, text, err = e.session.Offer(local, e.wish)
	return layered(text, e.sources), err
}

// Accept takes the answer to Offer and begins to connect.
func (e *End) Accept(text string) error {
	answer, err := jsep.Read(text)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.session, err = e.session.Accept(answer); err != nil {
		return err
	}
	return e.agreed()
}

// Answer answers an offer, first or later, with all candidates.
func (e *End) Answer(ctx context.Context, text string) (string, error) {
	offer, err := jsep.Read(text)
	if err != nil {
		return "", err
	}
	local, err := e.local(ctx)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var answer string
	if e.session, answer, err = e.session.Answer(offer, local, jsep.Wish{}); err != nil {
		return "", err
	}
	return answer, e.agreed()
}

// AddCandidate takes a candidate that came for itself; those over TCP and the
// empty one at the end are passed over.
func (e *End) AddCandidate(text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.connected {
		e.early = append(e.early, text)
		return nil
	}
	return e.addCandidate(text)
}

func (e *End) addCandidate(text string) error {
	if text == "" || strings.Contains(strings.ToLower(text), " tcp ") {
		return nil
	}
	if e.through == nil {
		return e.link.AddCandidate(text)
	}
	return e.addThrough(text)
}

// Negotiated says in words what was agreed to beyond pictures: "nack rtx twcc".
func (e *End) Negotiated() string {
	if w := e.wire.Load(); w != nil {
		return w.String()
	}
	return ""
}

// Connected waits until media can flow. The error is ErrConnect, also of a connection
// that was there and has failed since.
func (e *End) Connected(ctx context.Context) error {
	select {
	case err := <-e.failed:
		e.fail(err) // for who asks next
		return fmt.Errorf("%w: %s: %w", ErrConnect, e.Name, err)
	default:
	}
	select {
	case <-e.ready:
		return nil
	case err := <-e.failed:
		e.fail(err)
		return fmt.Errorf("%w: %s: %w", ErrConnect, e.Name, err)
	case <-ctx.Done():
		return fmt.Errorf("%w: %s is %s: %w", ErrConnect, e.Name, e.link.State(), ctx.Err())
	}
}

// apart reports whether there is no connection at this instant. Who is Direct has none
// that could be lost.
func (e *End) apart() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.connected && e.link.State() != link.StateConnected
}

// close ends the connection. It is for the Load, when its loop does not touch the socket any more.
func (e *End) close() error {
	err := errors.Join(e.link.Close(), e.port.Close())
	e.heard.Wait()
	e.socket.close()
	return err
}

// local waits for our candidates and gives our side's transport.
func (e *End) local(ctx context.Context) (jsep.Transport, error) {
	select {
	case <-e.gathered:
	case <-ctx.Done():
		return jsep.Transport{}, ctx.Err()
	}
	own, print := e.link.Credentials(), e.link.Fingerprint()
	candidates := e.candidates
	if e.through != nil {
		candidates = nil // the server is to know no other way
	}
	return jsep.Transport{
		Ufrag: own.Ufrag, Password: own.Password, Candidates: candidates, Complete: true, Trickle: true,
		Fingerprints: []jsep.Fingerprint{{Algorithm: print.Algorithm, Value: print.Value}},
	}, nil
}
