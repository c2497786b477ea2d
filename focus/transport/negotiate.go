package transport

import (
	"context"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"
)

// OfferOptions say how an offer is made.
type OfferOptions struct {
	// Restart makes new ICE credentials and gathers anew (RFC 8839 section
	// 4.4.1.1.1). Media stops until the new generation is connected.
	Restart bool
	// Gather is how long to wait for candidates. 0 takes those that are there
	// at once.
	Gather time.Duration
}

// CreateOffer makes an offer and sets it as the local description. It comes
// with the candidates found until gathering is complete or options.Gather
// has passed; later ones come as events.
//
// Errors: ErrWrongState unless the negotiation is stable (there is no
// rollback, decision D25), ErrClosed, ctx's. After any other error the
// connection is of no use.
func (c *Conn) CreateOffer(ctx context.Context, options OfferOptions) (Description, error) {
	if err := c.take(ctx); err != nil {
		return Description{}, err
	}
	defer c.give()
	if err := c.expect(webrtc.SignalingStateStable, "to make an offer"); err != nil {
		return Description{}, err
	}
	first := c.pc.CurrentLocalDescription() == nil
	if first {
		if err := c.layOut(); err != nil {
			return Description{}, fmt.Errorf("connection %s: tracks: %w", c.name, err)
		}
	}
	restart := options.Restart && !first
	if restart {
		c.restartGathering()
	}
	offer, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart, OfferAnswerOptions: trickle})
	if err != nil {
		return Description{}, fmt.Errorf("connection %s: offer: %w", c.name, err)
	}
	return c.describe(ctx, offer, options.Gather)
}

// AcceptOffer takes an offer of the other side, first or later, and makes the
// answer, with candidates as CreateOffer has them. An offer with new ICE
// credentials restarts ICE on our side too.
//
// Errors: ErrWrongState if an offer of ours is open (glare is for the caller
// to settle), ErrBadDescription, ErrClosed, ctx's. The connection is of no use
// after all but the first.
func (c *Conn) AcceptOffer(ctx context.Context, offer Description, gather time.Duration) (Description, error) {
	if err := c.take(ctx); err != nil {
		return Description{}, err
	}
	defer c.give()
	if err := c.expect(webrtc.SignalingStateStable, "to accept an offer"); err != nil {
		return Description{}, err
	}
	remote, err := c.setRemote(offer, webrtc.SDPTypeOffer)
	if err != nil {
		return Description{}, err
	}
	if err := c.join(remote); err != nil {
		return Description{}, fmt.Errorf("connection %s: tracks: %w", c.name, err)
	}
	answer, err := c.pc.CreateAnswer(&webrtc.AnswerOptions{OfferAnswerOptions: trickle})
	if err != nil {
		return Description{}, fmt.Errorf("connection %s: answer: %w", c.name, err)
	}
	return c.describe(ctx, answer, gather)
}

// AcceptAnswer takes the answer to our offer.
//
// Errors: ErrWrongState if no offer of ours is open, ErrBadDescription,
// ErrClosed, ctx's. The connection is of no use after ErrBadDescription.
func (c *Conn) AcceptAnswer(ctx context.Context, answer Description) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer c.give()
	if err := c.expect(webrtc.SignalingStateHaveLocalOffer, "to accept an answer"); err != nil {
		return err
	}
	_, err := c.setRemote(answer, webrtc.SDPTypeAnswer)
	return err
}

// trickle: candidates may come later, and so may ours (RFC 8840).
var trickle = webrtc.OfferAnswerOptions{ICETricklingSupported: true}

// expect checks where the negotiation stands.
func (c *Conn) expect(state webrtc.SignalingState, purpose string) error {
	if now := c.pc.SignalingState(); now != state {
		return fmt.Errorf("connection %s: %s: %w: %s, not %s", c.name, purpose, ErrWrongState, now, state)
	}
	return nil
}

// layOut puts everything a call may need into our first offer, in the order
// audio, camera, screen, screen audio, data.
func (c *Conn) layOut() error {
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if err := c.send(c.audio); err != nil {
		return err
	}
	if c.video == nil {
		if _, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, receive); err != nil {
			return err
		}
	} else if err := c.send(c.video); err != nil {
		return err
	}
	for _, kind := range []Kind{Video, Audio} { // the screen
		if _, err := c.pc.AddTransceiverFromKind(pionKind(kind), receive); err != nil {
			return err
		}
	}
	if c.data {
		if _, err := c.pc.CreateDataChannel(dataChannelLabel, nil); err != nil {
			return err
		}
	}
	return nil
}

// join sends our tracks on what the other side offers to take. What finds no
// line waits for a later offer.
func (c *Conn) join(remote outline) error {
	for _, o := range []*outlet{c.audio, c.video} {
		if o == nil || c.sending[o] || !remote.takes(o.kind) {
			continue
		}
		if err := c.send(o); err != nil {
			return err
		}
	}
	return nil
}

// send gives one of our ends to Pion, which puts it on the first free line of
// its kind or makes one, and starts reading the reports about it.
func (c *Conn) send(o *outlet) error {
	sender, err := c.pc.AddTrack(o)
	if err != nil {
		return err
	}
	c.sending[o] = true
	c.spawn(func() { c.readFeedback(sender, o) })
	return nil
}

// readFeedback reads the reports about one track until the sender stops. The
// interceptors that retransmit and measure live on this read.
func (c *Conn) readFeedback(sender *webrtc.RTPSender, o *outlet) {
	buffer := make([]byte, receiveMTU)
	for {
		n, attributes, err := sender.Read(buffer)
		if err != nil {
			return
		}
		if packets, err := attributes.GetRTCPPackets(buffer[:n]); err == nil {
			o.feedback(packets, time.Now())
		}
	}
}

// setRemote applies a remote description and the candidates that waited for
// it.
func (c *Conn) setRemote(d Description, want webrtc.SDPType) (outline, error) {
	fail := func(err error) (outline, error) {
		return outline{}, fmt.Errorf("connection %s: remote %s: %w", c.name, want, err)
	}
	if d.Type != want.String() {
		return fail(fmt.Errorf("%w: it is of type %q", ErrBadDescription, d.Type))
	}
	remote, err := readOutline(d.SDP)
	if err != nil {
		return fail(err)
	}
	c.mu.Lock()
	restart := c.generations.replacedBy(remote.ufrags)
	c.mu.Unlock()
	if restart && want == webrtc.SDPTypeOffer {
		c.restartGathering()
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: want, SDP: stripCandidates(d.SDP)}); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrBadDescription, err))
	}
	// Only now, because a restart makes Pion forget what it has.
	c.mu.Lock()
	c.generations.advance(remote.ufrags)
	held := c.held
	c.held = nil
	c.mu.Unlock()
	if err := c.AddCandidates(append(remote.candidates(), held...)); err != nil {
		c.log.Debug("remote candidates", "err", err)
	}
	return remote, nil
}

// restartGathering begins a new ICE generation of ours.
func (c *Conn) restartGathering() {
	fresh := c.newGathering()
	c.mu.Lock()
	former := c.gathering
	c.gathering = fresh
	c.mu.Unlock()
	former.finish()
}

// describe sets our description and gives it out with the candidates found in
// time.
func (c *Conn) describe(ctx context.Context, d webrtc.SessionDescription, gather time.Duration) (Description, error) {
	if err := c.pc.SetLocalDescription(d); err != nil {
		return Description{}, fmt.Errorf("connection %s: local %s: %w", c.name, d.Type, err)
	}
	gathering := c.current()
	c.gatherReflexive(gathering, d.SDP)
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-gathering.done:
	case <-timer.C:
	case <-ctx.Done():
		return Description{}, ctx.Err()
	case <-c.done:
		return Description{}, ErrClosed
	}
	candidates, complete := gathering.handOut()
	text := insertCandidates(stripCandidates(d.SDP), candidates, complete)
	return Description{Type: d.Type.String(), SDP: withoutPromises(text, c.empty())}, nil
}

// empty gives the mids of the lines we have nothing to send on.
func (c *Conn) empty() map[string]bool {
	mids := make(map[string]bool)
	for _, transceiver := range c.pc.GetTransceivers() {
		if transceiver.Sender() == nil {
			mids[transceiver.Mid()] = true
		}
	}
	return mids
}

// gatherReflexive looks for server-reflexive candidates beside Pion, once for
// each ICE generation.
func (c *Conn) gatherReflexive(g *gathering, sdp string) {
	if !g.begin() {
		return
	}
	servers := stunAddresses(c.pc.GetConfiguration().ICEServers)
	local, err := readOutline(sdp)
	if c.relay || len(servers) == 0 || err != nil ||
		!c.spawn(func() { c.askReflexive(g, servers, local.ufrags[0], local.mid) }) {
		g.finishOne()
	}
}
