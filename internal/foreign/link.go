package foreign

import (
	"fmt"
	"strings"
)

// Link is what one end of a call sees of one other party.
type Link struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id"`
	// State is that of the connection in WebRTC's words, "none" without one.
	State string `json:"state"`
	// Words are the library's own for the state of the call.
	Words    string `json:"words"`
	Sent     Volume `json:"sent"`
	Received Volume `json:"received"`
	// Frames are decoded pictures; of our headless party, which does not
	// decode, whole ones.
	Frames uint64 `json:"frames"`
	// Energy is that of the sound played out (totalAudioEnergy of
	// webrtc-stats). It stands still in silence.
	Energy float64 `json:"energy"`
	// Layers counts the encodings of the picture that are sent.
	Layers int `json:"layers"`
	// Path is the kind of the near candidate and of the far one.
	Path string `json:"path"`
	// Ufrag is the near end's ICE user name, another after each restart.
	Ufrag   string   `json:"ufrag"`
	Streams []Stream `json:"streams"`
	// Blind ends count what arrives and neither see nor hear it.
	Blind bool `json:"-"`
}

// Volume counts payload bytes.
type Volume struct {
	AudioBytes uint64 `json:"audio_bytes"`
	VideoBytes uint64 `json:"video_bytes"`
}

// Stream is a stream of the other party that the library shows.
type Stream struct {
	Purpose    string `json:"purpose"`
	AudioMuted bool   `json:"audio_muted"`
	VideoMuted bool   `json:"video_muted"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	// Mean and Spread are those of the brightness over the picture; Change is
	// the mean difference to the picture of the look before.
	Mean   float64 `json:"mean"`
	Spread float64 `json:"spread"`
	Change float64 `json:"change"`
}

// Stream finds the stream of a purpose.
func (l Link) Stream(purpose string) (Stream, bool) {
	for _, s := range l.Streams {
		if s.Purpose == purpose {
			return s, true
		}
	}
	return Stream{}, false
}

// Limits of what counts as a picture and as sound. The fake camera's and the
// test card's pictures spread over more than 20 and change by more than 0.1
// between two looks; the fake microphone's beep adds 0.001 a second or more.
const (
	leastSpread = 4.0
	leastChange = 0.02
	leastEnergy = 1e-6
	leastFrames = 8
)

// Media is what is looked for on a link.
type Media struct {
	AudioIn, VideoIn, AudioOut, VideoOut bool
}

// Both is sound and picture in both directions.
func Both() Media { return Media{AudioIn: true, VideoIn: true, AudioOut: true, VideoOut: true} }

// Missing says what has not come to pass between two looks at a link that
// carries the media; empty if all has. Change is gathered by the caller in
// now, because a single pair of looks can show equal pictures.
func (m Media) Missing(before, now Link) []string {
	if now.State != "connected" {
		return []string{"the connection is " + now.State}
	}
	var missing []string
	lacks := func(is bool, words string, args ...any) {
		if !is {
			missing = append(missing, fmt.Sprintf(words, args...))
		}
	}
	if m.AudioOut {
		lacks(now.Sent.AudioBytes > before.Sent.AudioBytes, "no sound is sent")
	}
	if m.VideoOut {
		lacks(now.Sent.VideoBytes > before.Sent.VideoBytes, "no picture is sent")
	}
	if m.AudioIn {
		lacks(now.Received.AudioBytes > before.Received.AudioBytes, "no sound arrives")
		lacks(now.Blind || now.Energy-before.Energy > leastEnergy, "what arrives is silence")
	}
	if m.VideoIn {
		lacks(now.Received.VideoBytes > before.Received.VideoBytes, "no picture arrives")
		lacks(now.Frames >= before.Frames+leastFrames, "%d frames were decoded", now.Frames-min(now.Frames, before.Frames))
		missing = append(missing, now.unseen()...)
	}
	return missing
}

// unseen says what is wrong with the picture that is shown.
func (l Link) unseen() []string {
	if l.Blind {
		return nil
	}
	s, shown := l.Stream("m.usermedia")
	switch {
	case !shown:
		return []string{"no user media is shown"}
	case s.Width == 0:
		return []string{"the picture has no size"}
	case s.Spread < leastSpread:
		return []string{fmt.Sprintf("the picture is blank: brightness %.0f, spread %.1f", s.Mean, s.Spread)}
	case s.Change < leastChange:
		return []string{"the picture is frozen"}
	}
	return nil
}

// String is one line for a report of what went wrong.
func (l Link) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s %s (%s) out %d+%d in %d+%d bytes, %d frames, energy %.2g, path %s, layers %d",
		l.UserID, l.DeviceID, l.State, l.Words, l.Sent.AudioBytes, l.Sent.VideoBytes, l.Received.AudioBytes, l.Received.VideoBytes, l.Frames, l.Energy, l.Path, l.Layers)
	for _, s := range l.Streams {
		fmt.Fprintf(&b, "; %s %dx%d muted %t/%t mean %.0f spread %.1f change %.2f", s.Purpose, s.Width, s.Height, s.AudioMuted, s.VideoMuted, s.Mean, s.Spread, s.Change)
	}
	return b.String()
}
