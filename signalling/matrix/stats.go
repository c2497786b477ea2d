package matrix

// Stats counts since Open. All values only grow, but Queued.
type Stats struct {
	// Encrypted and Clear are received signals that were handed on.
	Encrypted, Clear uint64
	// RefusedClear came in cleartext where encryption is required, or in the
	// name of a device that encrypts.
	RefusedClear uint64
	// Unproven came through Olm, but not from the device they name, or from
	// one the trust policy excludes.
	Unproven uint64
	// Unreadable could not be decrypted or parsed.
	Unreadable uint64
	// Foreign are to-device messages that are no signals.
	Foreign uint64

	// Sent signals were taken by the homeserver, GivenUp ones were not.
	Sent, GivenUp uint64
	// Retries are attempts that failed and were, or will be, repeated.
	Retries uint64
	// Queued signals wait or are on their way.
	Queued int64
}

// Stats gives a snapshot. Any goroutine may call it.
func (a *Account) Stats() Stats {
	return Stats{
		Encrypted: a.inbox.encrypted.Load(), Clear: a.inbox.clear.Load(),
		RefusedClear: a.inbox.refusedClear.Load(), Unproven: a.inbox.unproven.Load(),
		Unreadable: a.inbox.unreadable.Load(), Foreign: a.inbox.foreign.Load(),
		Sent: a.outbox.sent.Load(), GivenUp: a.outbox.givenUp.Load(),
		Retries: a.outbox.retries.Load(), Queued: a.outbox.queued.Load(),
	}
}
