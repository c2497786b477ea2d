package matrix

import "errors"

// Errors that a caller branches on. They come wrapped with who and what was
// tried; the whole message reads as one line.
var (
	// ErrUnreachable: nothing that speaks Matrix answers at the address.
	ErrUnreachable = errors.New("no Matrix homeserver answers")
	// ErrBadLogin: the homeserver refused user and password.
	ErrBadLogin = errors.New("the homeserver refused user or password")
	// ErrBadToken: the access token is unknown, expired or logged out. Run
	// ends with it; nothing of the account stays usable.
	ErrBadToken = errors.New("the homeserver does not know this access token")
	// ErrNotAllowed: the room, the event or the request is forbidden to us.
	ErrNotAllowed = errors.New("not allowed")
	// ErrNotFound: there is no such room, alias or event.
	ErrNotFound = errors.New("not found")
	// ErrPower: our power level in the room is too low for an event we must
	// write. It comes with ErrNotAllowed.
	ErrPower = errors.New("power level too low")
	// ErrTakenOver: another process with our device has joined the call, and
	// the newer one stays.
	ErrTakenOver = errors.New("another process with this device has joined the call")
	// ErrForeignKeys: our device has published other encryption keys than the
	// ones we hold.
	ErrForeignKeys = errors.New("the device has other encryption keys")
	// ErrStateInUse: another process works with the state directory.
	ErrStateInUse = errors.New("the state directory is in use by another process")
	// ErrStateMismatch: the state directory belongs to another account.
	ErrStateMismatch = errors.New("the state directory belongs to another account")

	// ErrObsolete ends a signal that could not be delivered in its time.
	ErrObsolete = errors.New("signal given up, its time is over")
	// ErrUntrusted ends a signal to a device that the trust policy excludes.
	ErrUntrusted = errors.New("device is not trusted")
	// ErrNoKeys ends a signal that has to be encrypted to a device that
	// publishes no keys.
	ErrNoKeys = errors.New("device publishes no encryption keys")
	// ErrNoSession: the device has keys, but no Olm session came about (no
	// one-time key left, or one with a bad signature). Retried until obsolete.
	ErrNoSession = errors.New("no Olm session with the device")
	// ErrClosed: the account is closed or its Run has ended.
	ErrClosed = errors.New("account closed")
)
