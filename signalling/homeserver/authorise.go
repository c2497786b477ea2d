package homeserver

import (
	"encoding/json"
	"strings"
)

// draft is an event that somebody wants to send.
type draft struct {
	kind     string
	stateKey *string
	sender   *user
	content  json.RawMessage
	redacts  string
	// sticky is the MSC4354 duration in milliseconds.
	sticky int64
	// How it came: see eventRecord.
	device, txn, delayID string
}

// authorise decides whether the draft may become an event, by the
// authorization rules of room version 10 as far as one server needs them.
func (r *room) authorise(d *draft) *refusal {
	if d.kind == typeCreate {
		if len(r.timeline) > 0 {
			return forbidden("the room has been created already")
		}
		return nil
	}
	if d.kind == typeMember && d.stateKey != nil {
		return r.authoriseMember(d)
	}
	if r.joined[d.sender.id] == nil {
		return forbidden("%s is not in the room", d.sender.id)
	}
	own, needs := r.power.user(d.sender.id), r.power.event(d.kind, d.stateKey != nil)
	if own < needs {
		return forbidden("sending %s needs a power of %d; %s has %d", d.kind, needs, d.sender.id, own)
	}
	if d.stateKey != nil && strings.HasPrefix(*d.stateKey, "@") && *d.stateKey != d.sender.id {
		return forbidden("state with the key of another user can only be sent by that user")
	}
	switch d.kind {
	case typePowerLevels:
		return r.authorisePower(d)
	case typeRedaction:
		return r.authoriseRedaction(d)
	}
	return nil
}

func (r *room) authorisePower(d *draft) *refusal {
	next, err := decodePower(d.content)
	if err != nil {
		return badJSON("%v", err)
	}
	if r.state[stateSlot{typePowerLevels, ""}] == nil {
		return nil // the first one may set everything
	}
	return r.power.checkPower(d.sender.id, &next)
}

// authoriseRedaction: one's own events, or with the power to redact any.
func (r *room) authoriseRedaction(d *draft) *refusal {
	target := r.model.events[d.redacts]
	if target == nil || target.room != r {
		return notFound("the event to redact is not in this room")
	}
	if target.Sender != d.sender.id && r.power.user(d.sender.id) < r.power.Redact {
		return forbidden("redacting events of others needs a power of %d", r.power.Redact)
	}
	return nil
}

// authoriseMember is the part of the rules about m.room.member: who may make
// whom what.
func (r *room) authoriseMember(d *draft) *refusal {
	target := *d.stateKey
	if !validUserID(target) {
		return invalidParam("%q is no user ID", target)
	}
	switch membership := contentString(d.content, "membership"); membership {
	case memberJoin:
		return r.authoriseJoin(d.sender, target)
	case memberInvite:
		return r.authoriseInvite(d.sender, target)
	case memberLeave:
		return r.authoriseLeave(d.sender, target)
	case memberBan:
		return r.authoriseBan(d.sender, target)
	case memberKnock:
		return forbidden("knocking is not supported")
	default:
		return badJSON("membership is %q; it must be join, invite, leave or ban", membership)
	}
}

func (r *room) authoriseJoin(sender *user, target string) *refusal {
	if sender.id != target {
		return forbidden("only %s can join as %s", target, target)
	}
	was := r.membership(target)
	switch {
	case was == memberBan:
		return forbidden("%s is banned from the room", target)
	case was == memberJoin:
		return nil
	case len(r.joined) == 0 && target == r.Creator && len(r.timeline) == 1:
		return nil // right after m.room.create
	case was != memberInvite && r.text(typeJoinRules, "join_rule") != "public":
		return forbidden("the room can only be joined with an invitation")
	case sender.Guest && r.text(typeGuestAccess, "guest_access") != "can_join":
		return refuse(403, codeGuestForbidden, "guests cannot join this room")
	}
	return nil
}

func (r *room) authoriseInvite(sender *user, target string) *refusal {
	if r.joined[sender.id] == nil {
		return forbidden("%s is not in the room", sender.id)
	}
	if was := r.membership(target); was == memberJoin || was == memberBan {
		return forbidden("%s cannot be invited: membership is %s", target, was)
	}
	if r.power.user(sender.id) < r.power.Invite {
		return forbidden("inviting needs a power of %d", r.power.Invite)
	}
	return nil
}

func (r *room) authoriseLeave(sender *user, target string) *refusal {
	was := r.membership(target)
	if sender.id == target {
		if was != memberJoin && was != memberInvite {
			return forbidden("%s is not in the room", target)
		}
		return nil
	}
	if r.joined[sender.id] == nil {
		return forbidden("%s is not in the room", sender.id)
	}
	own := r.power.user(sender.id)
	if was == memberBan && own < r.power.Ban {
		return forbidden("lifting a ban needs a power of %d", r.power.Ban)
	}
	if own < r.power.Kick || own <= r.power.user(target) {
		return forbidden("removing %s needs a power of %d and more than theirs", target, r.power.Kick)
	}
	return nil
}

func (r *room) authoriseBan(sender *user, target string) *refusal {
	if r.joined[sender.id] == nil {
		return forbidden("%s is not in the room", sender.id)
	}
	own := r.power.user(sender.id)
	if own < r.power.Ban || own <= r.power.user(target) {
		return forbidden("banning %s needs a power of %d and more than theirs", target, r.power.Ban)
	}
	return nil
}
