package negotiate

import "meshfocus/signalling/message"

// exchangeStep goes on with the exchange of descriptions, whatever the pair's
// state: ICE may connect before the answer has even left.
func exchangeStep(m *Machine, e *Event) { exchanges[m.call.exchange][e.Kind](m, e) }

// exchanges is the second table: what an event means to the exchange of
// descriptions inside a call.
var exchanges = [exchangeCount]map[EventKind]func(*Machine, *Event){
	stable: {
		OfferWanted:    offerWanted,
		OfferReady:     ignore,
		answerCame:     ignore,
		negotiatedCame: ignore,
		AnswerApplied:  ignore,
		offerCame:      offerTaken,
		AnswerReady:    ignore,
		inviteOverdue:  unarmed,
		answerOverdue:  unarmed,
		stepOverdue:    unarmed,
	},
	making: {
		OfferWanted:    offerLater,
		OfferReady:     offerMade,
		answerCame:     ignore,
		negotiatedCame: ignore,
		AnswerApplied:  ignore,
		offerCame:      collide,
		AnswerReady:    ignore,
		inviteOverdue:  unarmed,
		answerOverdue:  unarmed,
		stepOverdue:    stuck,
	},
	offered: {
		OfferWanted:    offerLater,
		OfferReady:     ignore,
		answerCame:     answered,
		negotiatedCame: negotiated,
		AnswerApplied:  ignore,
		offerCame:      collide,
		AnswerReady:    ignore,
		inviteOverdue:  unanswered,
		answerOverdue:  answerLost,
		stepOverdue:    unarmed,
	},
	applying: {
		OfferWanted:    offerLater,
		OfferReady:     ignore,
		answerCame:     ignore,
		negotiatedCame: ignore,
		AnswerApplied:  applied,
		offerCame:      queue,
		AnswerReady:    ignore,
		inviteOverdue:  unarmed,
		answerOverdue:  unarmed,
		stepOverdue:    stuck,
	},
	answering: {
		OfferWanted:    offerLater,
		OfferReady:     ignore,
		answerCame:     ignore,
		negotiatedCame: ignore,
		AnswerApplied:  ignore,
		offerCame:      queue,
		AnswerReady:    answerMade,
		inviteOverdue:  unarmed,
		answerOverdue:  unarmed,
		stepOverdue:    stuck,
	},
}

// makeOffer begins an exchange of ours.
func (m *Machine) makeOffer(restart bool) {
	c := m.call
	c.exchange, c.restarting = making, restart
	c.wanted = c.wanted && restart
	c.restartWanted, c.restartAsked = false, false
	m.act(Action{Kind: CreateOffer, CallID: c.id, Restart: restart})
	m.arm(timerStep, stepLimit)
}

func offerWanted(m *Machine, _ *Event) { m.makeOffer(false) }

// offerLater keeps the wish for a quiet moment.
func offerLater(m *Machine, _ *Event) { m.call.wanted = true }

// offerMade sends our offer: as invite first, as negotiate later.
func offerMade(m *Machine, e *Event) {
	c := m.call
	m.disarm(timerStep)
	c.exchange = offered
	s := message.Signal{
		Kind:        message.Negotiate,
		Lifetime:    lifetime,
		Description: m.outgoing(e.Description),
		Metadata:    streamsOf(e.Description.SDP, m.config.Streams),
	}
	waiting := timerAnswer
	if !c.established {
		s.Kind = message.Invite
		s.Lifetime = inviteTimeout
		s.Invitee, s.InviteeDeviceID = m.config.Peer.UserID, m.config.Peer.DeviceID
		waiting = timerInvite
	}
	c.spoken = true
	m.send(s)
	m.arm(waiting, handoverLimit)
	m.batchSoon()
}

// answered takes the peer's answer to our invite.
func answered(m *Machine, e *Event) {
	if m.call.established {
		return
	}
	m.disarm(timerInvite)
	m.send(message.Signal{Kind: message.SelectAnswer, SelectedPartyID: e.Signal.PartyID})
	m.applyAnswer(e)
}

// negotiated takes the peer's answer to a later offer of ours.
func negotiated(m *Machine, e *Event) {
	if !m.call.established {
		return
	}
	m.disarm(timerAnswer)
	m.applyAnswer(e)
}

func (m *Machine) applyAnswer(e *Event) {
	m.call.exchange = applying
	m.act(Action{Kind: Streams, CallID: m.call.id, Metadata: e.Signal.Metadata})
	m.act(Action{Kind: AcceptAnswer, CallID: m.call.id, Description: e.Description})
	m.arm(timerStep, stepLimit)
}

// applied: both descriptions are in place.
func applied(m *Machine, _ *Event) {
	m.settle()
	m.expectMedia()
	m.next()
}

// settle ends an exchange.
func (m *Machine) settle() {
	m.disarm(timerStep)
	m.call.exchange = stable
	m.call.established = true
	m.call.restarting = false
}

// expectMedia sets a time for a call that has not connected.
func (m *Machine) expectMedia() {
	if m.state == Calling {
		m.arm(timerGiveUp, giveUpAfter)
	}
}

// next uses a quiet moment for what had to wait: the peer's offer first, for
// ours can be made any time.
func (m *Machine) next() {
	c := m.call
	switch {
	case c.queued != nil:
		offer := *c.queued
		c.queued = nil
		m.acceptOffer(offer)
	case c.restartWanted && m.state == Broken:
		m.restart()
	case c.restartAsked && m.mayRestart():
		m.makeOffer(true)
	case c.wanted:
		m.makeOffer(false)
	}
}

// acceptOffer begins an exchange of the peer's.
func (m *Machine) acceptOffer(offer message.Description) {
	m.call.exchange = answering
	m.act(Action{Kind: AcceptOffer, CallID: m.call.id, Description: offer})
	m.arm(timerStep, stepLimit)
}

// offerTaken answers the peer's later offer. If it restarts ICE, ours need not.
func offerTaken(m *Machine, e *Event) {
	m.disarm(timerRestart)
	m.act(Action{Kind: Streams, CallID: m.call.id, Metadata: e.Signal.Metadata})
	m.acceptOffer(e.Description)
}

// queue keeps the peer's offer until the exchange under way is complete. A
// newer one replaces it.
func queue(m *Machine, e *Event) {
	m.act(Action{Kind: Streams, CallID: m.call.id, Metadata: e.Signal.Metadata})
	m.call.queued = &e.Description
}

// collide: both offered. The side that placed the call goes on and expects its
// answer; the other side has to give way, cannot roll back, and so gives up
// the connection. The pair's caller will place a new one (D25).
func collide(m *Machine, _ *Event) {
	if m.call.outgoing {
		return
	}
	m.fail(message.ReasonReplaced, "both sides changed the call at once")
}

// answerMade sends our answer: as answer first, as negotiate later.
func answerMade(m *Machine, e *Event) {
	first := !m.call.established
	m.settle()
	s := message.Signal{
		Kind:        message.Negotiate,
		Lifetime:    lifetime,
		Description: m.outgoing(e.Description),
		Metadata:    streamsOf(e.Description.SDP, m.config.Streams),
	}
	if first {
		s.Kind, s.Lifetime = message.Answer, 0
	}
	m.send(s)
	if first && m.state == Calling {
		m.arm(timerGiveUp, handoverLimit)
	}
	m.batchSoon()
	m.next()
}

// unanswered: nobody answered our invite.
func unanswered(m *Machine, _ *Event) {
	m.fail(message.ReasonInviteTimeout, "")
}

// answerLost: nobody answered a later offer. Without rollback nothing more can
// be negotiated on this connection.
func answerLost(m *Machine, _ *Event) {
	m.fail(message.ReasonSignallingTimeout, "the answer to our offer did not come")
}
