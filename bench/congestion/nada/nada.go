package nada

import (
	"time"

	"meshfocus/bench/congestion"
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// controller is the reference rate behind feedback, and the shaping buffer of
// section 5.2 in front of the wire.
type controller struct {
	rate    *rate
	sound   unit.BitRate
	first   uint16
	left    *history.Departures
	number  int64
	arrival time.Duration // the newest of the receiver's clock, without wrap
	heard   bool

	sounds, videos []congestion.Packet
	waiting        int64 // bytes of video
	free           unit.Instant
}

// New makes a controller for a flow.
func New(c congestion.Config, _ unit.Instant) congestion.Controller {
	left := history.NewDepartures()
	left.Cover(500*time.Millisecond, 2*time.Second, c.Interval)
	return &controller{
		rate:  newRate(c.Least+c.Sound, c.Most+c.Sound, c.Weight),
		sound: c.Sound, first: c.First, number: int64(c.First), left: left,
	}
}

func (c *controller) Offer(p congestion.Packet, _ unit.Instant) {
	if p.Kind == discrete.Sound {
		c.sounds = append(c.sounds, p)
		return
	}
	c.videos = append(c.videos, p)
	c.waiting += int64(p.Size)
}

func (c *controller) Release(now unit.Instant) (congestion.Packet, bool) {
	queue := &c.sounds
	if len(c.sounds) == 0 {
		if len(c.videos) == 0 || now.Before(c.free) {
			return congestion.Packet{}, false
		}
		queue = &c.videos
	}
	p := (*queue)[0]
	*queue = (*queue)[1:]
	_, rate := c.rate.shaped(c.waiting)
	if p.Kind != discrete.Sound {
		c.waiting -= int64(p.Size)
	}
	// What sound takes is paid for by what follows it.
	c.free = max(c.free, now).Add(unit.BitRate(rate).Duration(p.Size))
	p.Number = c.number
	c.number++
	c.left.Leave(p.Size, 0, now)
	return p, true
}

func (c *controller) Feedback(rtcp []byte, now unit.Instant) {
	for compound := feedback.Read(rtcp); ; {
		message, more := compound.Next()
		if !more {
			break
		}
		for a := range message.Transport() {
			if a.Received {
				a.At = c.unwrapped(a.At)
			}
			c.told(a, now)
		}
		// Of the receiver's clock a run shows less than the 18 hours after which
		// these begin anew.
		made := time.Duration(message.Instant()) * time.Second >> 16
		for _, a := range message.Streams() {
			a.At += made
			c.told(a, now)
		}
	}
	c.rate.update(now)
}

func (c *controller) told(a feedback.Arrival, now unit.Instant) {
	departure, fate := c.left.Acknowledge(a.Number-c.first, a.Received)
	c.rate.told(departure, fate, a.At, a.Marked == congestionExperienced, now)
}

// congestionExperienced is the ECN field of a packet that a queue has marked.
const congestionExperienced = 3

// unwrapped gives the time of arrival nearest to the one before.
func (c *controller) unwrapped(at time.Duration) time.Duration {
	if !c.heard {
		c.arrival, c.heard = at, true
	}
	for at < c.arrival-feedback.ReferenceWrap/2 {
		at += feedback.ReferenceWrap
	}
	c.arrival = at
	return at
}

func (c *controller) Target(unit.Instant) unit.BitRate {
	encoder, _ := c.rate.shaped(c.waiting)
	return unit.BitRate(encoder) - c.sound
}

func (c *controller) Next() unit.Instant {
	switch {
	case len(c.sounds) > 0:
		return unit.Never
	case len(c.videos) > 0:
		return c.free
	}
	return unit.Far
}

// Backlog gives the bytes that wait.
func (c *controller) Backlog() int { return int(c.waiting) }
