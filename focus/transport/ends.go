package transport

import (
	"fmt"
	"slices"

	"meshfocus/focus/lane"
)

// ourEnd is where one of our tracks enters a Conn. It keeps its name and
// numbers when the track behind it is exchanged.
type ourEnd struct {
	line         string
	kind         Kind
	id, streamID string
	track        *LocalTrack // what is to be sent; nil: nothing
	feed         *feed       // what is being sent; nil: nothing
	refused      bool
}

// ourEnds makes our ends of the two media. Silence joins the stream of the
// video, so that the other side sees one stream.
func (c *Conn) ourEnds(audio, video *LocalTrack) []*ourEnd {
	sound := &ourEnd{line: soundLine, kind: Audio, id: silentTrackID, streamID: SilentStreamID, track: audio}
	if video != nil {
		sound.streamID = video.StreamID()
	}
	if audio != nil {
		sound.id, sound.streamID = audio.ID(), audio.StreamID()
	} else {
		sound.track = c.network.silent.get()
	}
	ends := []*ourEnd{sound}
	if video != nil {
		ends = append(ends, &ourEnd{line: cameraLine, kind: Video, id: video.ID(), streamID: video.StreamID(), track: video})
	}
	return ends
}

// sendOurs feeds the lines that were agreed with what they are to send.
func (c *Conn) sendOurs() {
	c.ends.Lock()
	defer c.ends.Unlock()
	for _, end := range c.ours {
		if !c.ended && end.feed == nil && end.track != nil {
			end.refused = c.change(end, end.track) != nil
		}
	}
}

// change has an end send a track, nil for nothing, if its line was agreed. It
// stays as it was after an error. c.ends is held.
func (c *Conn) change(end *ourEnd, track *LocalTrack) error {
	var fresh *feed
	var sent *lane.Track
	if track != nil {
		switch codecs, agreed := c.strand.codecs(end.line); {
		case !agreed:
			return nil
		case !slices.Contains(codecs, track.Codec()):
			return ErrCodecNotNegotiated
		}
		fresh = track.feed(c.strand.lane())
		sent = fresh.track
	}
	if err := c.strand.supply(end.line, sent); err != nil {
		if fresh != nil {
			fresh.leave()
		}
		return err
	}
	if end.feed != nil {
		end.feed.leave()
	}
	end.feed = fresh
	return nil
}

// replace sends another track of a kind; nil sends nothing.
func (c *Conn) replace(kind Kind, track *LocalTrack) error {
	if track != nil && track.Kind() != kind {
		return fmt.Errorf("connection %s: a track of %s in place of %s", c.name, track.Kind(), kind)
	}
	c.ends.Lock()
	defer c.ends.Unlock()
	i := slices.IndexFunc(c.ours, func(end *ourEnd) bool { return end.kind == kind })
	switch {
	case c.ended:
		return ErrClosed
	case i < 0:
		return ErrNotNegotiated
	case c.ours[i].feed != nil && c.ours[i].track == track:
		return nil
	}
	end := c.ours[i]
	if err := c.change(end, track); err != nil {
		return err
	}
	end.track, end.refused = track, false
	return nil
}

// over gives all feeds back; see user.
func (c *Conn) over() {
	c.ends.Lock()
	defer c.ends.Unlock()
	c.ended = true
	for _, end := range c.ours {
		if end.feed != nil {
			end.feed.leave()
			end.feed = nil
		}
	}
}

// sent gives the counters of our ends.
func (c *Conn) sent() (all []SentStats) {
	c.ends.Lock()
	defer c.ends.Unlock()
	for _, end := range c.ours {
		stats := SentStats{Kind: end.kind, ID: end.id, StreamID: end.streamID, Refused: end.refused, Layer: -1}
		if end.track != nil && !end.refused {
			stats.Codec = end.track.Codec()
		}
		c.strand.measure(end.line, &stats)
		all = append(all, stats)
	}
	return all
}

// measure fills in what is known of what leaves on a line.
func (s *strand) measure(name string, stats *SentStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.departing[name]
	if d == nil {
		return
	}
	stats.SSRC = d.source.SSRC
	if d.sub == nil {
		return
	}
	leaving := d.sub.Stats()
	stats.Packets, stats.Bytes, stats.Frames, stats.Failed = leaving.Packets, leaving.Bytes, leaving.Frames, leaving.Unsent
	stats.KeyFrameRequests, stats.Nacked, stats.Reports = leaving.KeyFrameRequests, leaving.Nacked, leaving.Reports
	stats.Lost, stats.LossFraction, stats.Jitter = uint32(max(leaving.Lost, 0)), leaving.FractionLost, leaving.Jitter
	stats.RTT = leaving.RoundTrip
	stats.Layer, stats.Reason = int(leaving.Current.Spatial), leaving.Reason
	if track := d.sub.Track(); track != nil && stats.Layer >= 0 {
		for _, l := range track.Layers() {
			if l.Spatial == leaving.Current.Spatial {
				stats.Width, stats.Height = int(l.Width), int(l.Height)
			}
		}
	}
}
