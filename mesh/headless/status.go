package headless

import (
	"fmt"
	"time"

	"meshfocus/focus/cryptor"
	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

// Status is how a participant does, at one instant.
type Status struct {
	At     time.Time
	Party  message.Party
	RoomID string
	// State is "joining", "joined", "leaving" or "left"; between calls "waiting".
	State string
	// Trouble says in words why the call is not as it should be; empty if it
	// is.
	Trouble string
	// Way says in words by which way everybody's media come, and why so; "" where
	// everybody is to be connected directly.
	Way string
	// Muted is what of our media is not sent; what we have no source of is.
	Muted      Mute
	Links      []Link
	Recordings []string // files, in order of their first sample
}

// Link is a mesh.Link with rates over the time since the sample before.
type Link struct {
	mesh.Link
	Rates
	// Frames counts the peer's encrypted frames, where frames are encrypted;
	// Unread says in words why they cannot be read, "" when they can.
	Frames cryptor.Stats
	Unread string
	// Behind is the member by which the peer's media come; the zero Party for one
	// that we are connected to. Stats are then those of the connection with it, with
	// the tracks of this peer alone.
	Behind message.Party
}

// Rates are means between two samples of one connection.
type Rates struct {
	InBitsPerSecond, OutBitsPerSecond float64 // payload
	// LossIn and LossOut are fractions of the packets of that time, 0 to 1.
	LossIn, LossOut float64
	// BytesIn and BytesOut are totals of the present connection.
	BytesIn, BytesOut uint64
	// RTT is of the connectivity checks, or else of receiver reports; 0 while
	// unknown.
	RTT time.Duration
	// Layers are the encodings of the pictures that arrive.
	Layers []LayerRates
}

// totals are the counters that rates are made from.
type totals struct {
	callID                                 string
	at                                     time.Time
	bytesIn, bytesOut                      uint64
	packetsIn, packetsOut, lostIn, lostOut uint64
}

// sum adds up the tracks of a connection.
func sum(callID string, at time.Time, stats transport.Stats) totals {
	t := totals{callID: callID, at: at}
	for _, received := range stats.Received {
		t.bytesIn += received.Bytes
		t.packetsIn += received.Packets
		t.lostIn += received.Lost
	}
	for _, sent := range stats.Sent {
		t.bytesOut += sent.Bytes
		t.packetsOut += sent.Packets
		t.lostOut += uint64(sent.Lost)
	}
	return t
}

// since gives the rates between an earlier sample of the same call and now.
// Counters that went back count as unchanged.
func (t totals) since(before totals) Rates {
	r := Rates{BytesIn: t.bytesIn, BytesOut: t.bytesOut}
	seconds := t.at.Sub(before.at).Seconds()
	if before.callID != t.callID || seconds <= 0 {
		return r
	}
	r.InBitsPerSecond = 8 * float64(grown(t.bytesIn, before.bytesIn)) / seconds
	r.OutBitsPerSecond = 8 * float64(grown(t.bytesOut, before.bytesOut)) / seconds
	fraction := func(lost, of uint64) float64 {
		if lost == 0 {
			return 0
		}
		return min(1, float64(lost)/float64(of))
	}
	lostIn := grown(t.lostIn, before.lostIn)
	r.LossIn = fraction(lostIn, lostIn+grown(t.packetsIn, before.packetsIn))
	r.LossOut = fraction(grown(t.lostOut, before.lostOut), grown(t.packetsOut, before.packetsOut))
	return r
}

// grown is how far a counter has risen; one that went back has not.
func grown(now, then uint64) uint64 { return max(now, then) - then }

// roundTrip prefers the connectivity checks, which are always there.
func roundTrip(stats transport.Stats) time.Duration {
	if stats.RTT > 0 {
		return stats.RTT
	}
	for _, sent := range stats.Sent {
		if sent.RTT > 0 {
			return sent.RTT
		}
	}
	return 0
}

// Path says which way the media of the link takes, our end first, such as
// "host ⇄ relay, udp"; empty without a connection.
func (l Link) Path() string {
	if l.Stats == nil || l.Stats.Pair.Local == "" {
		return ""
	}
	return fmt.Sprintf("%s ⇄ %s, %s", l.Stats.Pair.Local, l.Stats.Pair.Remote, l.Stats.Pair.Protocol)
}

// Media says what arrives on the link, such as "VP8 320x180".
func (l Link) Media() []string {
	if l.Stats == nil {
		return nil
	}
	var media []string
	for _, received := range l.Stats.Received {
		if received.Ended || received.Packets == 0 {
			continue
		}
		name := received.Codec.String()
		if received.Width > 0 {
			name += fmt.Sprintf(" %dx%d", received.Width, received.Height)
		}
		media = append(media, name)
	}
	return media
}

// sampler turns snapshots into links with rates. It belongs to one goroutine.
type sampler struct {
	before map[message.Party]sampled
	apart  map[message.Party]Link // those behind a focus, as they were before
}

// sampled is what was seen of a link a moment ago.
type sampled struct {
	totals
	stats transport.Stats
}

// links takes the links of a snapshot in the room; behind gives those of members
// that a focus is between us and.
func (s *sampler) links(snapshot mesh.Snapshot, roomID string, behind func(mesh.Apart, Link) Link) []Link {
	var links []Link
	seen, apart := map[message.Party]sampled{}, map[message.Party]Link{}
	for _, room := range snapshot.Rooms {
		if room.ID != roomID {
			continue
		}
		for _, session := range room.Sessions {
			for _, link := range session.Links {
				links = append(links, s.sample(Link{Link: link}, snapshot.At, seen))
			}
			for _, a := range session.Apart {
				link := behind(a, s.apart[a.Party])
				apart[a.Party] = link
				links = append(links, s.sample(link, snapshot.At, seen))
			}
		}
	}
	s.before, s.apart = seen, apart
	return links
}

// sample adds the rates to a link, and notes what was seen of it.
func (s *sampler) sample(l Link, at time.Time, seen map[message.Party]sampled) Link {
	if l.Stats == nil {
		return l
	}
	now := sampled{sum(l.CallID, at, *l.Stats), *l.Stats}
	before := s.before[l.Peer]
	l.Rates = now.since(before.totals)
	l.RTT = roundTrip(*l.Stats)
	l.Rates.Layers = layersOf(before.stats, now.stats, now.at.Sub(before.at))
	seen[l.Peer] = now
	return l
}

// trouble names the first reason why somebody who is in the call is not
// connected to us, other than a link that is being worked on.
func trouble(snapshot mesh.Snapshot, roomID string) string {
	for _, room := range snapshot.Rooms {
		for _, session := range room.Sessions {
			if room.ID != roomID || !session.Entered {
				continue
			}
			for _, stranger := range session.Strangers {
				return fmt.Sprintf("%s: %v", stranger.Party, stranger.Err)
			}
			for _, link := range session.Links {
				if link.Distrust != "" && link.State != negotiate.Connected {
					return link.Distrust
				}
			}
		}
	}
	return ""
}
