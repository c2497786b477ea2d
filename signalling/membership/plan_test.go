package membership_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"

	"pgregory.net/rapid"
)

const us = "@us:hs"

// call is a room in which people join and leave as js-sdk 43 writes it in its
// three modes, and we as the plan says. Every step takes a minute.
type call struct {
	now    time.Time
	count  int
	state  map[string]membership.Event
	sticky map[string]membership.Sticky
	joined map[string]bool
}

func newCall(users ...string) *call {
	c := &call{now: noon, state: map[string]membership.Event{}, sticky: map[string]membership.Sticky{}, joined: map[string]bool{us: true}}
	for _, user := range users {
		c.joined[user] = true
	}
	return c
}

func (c *call) event(eventType, key, user, content string) membership.Event {
	c.count++
	c.now = c.now.Add(time.Minute)
	return membership.Event{
		Type: eventType, StateKey: key, Sender: user, EventID: fmt.Sprintf("$%04d", c.count),
		SentAt: c.now, Content: json.RawMessage(content),
	}
}

func (c *call) write(user, content string) {
	key := message.SessionStateKey(message.Party{UserID: user, DeviceID: "D"}, message.SlotRoom, "")
	c.state[user] = c.event(message.TypeCallMember, key, user, content)
}

func (c *call) stick(user, content string) {
	c.sticky[user] = membership.Sticky{
		Event: c.event(message.TypeMember, "", user, content),
		Until: c.now.Add(message.StickyDuration), Duration: message.StickyDuration,
	}
}

// join writes a LiveKit member in a mode of js-sdk 43.
func (c *call) join(user, mode string) {
	focus := fmt.Sprintf(`{"type":"livekit","livekit_service_url":"https://%s.example"}`, user[1:2])
	session := func(selection string) string {
		return fmt.Sprintf(`{"application":"m.call","call_id":"","scope":"m.room","device_id":"D","membershipID":"%s:D","expires":14400000,`+
			`"focus_active":{"type":"livekit","focus_selection":"%s"},"foci_preferred":[%s]}`, user, selection, focus)
	}
	switch mode {
	case "legacy":
		c.write(user, session("oldest_membership"))
	case "compatibility":
		c.write(user, session("multi_sfu"))
	case "matrix_2_0":
		c.stick(user, fmt.Sprintf(`{"application":{"type":"m.call"},"slot_id":"m.call#ROOM","transports":{"published":[%s],"can_subscribe":["livekit"]},`+
			`"member":{"user_id":%q,"device_id":"D","id":%q},"versions":[],"msc4354_sticky_key":%q}`, focus, user, user, user))
	}
}

// dart writes a member as the Dart SDK does.
func (c *call) dart(user, focus string) {
	c.state[user] = c.event(message.TypeMemberFamedly, user, user, fmt.Sprintf(
		`{"memberships":[{"call_id":"","device_id":"D","expires_ts":%d,"foci_active":[{"type":%q}]}]}`, c.now.Add(time.Hour).UnixMilli(), focus))
}

func (c *call) leave(user string) {
	delete(c.state, user)
	delete(c.sticky, user)
}

func (c *call) facts(without string) membership.Facts {
	facts := membership.Facts{RoomID: "!room:hs", Joined: c.joined}
	for _, user := range slices.Sorted(maps.Keys(c.state)) {
		if user != without {
			facts.State = append(facts.State, c.state[user])
		}
	}
	for _, user := range slices.Sorted(maps.Keys(c.sticky)) {
		if user != without {
			facts.Sticky = append(facts.Sticky, c.sticky[user])
		}
	}
	return facts
}

func (c *call) plan(able membership.Abilities) membership.Plan {
	return membership.PlanJoin(c.facts(""), c.now, able)
}

// follow does what the plan says for us, in the order in which the port would.
func (c *call) follow(t failer, able membership.Abilities) membership.Plan {
	plan := c.plan(able)
	c.leave(us)
	if !plan.Join {
		return plan
	}
	if plan.Form == message.FormSticky {
		content, err := plan.Sticky(message.StickyMember{
			SlotID: message.SlotRoom, StickyKey: "ours", MemberID: "ours", Application: message.ApplicationCall, UserID: us, DeviceID: "D",
		}).Encode()
		if err != nil {
			t.Errorf("sticky membership: %v", err)
		}
		c.stick(us, string(content))
		return plan
	}
	content, err := plan.Session(message.SessionContent{
		Application: message.ApplicationCall, DeviceID: "D", MembershipID: "ours",
	}, c.now.Add(time.Minute)).Encode()
	if err != nil {
		t.Errorf("membership: %v", err)
	}
	c.write(us, string(content))
	return plan
}

// check compares what js-sdk computes with us and without us.
func (c *call) check(t failer, after string) {
	with := jsTransports(jsMembers(c.facts(""), c.now), us)
	without := jsTransports(jsMembers(c.facts(us), c.now), us)
	if !maps.Equal(with, without) {
		t.Errorf("after %s LiveKit members use %v, without us they would use %v", after, with, without)
	}
	for _, s := range membership.Compute(c.facts(""), c.now).Sessions {
		for _, m := range s.Members {
			is := string(s.Transport(m).Raw)
			if is == "" {
				is = "undefined"
			}
			if want, ok := with[m.Party.String()]; ok && is != want {
				t.Errorf("after %s %s uses %s, js-sdk says %s", after, m.Party, is, want)
			}
		}
	}
}

var modes = []string{"legacy", "compatibility", "matrix_2_0"}

func drawAbilities(t *rapid.T) membership.Abilities {
	return membership.Abilities{
		Self:       message.Party{UserID: us, DeviceID: "D"},
		Transports: rapid.SampledFrom([][]string{nil, {"full_mesh", "livekit"}, {"livekit"}}).Draw(t, "transports"),
		Sticky:     rapid.Bool().Draw(t, "sticky"), RumaSafe: rapid.Bool().Draw(t, "ruma safe"),
		Prefer: rapid.SampledFrom([]message.Form{message.FormLeft, message.FormSession, message.FormSticky}).Draw(t, "prefer"),
	}
}

func TestPlanJoin_NeverChangesTheTransportOfALiveKitMember(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		users := []string{"@a:hs", "@b:hs", "@c:hs"}
		c := newCall(users...)
		able := drawAbilities(t)
		for range rapid.IntRange(1, 14).Draw(t, "steps") {
			user := rapid.SampledFrom(append(users, us)).Draw(t, "user")
			action := rapid.SampledFrom(append([]string{"leave", "hour"}, modes...)).Draw(t, "action")
			c.step(t, able, user, action)
			c.check(t, user+" "+action)
		}
	})
}

// step lets somebody do something, or an hour pass. We ask for a plan when we
// join, when our membership is written again, which is when half of its time is
// over at the latest, and, as PlanJoin says, while we are there by a sticky event.
func (c *call) step(t failer, able membership.Abilities, user, action string) {
	switch {
	case action == "hour":
		c.now = c.now.Add(time.Hour)
		if c.joins(us) {
			c.follow(t, able)
		}
	case action == "leave":
		c.leave(user)
	case user == us:
		c.follow(t, able)
	case !c.joins(user):
		c.join(user, action)
		if _, sticky := c.sticky[us]; sticky {
			if plan := c.plan(able); !plan.Join || plan.Form != message.FormSticky {
				c.follow(t, able)
			}
		}
	}
}

func (c *call) joins(user string) bool {
	_, state := c.state[user]
	_, sticky := c.sticky[user]
	return state || sticky
}

func TestPlanJoin_SaysWhatToDoAndWhy(t *testing.T) {
	mesh := `{"application":"m.call","call_id":"","device_id":"D","membershipID":"m","focus_active":{"type":"full_mesh"}}`
	both := []string{"full_mesh", "livekit"}
	slotOr := membership.Abilities{Prefer: message.FormSession, Famedly: true}
	for name, test := range map[string]struct {
		room func(c *call)
		able membership.Abilities
		want string
	}{
		"nobody": {func(*call) {}, membership.Abilities{}, "join session full_mesh behind: Nobody else is in the call."},
		"a mesh": {func(c *call) { c.write("@a:hs", mesh) }, membership.Abilities{RumaSafe: true},
			"join session full_mesh behind safe: @a:hs is in the call. @a:hs connects to us."},
		"a full mesh": {func(c *call) { c.write("@a:hs", mesh); c.write("@b:hs", mesh) }, membership.Abilities{MaxMembers: 2},
			"stay out: The mesh is full: 2 devices are in the call, and we connect to no more than 1. " + string(membership.RuleFull)},
		"LiveKit, which we do not speak": {func(c *call) { c.join("@a:hs", "legacy") }, membership.Abilities{},
			"stay out: @a:hs is in a call over livekit, which we do not speak: nobody there would hear or see us. " + string(membership.RuleAgreement)},
		"LiveKit, which we speak": {func(c *call) { c.join("@a:hs", "compatibility"); c.join("@b:hs", "compatibility") }, membership.Abilities{Transports: both},
			"join session livekit full_mesh behind: @a:hs and @b:hs are in the call. @a:hs finds us on its own transport. @b:hs finds us on its own transport."},
		"a mesh with a LiveKit member": {func(c *call) { c.write("@a:hs", mesh); c.join("@b:hs", "legacy") }, membership.Abilities{},
			"join session full_mesh behind: @a:hs and @b:hs are in the call. @a:hs connects to us. " +
				"@b:hs shows us without sound and picture, and would take our transport if we were the oldest."},
		"LiveKit, with a mesh that came later": {func(c *call) { c.join("@b:hs", "compatibility"); c.write("@a:hs", mesh) }, membership.Abilities{},
			"join session full_mesh behind: @b:hs and @a:hs are in the call. @b:hs shows us without sound and picture. @a:hs connects to us."},
		"sticky": {func(c *call) { c.write("@a:hs", mesh); c.join("@b:hs", "matrix_2_0"); c.write("@c:hs", mesh) },
			membership.Abilities{Sticky: true, Prefer: message.FormSticky},
			"join sticky full_mesh: @a:hs and 2 others are in the call. @a:hs connects to us. @b:hs shows us without sound and picture. @c:hs connects to us."},
		"sticky where one follows the oldest": {func(c *call) { c.write("@a:hs", mesh); c.join("@b:hs", "legacy") },
			membership.Abilities{Sticky: true, Prefer: message.FormSticky},
			"join session full_mesh behind: @a:hs and @b:hs are in the call. @b:hs/D takes the transport of the oldest membership, so we write into the state, " +
				"where we can stand behind it. @a:hs connects to us. @b:hs shows us without sound and picture, and would take our transport if we were the oldest. " +
				string(membership.RuleOldest)},
		"sticky on a homeserver without": {func(*call) {}, membership.Abilities{Prefer: message.FormSticky},
			"join session full_mesh behind: Nobody else is in the call. The homeserver has no sticky events, so we write into the state."},
		"a closed slot": {func(c *call) {
			c.state["slot"] = c.event(message.TypeSlot, message.SlotRoom, "@a:hs", `{"status":"closed"}`)
		}, membership.Abilities{}, "stay out: The room's call is closed: somebody with the power for it has to open it first. " + string(membership.RuleSlotClosed)},
		"the Dart SDK's mesh": {func(c *call) { c.dart("@a:hs", "mesh") }, membership.Abilities{}, "join famedly mesh: @a:hs is in the call. It is the Dart SDK's, so we write its form. @a:hs connects to us."},
		"the Dart SDK's mesh, whose words we speak": {func(c *call) { c.dart("@a:hs", "mesh"); c.dart("@b:hs", "livekit") }, slotOr,
			"join famedly mesh: @a:hs and @b:hs are in the call. It is the Dart SDK's, so we write its form. @a:hs connects to us. " +
				"@b:hs shows us without sound and picture."},
		"the Dart SDK's mesh, whose words we do not speak": {func(c *call) { c.dart("@a:hs", "mesh") }, membership.Abilities{Prefer: message.FormSession},
			"join session full_mesh behind: Nobody else is in the call."},
		"the Dart SDK's mesh, and one in the slot": {func(c *call) { c.dart("@a:hs", "mesh"); c.write("@b:hs", mesh) }, slotOr,
			"join session full_mesh behind: @b:hs is in the call. @b:hs connects to us."},
		"the Dart SDK's mesh, and LiveKit in the slot": {func(c *call) { c.dart("@a:hs", "mesh"); c.join("@b:hs", "legacy") }, slotOr,
			"stay out: @b:hs is in a call over livekit, which we do not speak: nobody there would hear or see us. " + string(membership.RuleAgreement)},
		"the Dart SDK's LiveKit": {func(c *call) { c.dart("@a:hs", "livekit") }, slotOr, "join session full_mesh behind: Nobody else is in the call."},
		"the Dart SDK's mesh, full": {func(c *call) { c.dart("@a:hs", "mesh"); c.dart("@b:hs", "mesh") },
			membership.Abilities{Prefer: message.FormSticky, Famedly: true, MaxMembers: 2},
			"stay out: The mesh is full: 2 devices are in the call, and we connect to no more than 1. " + string(membership.RuleFull)},
		"the Dart SDK's, as told, and one in the slot": {func(c *call) { c.dart("@a:hs", "mesh"); c.write("@b:hs", mesh) },
			membership.Abilities{Prefer: message.FormFamedly}, "join famedly mesh: @a:hs is in the call. @a:hs connects to us."},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCall("@a:hs", "@b:hs", "@c:hs")
			test.room(c)
			test.able.Self = message.Party{UserID: us, DeviceID: "D"}
			if is := tell(membership.PlanJoin(c.facts(""), c.now, test.able)); is != test.want {
				t.Errorf("is   %s\nwant %s", is, test.want)
			}
		})
	}
}

// tell writes a plan in one line.
func tell(plan membership.Plan) string {
	words := []string{"stay out"}
	if plan.Join {
		words = []string{"join", plan.Form.String()}
		for _, focus := range plan.Foci {
			words = append(words, focus.Type)
		}
		if plan.Behind {
			words = append(words, "behind")
		}
		if plan.RumaSafe {
			words = append(words, "safe")
		}
	}
	line := strings.Join(words, " ") + ": " + plan.Why
	for _, view := range plan.Views {
		line += fmt.Sprintf(" %s %s.", view.UserID, view.Sees)
	}
	if plan.Rule != "" {
		line += " " + string(plan.Rule)
	}
	return line
}
