package via

import (
	"context"
	"errors"
	"maps"

	"meshfocus/focus/transport"
	"meshfocus/signalling/message"
)

// read opens the channel and reads it until it ends.
func (c *Client) read() {
	channel, err := c.conn.Open(c.life, label)
	if err != nil {
		c.inbox.Put(silenced{err})
		return
	}
	defer context.AfterFunc(c.life, func() { _ = channel.Close() })()
	c.inbox.Put(opened{channel})
	buffer := make([]byte, message.MaxContent)
	for {
		n, _, err := channel.Read(buffer)
		if err != nil {
			c.inbox.Put(silenced{err})
			return
		}
		c.inbox.Put(heard{append([]byte(nil), buffer[:n]...)})
	}
}

// hear does what the focus says.
func (c *Client) hear(text []byte) {
	m, err := message.ParseFocusMessage(text)
	if err != nil {
		c.log.Debug("message on the channel", "err", err)
		return
	}
	say, offer := c.talk.Hear(m)
	c.say(say)
	c.place()
	if offer.SDP != "" {
		c.offer = transport.Description(offer) // the one before, not answered yet, was withdrawn
		c.answer()
	}
}

// answer has an offer answered as soon as we have the turn: an own one, which is under
// way from device to device, goes first. It has no candidates, since there is a
// connection already.
func (c *Client) answer() {
	if c.answering || c.offer.SDP == "" {
		return
	}
	offer := c.offer
	c.offer, c.answering = transport.Description{}, true
	c.runs.Go(func() {
		var a answered
		if a.err = c.take(c.life); a.err == nil {
			a.answer, a.err = c.conn.AcceptOffer(c.life, offer, 0)
			c.give()
		}
		c.inbox.Put(a)
	})
}

// answered says the answer. Where the mesh has negotiated since the offer was made it
// is withdrawn, and another follows. Without an answer to any the focus gives up the
// call, and makes another.
func (c *Client) answered(a answered) {
	c.answering = false
	defer c.answer()
	switch {
	case errors.Is(a.err, transport.ErrStale):
		return
	case a.err != nil:
		c.log.Info("the focus' offer is not answered", "err", a.err)
		return
	}
	c.say([]message.FocusMessage{{Kind: message.FocusNegotiate, Description: message.Description(a.answer)}})
}

// place finds the owners of tracks that have arrived.
func (c *Client) place() {
	var waiting []*transport.RemoteTrack
	for _, track := range c.waiting {
		source, known := c.talk.Source(track.StreamID(), track.ID())
		if !known {
			if !over(track) {
				waiting = append(waiting, track)
			}
			continue
		}
		c.mu.Lock()
		c.tracks[track] = source
		c.mu.Unlock()
		c.report(trackNews{c.focus, source, track})
	}
	c.waiting = waiting
}

// publish makes readable what the loop knows.
func (c *Client) publish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.talk.streams {
		if id != transport.SilentStreamID {
			c.others[id] = true
		}
	}
	clear(c.told)
	for owner := range c.wanted {
		if streams := c.talk.Streams(owner); len(streams) > 0 {
			c.told[owner] = streams
		}
	}
	c.expect = c.talk.Expects()
	maps.DeleteFunc(c.tracks, func(track *transport.RemoteTrack, _ Source) bool { return over(track) })
}

// over reports whether a track has ended.
func over(track *transport.RemoteTrack) bool {
	select {
	case <-track.Ended():
		return true
	default:
		return false
	}
}

// flow counts what is expected, and the frames that have come of it.
func (c *Client) flow() (expected int, frames uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for track := range c.tracks {
		frames += track.Stats().Frames
	}
	return c.expect, frames
}

// media gives what comes of an owner: its streams, and the tracks with the way they
// come.
func (c *Client) media(owner message.Party) (message.StreamMetadata, transport.Stats) {
	stats := c.conn.Stats()
	stats.Received = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	for track, source := range c.tracks {
		if source.Owner == owner {
			stats.Received = append(stats.Received, track.Stats())
		}
	}
	return c.told[owner], stats
}
