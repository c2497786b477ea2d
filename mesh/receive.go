package mesh

import (
	"context"
	"errors"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// The registry's way of a call message: check the envelope, hold it if its
// sender may yet become a member, else give it to the mesh of its session.

// receive deals with one delivery.
func (r *Registry) receive(ctx context.Context, batch []Received) {
	now := time.Now()
	o := r.outlook()
	var passed []addressed
	for _, received := range batch {
		key, err := o.check(received)
		isInvite := received.Signal.Kind == message.Invite
		switch {
		case isInvite && (err == nil || errors.Is(err, errHold)) && !r.invites.allow(received.From, now):
			r.refuse(received, ErrTooManyInvites)
		case errors.Is(err, errHold):
			if !r.inbox.hold(received, now) {
				r.refuse(received, ErrNoMembership)
			}
		case err != nil:
			r.refuse(received, err)
		default:
			passed = append(passed, addressed{key, received})
		}
	}
	r.deliver(ctx, passed)
}

// retry looks again at what is held, after facts have changed.
func (r *Registry) retry(ctx context.Context) {
	o := r.outlook()
	var passed []addressed
	free := r.inbox.release(func(held Received) bool {
		_, err := o.check(held)
		return errors.Is(err, errHold)
	})
	for _, received := range free {
		key, err := o.check(received)
		if err != nil {
			r.refuse(received, err)
			continue
		}
		passed = append(passed, addressed{key, received})
	}
	r.deliver(ctx, passed)
}

// addressed is a message that has passed the checks.
type addressed struct {
	membership.Key
	Received
}

// deliver gives messages to the meshes, those of one device together.
func (r *Registry) deliver(ctx context.Context, passed []addressed) {
	type address struct {
		membership.Key
		from message.Party
	}
	var order []address
	received := map[address][]Received{}
	for _, a := range passed {
		if err := r.settle(ctx, a); err != nil {
			r.refuse(a.Received, err)
			continue
		}
		to := address{a.Key, a.From}
		if received[to] == nil {
			order = append(order, to)
		}
		received[to] = append(received[to], a.Received)
	}
	for _, to := range order {
		if m := r.meshes[to.Key]; m != nil {
			m.tell(delivery{to.from, received[to]})
		}
	}
}

// settle makes sure that the sender is met in the session of its message. An
// invite moves the pair there, unless it has a live call elsewhere.
func (r *Registry) settle(ctx context.Context, a addressed) error {
	room := r.rooms[a.RoomID]
	for _, stranger := range room.plan.strangers[a.Key] {
		if stranger.Party == a.From {
			return stranger.Err
		}
	}
	isHere := func(m membership.Member) bool { return m.Party == a.From }
	if a.Signal.Kind != message.Invite || slices.ContainsFunc(room.plan.peers[a.Key], isHere) {
		return nil
	}
	if at, ok := r.met(room)[a.From]; ok && at != a.Key {
		return ErrMetElsewhere
	}
	room.invited[a.From] = a.Key
	r.assign(ctx, room)
	return nil
}

// tooLate lets go of a message that has waited in vain. A caller who takes us
// for a member of a call that we are not in is told so.
func (r *Registry) tooLate(received Received) {
	err := ErrNoMembership
	if r.outlook().parts(received.From) {
		err = ErrApart
	}
	for _, room := range r.outlook().roomsFor(received.Signal) {
		for _, session := range room.result.Sessions {
			if session.Meant(received.Signal) && !r.entered[session.Key] {
				err = ErrNotEntered
			}
		}
	}
	r.refuse(received, err)
	if errors.Is(err, ErrNotEntered) && received.Signal.Kind == message.Invite {
		r.reject(received)
	}
}

// reject answers an invite to a call that we are not in.
func (r *Registry) reject(received Received) {
	s, party := received.Signal, r.config.Self.DeviceID
	if s.Dialect == message.DialectFamedly {
		party = r.config.SessionID
	}
	r.config.Signaller.Send(received.From, message.Signal{
		Kind: message.Reject,
		Envelope: message.Envelope{
			Dialect: s.Dialect, CallID: s.CallID, PartyID: party, DeviceID: r.config.Self.DeviceID,
			ConfID: s.ConfID, SlotID: s.SlotID, RoomID: s.RoomID,
			SenderSessionID: r.config.SessionID, DestSessionID: s.SenderSessionID, Version: 1,
		},
	}, func(error) {})
}

// refuse notes a message that is not acted upon.
func (r *Registry) refuse(received Received, err error) {
	s := received.Signal
	r.config.Log.Debug("call message refused",
		"room", s.RoomID, "slot", s.ConfID, "party", received.From.String(),
		"session", s.SenderSessionID, "kind", s.Kind.String(), "err", err)
	r.note(Refused{From: received.From, Kind: s.Kind, Room: s.RoomID, Err: err})
}

// note keeps the latest refusals.
func (r *Registry) note(refused Refused) {
	refused.At = time.Now()
	if len(r.refused) >= maxRefused {
		r.refused = slices.Delete(r.refused, 0, 1)
	}
	r.refused = append(r.refused, refused)
}

func (r *Registry) outlook() outlook {
	return outlook{
		self: r.config.Self, sessionID: r.config.SessionID, config: &r.config,
		rooms: r.rooms, entered: r.entered, lingers: r.lingers, waiting: r.inbox.holds,
	}
}

// lingers: see outlook. The peer may not have heard yet that the membership is
// gone, when both come in one sync response.
func (r *Registry) lingers(key membership.Key, party message.Party, session string) bool {
	m := r.meshes[key]
	if m == nil {
		return false
	}
	link, ok := m.link(party)
	return ok && link.State.Live() && link.Session == session
}
