package message

// Every unstable Matrix name that this project writes or reads stands here
// and nowhere else (decision D38: write unstable, read both).
const (
	// TypeCall is the MSC3401 call object, a state event keyed by conference ID.
	TypeCall       = "org.matrix.msc3401.call"
	TypeCallStable = "m.call"
	// TypeCallMember carries three incompatible contents, told apart by
	// ParseMember: MSC3401 m.calls, legacy memberships[], per-device state.
	TypeCallMember       = "org.matrix.msc3401.call.member"
	TypeCallMemberStable = "m.call.member"
	// TypeSlot is the MSC4143 slot, TypeMember the sticky or seed membership.
	TypeSlot         = "org.matrix.msc4143.rtc.slot"
	TypeSlotStable   = "m.rtc.slot"
	TypeMember       = "org.matrix.msc4143.rtc.member"
	TypeMemberStable = "m.rtc.member"
	// TypeMemberFamedly is the membership of the Dart SDK's mesh.
	TypeMemberFamedly = "com.famedly.call.member"

	// TypeEncrypted is the Olm or Megolm envelope.
	TypeEncrypted = "m.room.encrypted"

	// KeyMetadata and KeyMetadataUnstable both name a stream metadata map:
	// writers send both, readers prefer the stable one (D27).
	KeyMetadata         = "sdp_stream_metadata"
	KeyMetadataUnstable = "org.matrix.msc3077.sdp_stream_metadata"
	// KeyMessageID makes a message recognisable when it is delivered twice.
	KeyMessageID = "org.matrix.msgid"

	// Feature flags of /versions and query parameters.
	FeatureDelayedEvents = "org.matrix.msc4140"
	FeatureSticky        = "org.matrix.msc4354"
	FeatureTransports    = "org.matrix.msc4143"
	QueryDelay           = "org.matrix.msc4140.delay"
	QuerySticky          = "org.matrix.msc4354.sticky_duration_ms"
	PathDelayedEvents    = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
	PathTransports       = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"

	// SlotRoom is the one slot of application m.call that covers the room.
	// Readers take "", "ROOM" and "room" as equal (D3).
	SlotRoom = "m.call#ROOM"
	// ApplicationCall is the application type of calls.
	ApplicationCall = "m.call"
	// FocusFullMesh is the transport type we write (D5).
	FocusFullMesh = "full_mesh"
)

// MessageIDPrefix starts the org.matrix.msgid of every message we send, so
// that glare with one of our own kind is recognised (full-mesh.md 3.12).
const MessageIDPrefix = "meshfocus-"
