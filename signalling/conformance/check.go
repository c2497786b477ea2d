package conformance

import "context"

// Check is one line of the list.
type Check struct {
	ID    string
	Title string
	Rule  Rule

	role      role
	olm       bool               // what is tried needs Olm
	encrypted bool               // and this an encrypted room
	outside   bool               // the body enters by itself, or looks back only
	fits      func(*bench) error // further conditions; may be nil
	run       func(context.Context, *bench) error
	// provoke does something after which something must not come, instead of
	// run. Neighbours that have it wait beside each other.
	provoke func(context.Context, *bench) (taboo, error)
}

// taboo is what the client must not do.
type taboo struct {
	what string
	is   match
}

// role says whose part it has to be to place the call.
type role uint8

const (
	either role = iota
	ours        // we sort first and call
	theirs      // the client does
)

// page is the document that all lines rest on.
const page = "docs/msc-full-mesh.md"

// Checks is the list, in the order in which it is run. The one that takes longest
// is where the tenth invite is, after which we have to wait (see pace); those
// that look back on the whole run come last.
func Checks() []Check {
	line := func(id, title, section, rule string, role role, run func(context.Context, *bench) error) Check {
		return Check{ID: id, Title: title, Rule: Rule{page, section, rule}, role: role, run: run}
	}
	quiet := func(id, title, section, rule string, provoke func(context.Context, *bench) (taboo, error)) Check {
		return Check{ID: id, Title: title, Rule: Rule{page, section, rule}, role: ours, provoke: provoke}
	}
	outside := func(c Check) Check { c.outside = true; return c }
	where := func(fits func(*bench) error, c Check) Check { c.fits = fits; return c }
	sealed := func(c Check) Check { c.olm = true; return c }
	inSecret := func(c Check) Check { c.encrypted = true; return c }
	return []Check{
		outside(line("member.counts", "its membership counts", "Membership", "every required field is there, in one of the forms", either, memberCounts)),
		quiet("order.waits", "it waits for who sorts first", "Who calls", "only the party that sorts first places calls", orderWaits),
		quiet("session.stale", "it leaves messages for another session alone", "Envelope", "dest_session_id names the receiver's present session", sessionStale),
		quiet("conf.unknown", "it does not answer for a session that is not there", "Envelope", "conf_id names a session that the receiver is in", confUnknown),
		quiet("hangup.tombstone", "a call that was hung up stays dead", "Order", "an invite that comes after its hang-up is dropped", hangupTombstone),
		sealed(inSecret(quiet("clear.refused", "it refuses cleartext in an encrypted room", "Encryption and trust", "in an encrypted room only encrypted messages count", clearRefused))),
		sealed(quiet("device.bound", "it believes the device that encrypted, not device_id", "Encryption and trust", "device_id is the device whose keys encrypted the message", deviceBound)),
		line("order.calls", "it calls whom it sorts before", "Who calls", "the party that sorts first calls as soon as it sees the other's membership", theirs, orderCalls),
		where(alike, line("order.prefix", "it orders users whose IDs begin alike", "Who calls", "user IDs are compared before device IDs are looked at", either, ordered)),
		where(ownDevices, line("order.own_devices", "two devices of one user are ordered", "Who calls", "devices of one user are ordered by device ID", either, ordered)),
		line("invite.answered", "it answers an invite", "Life of a pair", "an invite of a member is answered", ours, inviteAnswered),
		outside(line("invite.early", "it keeps an invite that overtakes the membership", "Order", "messages wait up to 30 s for their sender's membership", ours, inviteEarly)),
		line("candidates.first", "it takes candidates before the answer", "Candidates", "candidates that come before the answer are kept", theirs, candidatesFirst),
		line("seq.hole", "it passes over a hole", "Order", "a hole is waited for two seconds, not for ever", ours, seqHole),
		line("seq.twice", "it drops what comes twice", "Order", "a number that was seen is not acted upon again", ours, seqTwice),
		where(media, line("media.grace", "it keeps media for a while when the delayed leave fires", "Ending", "media that flows goes on for ten seconds after a membership that went without a hang-up, and no longer", either, mediaGrace)),
		where(media, line("media.stops", "it stops media at once for who hangs up", "Ending", "after a hang-up nothing more is sent", either, mediaStops)),
		line("seq.offset", "it takes a call that does not begin at 0", "Order", "the first message of a call may have any number", ours, seqOffset),
		line("seq.none", "it takes messages without a number", "Order", "a message without seq is taken as it comes", ours, seqNone),
		line("version.number", "it takes version as a number", "Envelope", "version is read as a number or a string", ours, versionNumber),
		line("metadata.unstable", "it takes metadata under the unstable key alone", "Streams", "metadata is read from either key", ours, metadataUnstable),
		line("metadata.none", "it takes a peer without metadata", "Streams", "without metadata there is one stream, of user media", ours, metadataNone),
		line("offer.audio", "its offer sends sound", "Life of a pair", "an offer sends at least one audio track", theirs, offerAudio),
		line("offer.silent", "it takes an offer without sound", "Life of a pair", "an offer without sound is answered", ours, offerSilent),
		line("collision.callee", "it goes on when the callee offers too", "Renegotiation", "who placed the call ignores a colliding offer and expects its answer", theirs, collisionCallee),
		line("session.change", "it calls a new session anew", "Life of a pair", "a new session ID ends the old call and begins another", theirs, sessionChange),
		line("hangup.overtakes", "a hang-up acts at once", "Order", "a hang-up is acted upon without waiting for its turn", ours, hangupOvertakes),
		line("size.large", "it takes a large message", "Limits", "messages up to 65 536 bytes are read", ours, sizeLarge),
		outside(line("size.limit", "its messages fit", "Limits", "no message is larger than 65 536 bytes", either, sizeLimit)),
		outside(line("envelope.whole", "its messages have the whole envelope", "Envelope", "every message carries all fields of the envelope", either, envelopeWhole)),
		outside(line("metadata.both", "its metadata stands under both keys", "Streams", "stream metadata is written under both keys", either, metadataBoth)),
		outside(line("seq.dense", "its numbers have no holes", "Order", "the messages of a call are numbered from 0, one by one", either, seqDense)),
		outside(line("select.unnumbered", "select_answer and reject have no number", "Order", "select_answer and reject are not numbered", either, selectUnnumbered)),
		outside(inSecret(line("olm.always", "it encrypts all it says", "Encryption and trust", "in an encrypted room every message is encrypted", either, olmAlways))),
	}
}

// Lines gives the IDs of all checks, in order.
func Lines() (ids []string) {
	for _, c := range Checks() {
		ids = append(ids, c.ID)
	}
	return ids
}
