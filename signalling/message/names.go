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

	// TypeNotification rings (MSC4075), TypeDecline answers that it will not be
	// taken (MSC4310).
	TypeNotification       = "org.matrix.msc4075.rtc.notification"
	TypeNotificationStable = "m.rtc.notification"
	TypeNotificationInvite = "m.rtc.invite" // the newest text; unstable as before
	// TypeNotify and TypeNotifyStable came before, without a lifetime.
	TypeNotify       = "org.matrix.msc4075.call.notify"
	TypeNotifyStable = "m.call.notify"
	// TypeRingAck is a to-device message of the text of June 2026.
	TypeRingAck       = "org.matrix.msc4075.call.ring.ack"
	TypeRingAckStable = "m.call.ring.ack"

	TypeDecline       = "org.matrix.msc4310.rtc.decline"
	TypeDeclineStable = "m.rtc.decline"

	// TypeMediaKey gives a device the key of our frames, see MediaKey;
	// TypeMediaKeyElement is what Element Call sends for that.
	TypeMediaKey        = "org.matrix.msc4143.rtc.encryption_key"
	TypeMediaKeyStable  = "m.rtc.encryption_key"
	TypeMediaKeyElement = "io.element.call.encryption_keys"

	// KeySticky and KeyStickyUnstable name the place of an event in the sticky
	// map (MSC4354): writers send both, readers need one, equal when both.
	KeySticky         = "sticky_key"
	KeyStickyUnstable = "msc4354_sticky_key"

	// TypeEncrypted is the Olm or Megolm envelope.
	TypeEncrypted = "m.room.encrypted"

	// KeyMetadata and KeyMetadataUnstable both name a stream metadata map:
	// writers send both, readers prefer the stable one (D27).
	KeyMetadata         = "sdp_stream_metadata"
	KeyMetadataUnstable = "org.matrix.msc3077.sdp_stream_metadata"
	// KeyTransports holds a member's true transports beside a focus that
	// readers of LiveKit only can parse (decision D4).
	KeyTransports = "meshfocus.rtc_transports"
	// KeyJoined holds when a member joined if its created_ts does not say so,
	// see SessionContent.Behind.
	KeyJoined = "meshfocus.joined_ts"
	// KeyForwards and KeyVia stand beside a mesh, see Route.
	KeyForwards = "org.meshfocus.forwards"
	KeyVia      = "org.meshfocus.via"
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
// that glare with one of our own kind is recognised (decision D22).
const MessageIDPrefix = "meshfocus-"

// Types of the to-device call messages as we write them.
const (
	TypeInvite          = "m.call.invite"
	TypeAnswer          = "m.call.answer"
	TypeSelectAnswer    = "m.call.select_answer"
	TypeCandidates      = "m.call.candidates"
	TypeNegotiate       = "m.call.negotiate"
	TypeMetadataChanged = "m.call.sdp_stream_metadata_changed"
	TypeHangup          = "m.call.hangup"
	TypeReject          = "m.call.reject"
)

// Other spellings of the types: what came before the specification, and what
// the Dart SDK puts in the place of "m.call.".
const (
	prefixStable   = "m.call."
	prefixUnstable = "org.matrix.call."
	prefixFamedly  = "com.famedly.call.member."
)

// signalType is what the type of a message says about its content.
type signalType struct {
	kind    Kind
	dialect Dialect
	// callID and confID say which IDs the writers of the type use.
	callID, confID func(string) bool
}

// kindTypes are the types we write, by kind.
var kindTypes = map[Kind]string{
	Invite:          TypeInvite,
	Answer:          TypeAnswer,
	SelectAnswer:    TypeSelectAnswer,
	Candidates:      TypeCandidates,
	Negotiate:       TypeNegotiate,
	MetadataChanged: TypeMetadataChanged,
	Hangup:          TypeHangup,
	Reject:          TypeReject,
}

// signalTypes are the types we read. Hydrogen still sends the unstable name
// of a metadata change.
var signalTypes = func() map[string]signalType {
	types := map[string]signalType{
		prefixUnstable + "sdp_stream_metadata_changed": {MetadataChanged, DialectMatrix, isCallID, isName},
	}
	for kind, name := range kindTypes {
		types[name] = signalType{kind, DialectMatrix, isCallID, isName}
		types[DialectFamedly.eventType(kind)] = signalType{kind, DialectFamedly, isName, isNameOrEmpty}
	}
	return types
}()

// ignoredTypes are call messages that mean nothing between the devices of a
// mesh: who is on the line, and transfer.
var ignoredTypes = map[string]bool{
	prefixStable + "asserted_identity":   true,
	prefixUnstable + "asserted_identity": true,
	prefixFamedly + "asserted_identity":  true,
	prefixStable + "replaces":            true,
	prefixFamedly + "replaces":           true,
}
