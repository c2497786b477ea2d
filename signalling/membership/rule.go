package membership

// Rule says by which rule a membership does not count, or a plan is as it is:
// the document, the place in it, and the condition that does not hold.
type Rule string

// The rules, in the order in which they are tried. RuleFocus is the one that
// leaves the member in its session: others see it, nobody connects to it.
const (
	// Of every member event.
	RuleReadable Rule = "MSC4143 member events: the content has to be readable in its form"
	RuleKeyOwner Rule = "decision D8: a state key that names a user has to name the sender"
	RuleJoined   Rule = "MSC4143 joining: the sender has to be joined to the room"

	// Of a call object.
	RuleCallReadable Rule = "MSC3401 m.call: m.type and m.intent have to be known"
	RuleCallName     Rule = "MSC3401 m.call: the conference ID must be neither empty nor the ID of a slot"

	// Of a device in m.calls.
	RuleDeviceReadable Rule = "MSC3401 m.devices: device_id, session_id, expires_ts and feeds have to be there"
	RuleUserKey        Rule = "MSC3401 m.call.member: the state key has to be the sender's user ID"
	RuleCallKnown      Rule = "MSC3401 m.calls: m.call_id has to name a call object of the room"
	RuleCallLive       Rule = "MSC3401 m.call: the call must not be terminated"
	RuleDeviceExpired  Rule = "MSC3401 m.devices: expires_ts has to lie in the future"

	// Of a per-device state membership.
	RuleSessionExpired Rule = "MSC4143 per-device state: created_ts (or the time of the event) plus expires has to lie in the future"
	RuleSeedDevice     Rule = "MSC4143 first draft: a content without device_id needs a list of user and device for a state key"
	RuleFocus          Rule = "MSC4143 foci, decision D6: who meets in a session has to use the type of transport it agrees on"

	// Of an entry of memberships[].
	RuleLegacyReadable  Rule = "MSC4143 memberships[]: call_id, device_id and an expiry have to be there"
	RuleLegacyExpired   Rule = "MSC4143 memberships[]: expires_ts, or created_ts plus expires, has to lie in the future"
	RuleFamedlyReadable Rule = "matrix-dart-sdk call memberships: call_id, device_id, expires_ts and foci_active have to be there"
	RuleFamedlyBackend  Rule = "matrix-dart-sdk call memberships: the first focus has to be of type mesh or livekit"
	RuleFamedlyExpired  Rule = "matrix-dart-sdk call memberships: expires_ts has to be less than six minutes ago"

	// Of a sticky membership and its slot.
	RuleStickyKey     Rule = "MSC4354 sticky map: the content has to have a sticky key, the same under both names"
	RuleStickyEnded   Rule = "MSC4354 sticky map: the event has to be sticky still"
	RuleSlotReadable  Rule = "MSC4143 slots: status has to be open or closed, and an open slot needs the application of its key"
	RuleSlotClosed    Rule = "MSC4143 joining: the slot must not be closed"
	RuleClaimedUser   Rule = "decision D7: the user a member claims to be has to be the sender"
	RuleClaimedDevice Rule = "decision D7: the device a member claims to be has to be the one that encrypted the event"
	RuleDevice        Rule = "MSC4143 member events: without a claimed device the event has to be encrypted, which says the device"

	// Of two memberships that agree on session and device.
	RuleForm   Rule = "MSC4143 member events: of one device in one session sticky counts before state, state before memberships[]"
	RuleNewest Rule = "MSC4143 member events: of two memberships of one device in one session the newest counts"

	// Of a plan.
	RuleAgreement Rule = "MSC4143 transports: who joins has to share a type of transport with the members"
	RuleFull      Rule = "decision D6: a mesh takes no more members than every one of them can serve"
	RuleOldest    Rule = "decision D4: who takes the transport of the oldest membership must not be given one it cannot use"
)
