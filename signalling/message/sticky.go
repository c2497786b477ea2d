package message

// Generation says after which text a sticky membership was written.
type Generation uint8

// The generations of the sticky rtc.member, by what carries the transports.
const (
	// GenerationUnknown: a leave, which carries none.
	GenerationUnknown Generation = iota
	// GenerationList: rtc_transports and versions (js-sdk 39 to 42).
	GenerationList
	// GenerationPublished: transports{published, can_subscribe} (js-sdk 43).
	GenerationPublished
	// GenerationNewest: as published, with member.membership and without user
	// and device in the content (MSC4143 since July 2026).
	GenerationNewest
)

// LeaveReason says why a member left; for display only (decision D11).
type LeaveReason struct {
	Code   string // leave, delayed_leave, slot_closed, transport_error, …
	Reason string // for people
}

// StickyMember is the content of a sticky rtc.member, decrypted, in any of its
// generations.
type StickyMember struct {
	Generation  Generation
	Left        bool
	LeaveReason LeaveReason
	// StickyKey is the place in the sticky map (MSC4354), never empty.
	StickyKey   string
	SlotID      string // as written; "" in the leave of js-sdk 39 to 42
	Application string
	Intent      string // m.call.intent, "" when absent
	MemberID    string // member.id
	// UserID and DeviceID are what the content claims, as member.user_id and
	// device_id or claimed_user_id and claimed_device_id (MSC4196); "" in the
	// newest text, where sender and encryption say it.
	UserID, DeviceID string
	Transports       Transports
	Versions         []string
	Faults           Faults
}
