// Package keying decides about the keys of encrypted frames: when our own is
// made anew, whom it is given to and from when on it is used (Rotation), and
// which of the keys that others send counts for whom (Keychain).
//
// It is pure: events and instants in, actions out. It sends nothing, encrypts
// nothing (focus/cryptor does) and makes no chance of its own. One loop drives
// it, that which knows the members: it says who they are, gives every Share to
// the device, tells with Sent what became of it, and calls Tick at Deadline.
//
// The rules are those of MSC4143 (per-member keys) with what js-sdk 43 does in
// RTCEncryptionManager.ts where the text leaves it open:
//
//	event            key younger than Grace      older                  during a round
//	first members    made, used at once
//	one joins        gets the present key        a round                gets the key of the round
//	one leaves       a round                     a round                one more round after it
//	key older than MaxAge                        a round                one more round after it
//
// A round makes the next key, gives it to every member and then uses it. One
// runs at a time, and whatever happens while it does costs one more and not
// one each. A key that none of the members has is replaced without a round. A
// device that comes back in another stay has left and joined.
//
// # When the next key is used
//
// Not before those who shall see the frames have it, and not so late that who
// has left sees much of them: a second after the homeserver took the last
// message of the round, which is what one sync takes, and at most five seconds
// after its beginning, for a device whose message goes round in retries. js-sdk
// waits one second in any case, and the text names five as an example.
//
// # How long a key is used
//
// Six hours. Under one key no IV may come twice; see focus/cryptor, where that
// needs another key within 13 hours.
package keying
