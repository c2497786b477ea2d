package membership

// Rule says by which rule a membership does not count: the document, the
// place in it, and the condition that does not hold.
type Rule string

// The rules, in the order in which they are tried. RuleFocus is the one that
// leaves the member in its session: others see it, nobody connects to it.
const (
	// Of every member event.
	RuleReadable Rule = "MSC4143 member events: the content has to be readable in its form"
	RuleForm     Rule = "MSC4143 member events: the form has to be one we read, m.calls or per-device state"
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
	RuleFocus          Rule = "MSC4143 foci: who meets in a session has to use the transport of its oldest member"

	// Of two memberships that agree on session and device.
	RuleNewest Rule = "MSC4143 member events: of two memberships of one device in one session the newest counts"
)
