package message

// TypeReport is what a meshfocus device sees on its links, told to others of
// its kind in the call, inside Olm only (docs/protocol.md, Signed in). It has
// device_id, room_id and report.
const TypeReport = "org.meshfocus.call.report"
