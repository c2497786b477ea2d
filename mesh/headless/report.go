package headless

import (
	"math"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

// Verdict says in one word how a medium does in one direction of a link.
type Verdict string

// The verdicts, as docs/protocol.md has them.
const (
	// Flows: more of it came, or left, within the time looked at.
	Flows Verdict = "flows"
	// Muted: who sends it says that it is.
	Muted Verdict = "muted"
	// Stalled: it should flow, and nothing came.
	Stalled Verdict = "stalled"
	// None: nobody sends any.
	None Verdict = "none"
	// Connecting: there is no connection yet, or only just.
	Connecting Verdict = "connecting"
)

// ReportSpan is how far apart the two samples of a Report should be: what has
// not moved for so long is stalled.
const ReportSpan = 3 * time.Second

// Report is what one participant sees on its links, for the pair matrix.
type Report struct {
	Links []ReportLink `json:"links"`
}

// ReportLink is one link of a Report. Bit rates are bit/s of payload.
type ReportLink struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id"`
	// State is "waiting", "calling", "connected" or "reconnecting".
	State string `json:"state"`
	// Trust is "encrypted" when every message of the call came in Olm that was
	// opened here, else "clear"; of one who is behind a focus "encrypted" when
	// frames are sealed, with keys that come so, else "focus"; "" without a
	// connection.
	Trust string `json:"trust,omitempty"`
	// Via is the focus that the other is behind; nil for who is connected to.
	Via *ReportParty `json:"via,omitempty"`
	// Words say why the last call ended, while there is no connection.
	Words string    `json:"words,omitempty"`
	Out   ReportOut `json:"out"`
	In    ReportIn  `json:"in"`
}

// ReportParty names a device.
type ReportParty struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id"`
}

// ReportOut is what we send on a link.
type ReportOut struct {
	Audio   Verdict `json:"audio"`
	Video   Verdict `json:"video"`
	Bitrate int     `json:"bitrate"`
}

// ReportIn is what we receive on a link. FPS, Width and Height are of the
// liveliest picture.
type ReportIn struct {
	Audio   Verdict `json:"audio"`
	Video   Verdict `json:"video"`
	Bitrate int     `json:"bitrate"`
	FPS     int     `json:"fps"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
}

// NewReport compares two samples of one participant, ReportSpan apart. It has
// a link for each of the later sample.
func NewReport(before, now Status) Report {
	former := map[message.Party]Link{}
	for _, link := range before.Links {
		former[link.Peer] = link
	}
	report := Report{Links: []ReportLink{}}
	for _, link := range now.Links {
		p := pairOf(former[link.Peer], link, before.At, now)
		report.Links = append(report.Links, p.report())
	}
	return report
}

// pair is one link at two instants.
type pair struct {
	link          Link
	muted         Mute
	before, after transport.Stats
	span          time.Duration
	young         bool // connected for less than ReportSpan
	known         bool // before is of the same connection
}

func pairOf(former, link Link, from time.Time, now Status) pair {
	p := pair{link: link, muted: now.Muted, span: now.At.Sub(from)}
	if link.Stats != nil {
		p.after = *link.Stats
	}
	if former.CallID == link.CallID && former.Stats != nil {
		p.before, p.known = *former.Stats, true
	}
	p.young = !p.known || p.span <= 0 || link.State == negotiate.Connected && now.At.Sub(link.Since) < ReportSpan
	return p
}

// linkStates are the words of the contract with pages.
var linkStates = map[negotiate.State]string{
	negotiate.Waiting: "waiting", negotiate.Resting: "waiting", negotiate.Calling: "calling",
	negotiate.Connected: "connected", negotiate.Lingering: "connected", negotiate.Broken: "reconnecting",
}

func (p pair) report() ReportLink {
	r := ReportLink{UserID: p.link.Peer.UserID, DeviceID: p.link.Peer.DeviceID, State: linkStates[p.link.State]}
	if r.State == "" {
		r.State = "waiting"
	}
	if by := p.link.Behind; by != (message.Party{}) {
		r.Via = &ReportParty{by.UserID, by.DeviceID}
	}
	if !p.link.State.Live() {
		r.Words = p.link.Words
	}
	if p.connected() {
		r.Trust = p.link.trust()
	}
	r.Out = ReportOut{Audio: p.out(transport.Audio), Video: p.out(transport.Video)}
	r.In = ReportIn{Audio: p.in(transport.Audio), Video: p.in(transport.Video)}
	if p.known {
		earlier, later := sum("", time.Time{}, p.before), sum("", time.Time{}, p.after)
		r.Out.Bitrate = p.rate(8 * grown(later.bytesOut, earlier.bytesOut))
		r.In.Bitrate = p.rate(8 * grown(later.bytesIn, earlier.bytesIn))
	}
	p.picture(&r.In)
	return r
}

// trust is ReportLink.Trust of a link that is connected.
func (l Link) trust() string {
	switch {
	case l.Encrypted:
		return "encrypted"
	case l.Behind != (message.Party{}):
		return "focus"
	}
	return "clear"
}

// out judges what we send.
func (p pair) out(kind transport.Kind) Verdict {
	switch {
	case !p.connected():
		return Connecting
	case kind == transport.Audio && p.muted.Audio, kind == transport.Video && p.muted.Video:
		return Muted
	}
	for i, sent := range p.after.Sent {
		if sent.Kind != kind || sent.Refused {
			continue
		}
		var earlier uint64
		if i < len(p.before.Sent) {
			earlier = p.before.Sent[i].Packets
		}
		return p.moved(sent.Packets > earlier)
	}
	return None
}

// in judges what we receive.
func (p pair) in(kind transport.Kind) Verdict {
	if !p.connected() {
		return Connecting
	}
	said, unmuted := p.says(kind)
	if said && !unmuted {
		return Muted
	}
	came, there := false, false
	for _, received := range p.after.Received {
		if received.Kind == kind && !received.Ended {
			there = true
			came = came || received.Frames > framesOf(p.before, received)
		}
	}
	if !there && !said {
		if p.young {
			return Connecting
		}
		return None
	}
	return p.moved(came)
}

// framesOf finds how many frames of a track had come before.
func framesOf(before transport.Stats, track transport.ReceivedStats) uint64 {
	for _, received := range before.Received {
		if received.Kind == track.Kind && received.ID == track.ID && received.StreamID == track.StreamID && !received.Ended {
			return received.Frames
		}
	}
	return 0
}

// says tells whether the peer has described its streams, and whether one of
// them has this medium and is not muted (MSC3077).
func (p pair) says(kind transport.Kind) (said, unmuted bool) {
	for _, stream := range p.link.Streams {
		said = true
		muted := stream.AudioMuted
		if kind == transport.Video {
			muted = stream.VideoMuted
		}
		unmuted = unmuted || !muted
	}
	return said, unmuted
}

func (p pair) connected() bool {
	return p.link.State == negotiate.Connected || p.link.State == negotiate.Broken || p.link.State == negotiate.Lingering
}

func (p pair) moved(moved bool) Verdict {
	switch {
	case moved:
		return Flows
	case p.young:
		return Connecting
	}
	return Stalled
}

// picture adds what is known of the liveliest picture.
func (p pair) picture(in *ReportIn) {
	most := uint64(0)
	for _, received := range p.after.Received {
		if received.Kind != transport.Video || received.Ended {
			continue
		}
		more := received.Frames - min(received.Frames, framesOf(p.before, received))
		if in.Width == 0 || more > most {
			most = more
			in.Width, in.Height, in.FPS = received.Width, received.Height, p.rate(more)
		}
	}
	if !p.known {
		in.FPS = 0
	}
}

// rate is a count per second.
func (p pair) rate(count uint64) int {
	if p.span <= 0 {
		return 0
	}
	return int(math.Round(float64(count) / p.span.Seconds()))
}
