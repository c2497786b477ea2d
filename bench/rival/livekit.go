package rival

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"meshfocus/bench/party"
)

// LiveKit is livekit-server with one UDP port for all, as its documentation
// recommends, and everything else as it comes.
type LiveKit struct{ Program string }

// Name is "livekit".
func (LiveKit) Name() string { return "livekit" }

// Version asks the program.
func (k LiveKit) Version(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, k.Program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%w: livekit: %w", ErrMissing, err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(output), "livekit-server version ")), nil
}

const (
	liveKitKey    = "bench"
	liveKitSecret = "a secret of at least thirty-two bytes"
	// liveKitProtocol is the signal protocol spoken: two connections for a
	// participant, one each way, the server offers the subscribing one.
	liveKitProtocol = 9
	// liveKitPing is below the 15 s after which the server gives a client up.
	liveKitPing = 5 * time.Second
)

// Start starts the server. It has one address only: elsewhere it offers that in place of all
// others, once, for whichever socket came first, and nobody who sends to it is heard.
func (k LiveKit) Start(ctx context.Context, place Place, _ Options) (Server, error) {
	settings := fmt.Sprintf(`{port: %d, bind_addresses: [%[2]q], keys: {%[3]s: %[4]q}, logging: {level: error},
rtc: {udp_port: 7882, node_ip: %[2]q, use_external_ip: false, ips: {includes: ["%[2]s/32"]}, allow_tcp_fallback: false, enable_loopback_candidate: %[5]t}}`,
		port, place.Address, liveKitKey, liveKitSecret, place.Address.IsLoopback())
	p, err := start(place, "livekit", nil, k.Program, "--config-body", settings)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(place.Address.String(), strconv.Itoa(port))
	if err := p.answers(ctx, address); err != nil {
		return nil, err
	}
	here := site{address: "ws://" + address, key: liveKitKey, secret: liveKitSecret, room: room}
	return &liveKit{process: p, site: here, tracks: make(map[string]string)}, nil
}

type liveKit struct {
	*process // nil of one that somebody else has started
	site     site

	mu     sync.Mutex // guards what follows
	seats  []*seat
	tracks map[string]string // the server's names for what publishers send
}

// Fields of the messages (livekit/protocol v1.50, livekit_rtc.proto). A request
// and a response are messages with one field, whose number says what it is.
const (
	requestOffer, requestAnswer, requestTrickle, requestTrack, requestPing = 1, 2, 3, 4, 14
	requestSettings, requestLeave                                          = 7, 8
	responseJoin, responseAnswer, responseOffer, responseTrickle           = 1, 2, 3, 4
	responsePublished, responseLeave                                       = 6, 8

	descriptionType, descriptionSDP, descriptionID = 1, 2, 3
	trickleCandidate, trickleTarget                = 1, 2
	trackID, trackName, trackType                  = 1, 2, 3
	trackWidth, trackHeight, trackSource           = 4, 5, 8
	trackLayer, trackCodec                         = 9, 10
	publishedName, publishedTrack, publishedID     = 1, 2, 1
	layerQuality, layerWidth, layerHeight          = 1, 2, 3
	codecName, codecTrack, codecMode, oneStream    = 1, 2, 5, 2
	joinVersion                                    = 4
	settingsTrack, settingsQuality                 = 1, 4
	typeVideo, sourceCamera, sourceMicrophone      = 1, 1, 2
)

func (k *liveKit) Publish(ctx context.Context, end *party.End) error {
	s, err := k.seat(ctx, end, publishes)
	if err != nil {
		return err
	}
	if end.Speaks() { // of a type that is 0, which is not written
		s.want()
		voice := appendBytes(appendBytes(nil, trackID, end.VoiceID()), trackName, "voice")
		s.say(requestTrack, appendVarint(voice, trackSource, sourceMicrophone))
	}
	track := appendBytes(appendBytes(nil, trackID, end.TrackID()), trackName, "picture")
	for _, field := range [][2]int{{trackType, typeVideo}, {trackWidth, 1280}, {trackHeight, 720}, {trackSource, sourceCamera}} {
		track = appendVarint(track, field[0], uint64(field[1]))
	}
	// Qualities are LOW, MEDIUM and HIGH, 0 to 2; one layer alone is HIGH.
	for quality := 3 - max(end.Layers(), 1); quality < 3; quality++ {
		layer := appendVarint(nil, layerQuality, uint64(quality))
		layer = appendVarint(layer, layerWidth, uint64(1280>>(2-quality)))
		track = appendBytes(track, trackLayer, appendVarint(layer, layerHeight, uint64(720>>(2-quality))))
	}
	if end.Scalable() { // else it waits for streams of their own
		codec := appendBytes(appendBytes(nil, codecName, "vp9"), codecTrack, end.TrackID())
		track = appendBytes(track, trackCodec, appendVarint(codec, codecMode, oneStream))
	}
	s.say(requestTrack, track)
	offer, err := end.Offer(ctx)
	if err != nil {
		return err
	}
	if err := s.await(ctx, responsePublished); err != nil {
		return err
	}
	k.mu.Lock()
	k.tracks[end.Name] = s.tracks[end.TrackID()]
	k.mu.Unlock()
	s.say(requestOffer, description("offer", offer, 1))
	return s.await(ctx, responseAnswer)
}

// Subscribe lets an End in, which is subscribed to everybody by itself, and says
// which layer it wants.
func (k *liveKit) Subscribe(ctx context.Context, end *party.End, from []*party.End) error {
	s, err := k.seat(ctx, end, subscribes)
	if err != nil {
		return err
	}
	if err := s.await(ctx, responseOffer); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.choose(s, end, from)
	return nil
}

// Choose says which layer is wanted from now on.
func (k *liveKit) Choose(_ context.Context, end *party.End, from []*party.End) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := slices.IndexFunc(k.seats, func(s *seat) bool { return s.end == end })
	if at < 0 {
		return fmt.Errorf("%w: livekit: %s has no seat", ErrRefused, end.Name)
	}
	k.choose(k.seats[at], end, from)
	return nil
}

// choose says which layer an End wants of whoever has several. k.mu is held.
func (k *liveKit) choose(s *seat, end *party.End, from []*party.End) {
	for _, publisher := range from {
		if publisher.Layers() > 1 {
			settings := appendBytes(nil, settingsTrack, k.tracks[publisher.Name])
			s.say(requestSettings, appendVarint(settings, settingsQuality, uint64(end.LayerOf(publisher))))
		}
	}
}

// Allocations are not told without more of a server than others run.
func (k *liveKit) Allocations(context.Context) (uint64, bool) { return 0, false }

func (k *liveKit) Stop() error {
	k.leave()
	return k.process.Stop()
}

// leave has everybody leave.
func (k *liveKit) leave() {
	for _, s := range k.seats {
		s.leave()
	}
}

// seat opens a websocket for an End.
func (k *liveKit) seat(ctx context.Context, end *party.End, grants string) (*seat, error) {
	socket, err := k.site.dial(ctx, end.Name, grants)
	if err != nil {
		return nil, fmt.Errorf("%w: livekit, %s: %w", ErrRefused, end.Name, err)
	}
	s := newSeat(end, socket)
	k.mu.Lock()
	k.seats = append(k.seats, s)
	k.mu.Unlock()
	return s, nil
}

func description(kind, sdp string, id uint64) []byte {
	message := appendBytes(appendBytes(nil, descriptionType, kind), descriptionSDP, sdp)
	return appendVarint(message, descriptionID, id)
}

// candidateOf reads what trickles in: a JSON object in a message.
func candidateOf(message protobuf) (string, error) {
	var init struct {
		Candidate string `json:"candidate"`
	}
	err := json.Unmarshal(message.bytes[trickleCandidate], &init)
	return init.Candidate, err
}
