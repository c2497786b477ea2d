package history

// Held is how many things the reader keeps in mind.
func (r *Reader) Held() int {
	held := len(r.rings) + len(r.declines)
	for _, user := range r.users {
		for _, place := range user.places {
			held += 1 + len(place.open)
		}
	}
	for _, all := range r.clusters {
		for _, c := range all {
			held += len(c.stays)
		}
	}
	return held
}

// SweepEvery makes the reader sweep after so many events.
func (r *Reader) SweepEvery(events int) *Reader {
	r.every = events
	return r
}
