package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// ringOptions are the flags of `ring`.
type ringOptions struct {
	joinOptions
	callees  []string
	intent   string
	quiet    bool
	lifetime time.Duration
}

func newRing(std streams) *cobra.Command {
	var o ringOptions
	c := &cobra.Command{
		Use:   "ring [flags] ROOM",
		Short: "Join the call of a room and ring others until somebody comes",
		Long: `ring joins the call of ROOM and calls others to it: those named by --callee, else
the other one in a room of two, else the whole room, for which a power level of
notifications.room (usually 50) is needed. It opens the slot of the room if there
is none and it may, since some clients ring only then.

It rings until somebody joins, all have declined, or --lifetime is over; then it
stays in the call while others do, or leaves. --publish, --record and all other
flags are those of join.

Exit code 0 says that somebody came, 1 that nobody did.`,
		Example: `  meshfocus ring --homeserver https://matrix.example.org --state bot --callee @bob:example.org \
      --intent audio --publish announcement.ogg '!room:example.org'`,
		Args: oneRoom("ring", 0),
		RunE: func(c *cobra.Command, args []string) error { return placeRing(c.Context(), std, o, args[0]) },
	}
	f := c.Flags()
	o.addCallFlags(f)
	f.StringArrayVar(&o.callees, "callee", nil, "`USER` to ring, @name:server; repeat for more")
	f.StringVar(&o.intent, "intent", "", "what the call is meant to be: `KIND` audio or video")
	f.BoolVar(&o.quiet, "quiet", false, "ask devices to show the call without a sound")
	f.DurationVar(&o.lifetime, "lifetime", message.RingLifetime, "ring for this `TIME`, 1s to 2m")
	return c
}

// placeRing joins, rings, and stays while somebody is there.
func placeRing(ctx context.Context, std streams, o ringOptions, room string) error {
	switch {
	case o.intent != "" && o.intent != "audio" && o.intent != "video":
		return usage("--intent %q is unknown: audio or video", o.intent)
	case o.lifetime < time.Second || o.lifetime > message.RingCap:
		return usage("--lifetime %s is not possible: 1s to %s", o.lifetime, message.RingCap)
	}
	for _, user := range o.callees {
		if !strings.HasPrefix(user, "@") || !strings.Contains(user, ":") {
			return usage("--callee %q is no user ID: want @name:server", user)
		}
	}
	return o.joinOptions.run(ctx, std, room, func(config *headless.Config) { config.Intent = o.intent },
		func(ctx context.Context, p *headless.Participant, show *display) error {
			return attend(ctx, p, func(ctx context.Context, b *bell) error { return o.beside(ctx, p, b, show) })
		})
}

// caller follows one ring that we place.
type caller struct {
	o       ringOptions
	account *matrix.Account
	room    string
	bell    *bell
	show    *display
	machine *ring.Machine
}

// beside rings, waits for what comes of it, and stays while others do.
func (o ringOptions) beside(ctx context.Context, p *headless.Participant, b *bell, show *display) error {
	c := &caller{o: o, account: p.Account(), room: p.RoomID(), bell: b, show: show}
	if err := c.place(ctx, p.Party()); err != nil || c.machine == nil {
		return err
	}
	for !c.machine.State().Over() {
		facts, heard, err := b.take(ctx, c.machine.Next())
		if err != nil {
			c.act(c.machine.Handle(ring.GiveUp))
			break
		}
		c.hear(heard)
		c.act(c.machine.Observe(ring.Members(facts, message.SlotRoom, time.Now())))
		c.act(c.machine.Tick(time.Now()))
	}
	c.tell()
	if c.machine.State() != ring.Accepted {
		return fmt.Errorf("nobody came: %s", c.outcome())
	}
	untilAlone(ctx, b, p.Party())
	return nil
}

// place waits until we are in the call and sends the notification. No machine
// means that we were asked to stop before.
func (c *caller) place(ctx context.Context, self message.Party) error {
	for {
		facts, _, err := c.bell.take(ctx, time.Time{})
		if err != nil {
			return nil
		}
		members := ring.Members(facts, message.SlotRoom, time.Now())
		at := slices.IndexFunc(members, func(m membership.Member) bool { return m.Party == self })
		if at < 0 {
			continue
		}
		r := ring.Ring{
			Room: c.room, Slot: message.SlotRoom, Intent: c.o.intent, Loud: !c.o.quiet, Lifetime: c.o.lifetime,
			Mentions: whomToRing(c.o.callees, facts.Joined, self.UserID),
		}
		c.machine = ring.Place(self, r, false)
		if c.machine.Observe(members); c.machine.State().Over() {
			return nil // whom we would ring is there
		}
		return c.notify(ctx, r, members[at].EventID)
	}
}

// notify sends the notification, after a slot has been opened for it.
func (c *caller) notify(ctx context.Context, r ring.Ring, member string) error {
	open, err := c.account.OpenSlot(ctx, c.room)
	if err == nil && !open {
		c.show.tell(ringLine{Time: time.Now().UTC(), Event: "note", State: "no slot", Room: c.room, Sender: r.Sender},
			"the room has no open slot and we may not open one: clients of js-sdk 43 will not ring")
	}
	now := time.Now()
	id, err := c.account.Notify(ctx, c.room, message.Notification{
		Slot: r.Slot, Ring: r.Loud, SentAt: now, Lifetime: r.Lifetime, Mentions: r.Mentions, Member: member, Intent: r.Intent,
	})
	if err != nil {
		c.act(c.machine.Handle(ring.SendFailed))
		return err
	}
	c.act(c.machine.Notified(id, now))
	c.tell()
	return nil
}

// hear takes what others say: that they decline, or that they ring.
func (c *caller) hear(heard []ring.Heard) {
	for _, h := range heard {
		switch {
		case message.IsDecline(h.Type):
			if decline, err := message.ParseDecline(h.Content); err == nil {
				c.act(c.machine.DeclinedFrom(h.Sender, decline.Notification))
			}
		case message.IsRingAck(h.Type) && !c.machine.Acknowledged():
			if ack, err := message.ParseRingAck(h.Content); err == nil {
				c.act(c.machine.AcknowledgedFrom(h.Sender, ack.SentAt))
			}
			if c.machine.Acknowledged() {
				line := lineOf(c.machine.Ring(), c.machine.State().String())
				line.RingsAt = h.Sender
				c.show.tell(line, "a device of "+visible(h.Sender)+" rings")
			}
		}
	}
}

// act does what the machine wants but leaving, which comes with our end.
func (c *caller) act(actions []ring.Action) {
	if !slices.Contains(actions, ring.Withdraw) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = c.account.WithdrawNotify(ctx, c.room, message.SlotRoom) // our leave says the same
}

// tell shows how far the ring is.
func (c *caller) tell() {
	line := lineOf(c.machine.Ring(), c.machine.State().String())
	line.AnsweredBy, line.DeclinedBy = c.machine.AnsweredBy(), c.machine.DeclinedBy()
	c.show.tell(line, c.outcome())
}

// outcome words the state of the ring.
func (c *caller) outcome() string {
	declined := visible(strings.Join(c.machine.DeclinedBy(), ", "))
	switch c.machine.State() {
	case ring.Ringing:
		return "ringing " + visible(words(c.machine.Ring().Mentions)) + " for " + c.o.lifetime.String()
	case ring.Accepted:
		return "answered by " + visible(c.machine.AnsweredBy())
	case ring.Declined:
		return "declined by " + declined
	case ring.Expired:
		if declined != "" {
			return "no answer in " + c.o.lifetime.String() + "; declined by " + declined
		}
		return "no answer in " + c.o.lifetime.String()
	}
	return "we gave up"
}

func words(m message.Mentions) string {
	if m.Room {
		return "everybody in the room"
	}
	return strings.Join(m.Users, ", ")
}

// whomToRing gives those named, else the other one of two, else the room.
func whomToRing(named []string, joined map[string]bool, self string) message.Mentions {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(joined)), func(user string) bool { return user == self || !joined[user] })
	switch {
	case len(named) > 0:
		return message.Mentions{Users: named}
	case len(others) == 1:
		return message.Mentions{Users: others}
	}
	return message.Mentions{Room: true}
}
