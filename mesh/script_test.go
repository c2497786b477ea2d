package mesh_test

import (
	"strings"

	"meshfocus/focus/transport"
	"meshfocus/internal/simnet"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Devices without a registry: foreign peers that a test plays.

// play lets the device be a script instead of a registry.
func (d *device) play(script func(from message.Party, s message.Signal)) *device {
	d.world.mu.Lock()
	defer d.world.mu.Unlock()
	d.script = script
	return d
}

// reply sends a message of a scripted device in the call of another message.
func (d *device) reply(to message.Party, about message.Signal, s message.Signal) {
	s.Envelope = message.Envelope{
		CallID: about.CallID, ConfID: about.ConfID, PartyID: d.party.DeviceID, DeviceID: d.party.DeviceID,
		SenderSessionID: d.session, DestSessionID: about.SenderSessionID, Seq: s.Seq, Version: 1,
	}
	d.Send(to, s, func(error) {})
}

// hears lists what a scripted device heard, by kind.
func (d *device) hears() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var words []string
	for _, s := range d.heard {
		words = append(words, word(s))
	}
	return strings.Join(words, ", ")
}

// invite sends an invite of a scripted device to another, in a session.
func (d *device) invite(to *device, key membership.Key, callID string) {
	offer := describe("offer", "scripted")
	d.Send(to.party, message.Signal{
		Kind: message.Invite,
		Envelope: message.Envelope{
			CallID: callID, ConfID: key.ConfID, DeviceID: d.party.DeviceID, PartyID: d.party.DeviceID,
			SenderSessionID: d.session, DestSessionID: to.session, Seq: number(0),
		},
		Description: message.Description{Type: offer.Type, SDP: offer.SDP},
	}, func(error) {})
}

func number(n uint32) *uint32 { return &n }

// foreign makes zed a scripted peer who calls nobody (z is the greatest) and
// answers with the given signals.
func foreign(w *world, script func(zed *device, from message.Party, s message.Signal)) (alice, zed *device) {
	alice = w.boot("alice").join()
	zed = w.device("zed")
	zed.play(func(from message.Party, s message.Signal) { script(zed, from, s) })
	zed.join()
	return alice, zed
}

// answer connects: the scripted peer has a plug like everybody else.
func (d *device) answer(from message.Party, invite message.Signal, first uint32) {
	plug := d.fabric.Plug(d.name, name(from), func(simnet.PlugState) {})
	own := plug.Credentials()
	theirs, _ := credentials(transport.Description(invite.Description))
	plug.SetRemote(theirs)
	d.mu.Lock()
	d.plugs = append(d.plugs, plug)
	d.mu.Unlock()
	answer := describe("answer", own)
	d.reply(from, invite, message.Signal{
		Kind: message.Answer, Envelope: message.Envelope{Seq: number(first)},
		Description: message.Description{Type: answer.Type, SDP: answer.SDP},
	})
}
