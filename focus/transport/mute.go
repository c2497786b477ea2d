package transport

import "time"

// mute silences a layer of a LocalTrack as the track is. It is owned by the source.
//
// What a muted track sends is what browsers do: no picture at all, and of
// sound a silent frame every 400 ms as a discontinuous Opus sender has it.
// Time goes on meanwhile, and a picture comes back with a key frame, because
// who receives it cannot know what is missing.
type mute struct {
	on      bool
	quiet   time.Duration // since the last silent frame
	keyless bool          // unmuted, and no key frame was written yet
}

// SetMuted stops or resumes sending to every connection. It may be called from
// any goroutine; the next sample that is written obeys. Peers are to be told
// with stream metadata (MSC3291), which is not this package's matter.
func (t *LocalTrack) SetMuted(muted bool) {
	if t.muted.Swap(muted) && !muted && t.config.Kind == Video {
		t.askKeyFrame()
	}
}

// Muted reports what SetMuted said last.
func (t *LocalTrack) Muted() bool { return t.muted.Load() }

// hear gives what of a sample is sent, nothing if its data is empty.
func (m *mute) hear(muted bool, sample Sample, kind Kind, key bool) Sample {
	m.follow(muted)
	switch {
	case m.on && kind == Audio:
		if m.quiet += sample.Duration; m.quiet >= silenceInterval {
			m.quiet = 0
			sample.Data = silentFrame
			return sample
		}
	case !m.on && (kind == Audio || !m.keyless || key):
		m.keyless = false
		return sample
	}
	sample.Data = nil
	return sample
}

// passes reports whether a packet that was made elsewhere is sent. There are
// no silent packets between those of another numbering.
func (m *mute) passes(muted bool, kind Kind, key bool) bool {
	m.follow(muted)
	if m.on || kind == Video && m.keyless && !key {
		return false
	}
	m.keyless = false
	return true
}

// follow takes over what is wanted.
func (m *mute) follow(wanted bool) {
	if wanted != m.on {
		m.on, m.quiet, m.keyless = wanted, silenceInterval, true
	}
}
