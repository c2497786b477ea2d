package matrix

import "meshfocus/signalling/message"

// Names of the API that only this package needs. Those that stand in events
// and messages are in signalling/message.
const (
	// Fields of a refused delayed event, as servers of 2024 report the limit
	// (MSC4140, older error form).
	fieldMaxDelay = "org.matrix.msc4140.max_delay"
	// capabilityDelayed holds max_delay_ms in the newest text of MSC4140.
	capabilityDelayed = "org.matrix.msc4140.delayed_events"

	typeRoomMember  = "m.room.member"
	typeJoinRules   = "m.room.join_rules"
	typeEncryption  = "m.room.encryption"
	typeCreate      = "m.room.create"
	typePowerLevels = "m.room.power_levels"
	typeRedaction   = "m.room.redaction"
	typeRoomName    = "m.room.name"
	typeAlias       = "m.room.canonical_alias"
	typeIgnored     = "m.ignored_user_list"
)

// callTypes are the state events that facts are made of; roomTypes those that
// are needed beside them.
var (
	callTypes = []string{
		message.TypeCall, message.TypeCallStable,
		message.TypeCallMember, message.TypeCallMemberStable,
		message.TypeSlot, message.TypeSlotStable,
		// In the state only in the first draft; as messages they are sticky.
		message.TypeMember, message.TypeMemberStable,
		message.TypeMemberFamedly,
	}
	roomTypes = []string{typeRoomMember, typeJoinRules, typeEncryption, typeCreate, typePowerLevels}
)

// wellKnownTransportKeys name the list of transports in .well-known, the one
// in real use first (MSC4143, MSC4158).
var wellKnownTransportKeys = []string{"org.matrix.msc4143.rtc_foci", "m.rtc_foci", "org.matrix.msc4158.rtc_foci"}
