package mediafile

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"meshfocus/focus/internal/testclip"
	"meshfocus/focus/transport"
)

// tape is a Writer that notes what comes and when.
type tape struct {
	start    time.Time
	requests chan struct{}
	mu       sync.Mutex
	written  []written
	came     chan struct{}
}

type written struct {
	at  time.Duration
	rtp time.Duration // the sum of the durations before
	key bool
	// empty: it holds nothing, and lets time pass.
	empty bool
}

func newTape() *tape {
	return &tape{start: time.Now(), requests: make(chan struct{}, 1), came: make(chan struct{}, 1000)}
}

func (p *tape) WriteSample(sample transport.Sample) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := written{at: time.Since(p.start), key: transport.Inspect(transport.VP8, sample.Data).Key, empty: len(sample.Data) == 0}
	if len(p.written) > 0 {
		w.rtp = p.written[len(p.written)-1].rtp
	}
	w.rtp += sample.Duration
	p.written = append(p.written, w)
	return nil
}

func (p *tape) WriteRTP([]byte) error {
	p.came <- struct{}{}
	return nil
}

func (p *tape) KeyFrameRequests() <-chan struct{} { return p.requests }

// pretend makes a clip without a file: VP8 with a key frame every so many
// pictures, or sound.
func pretend(codec transport.Codec, count int, distance time.Duration, keys int) *Clip {
	c := &Clip{name: "pretend", codec: codec, close: func() error { return nil }}
	for i := range count {
		data := []byte{0x11, 0, 0}
		if i%keys == 0 {
			data = []byte("\x10\x02\x00\x9d\x01\x2a\xa0\x00\x78\x00\x00\x47")
		}
		c.entries = append(c.entries, entry{at: time.Duration(i) * distance, data: data, key: i%keys == 0})
	}
	if err := c.finish(); err != nil {
		panic(err)
	}
	return c
}

// playFor plays for a time.
func playFor(t *testing.T, length time.Duration, parts ...Part) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	if err := Play(ctx, parts...); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Play ended with %v", err)
	}
}

func TestPlay_PacesAndKeepsSoundAndPictureTogetherOverManyRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture, sound := newTape(), newTape()
		// Two seconds of pictures; of sound 20 ms more, as encoders do it.
		playFor(t, time.Minute,
			Part{pretend(transport.VP8, 50, 40*time.Millisecond, 25), picture},
			Part{pretend(transport.Opus, 101, 20*time.Millisecond, 1), sound})
		for name, tape := range map[string]*tape{"picture": picture, "sound": sound} {
			for i := 1; i < len(tape.written); i++ {
				if w := tape.written[i]; w.at != tape.written[i-1].rtp {
					t.Fatalf("%s: sample %d written at %s, its RTP time says %s", name, i, w.at, tape.written[i-1].rtp)
				}
			}
		}
		round := 2020 * time.Millisecond
		for n := range 29 {
			if at := picture.written[n*50].at; at != time.Duration(n)*round {
				t.Fatalf("picture: round %d begins at %s, want %s", n, at, time.Duration(n)*round)
			}
			if at := sound.written[n*101].at; at != time.Duration(n)*round {
				t.Fatalf("sound: round %d begins at %s, want %s", n, at, time.Duration(n)*round)
			}
		}
	})
}

func TestPlay_GoesOnAtTheNextKeyFrameWhenAskedForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture, sound := newTape(), newTape()
		go func() {
			time.Sleep(time.Second) // in the first of two groups of five seconds
			picture.requests <- struct{}{}
		}()
		playFor(t, 20*time.Second,
			Part{pretend(transport.VP8, 250, 40*time.Millisecond, 125), picture},
			Part{pretend(transport.Opus, 500, 20*time.Millisecond, 1), sound})
		var keys []time.Duration
		for i, w := range picture.written {
			if w.key {
				keys = append(keys, w.at)
			}
			if i > 0 && w.at-picture.written[i-1].at != 40*time.Millisecond {
				t.Errorf("picture %d comes %s after the one before, want 40ms", i, w.at-picture.written[i-1].at)
			}
		}
		// Second key frame at 1.04 s instead of at 5 s, then as in the file.
		want := []time.Duration{0, 1040 * time.Millisecond, 6040 * time.Millisecond, 11040 * time.Millisecond, 16040 * time.Millisecond}
		if len(keys) != len(want) {
			t.Fatalf("key frames at %v, want %v", keys, want)
		}
		for i := range want {
			if d := keys[i] - want[i]; d < -40*time.Millisecond || d > 40*time.Millisecond {
				t.Errorf("key frame %d at %s, want about %s", i, keys[i], want[i])
			}
		}
		// The sound skipped the same: its round ends with the picture's.
		for i := 1; i < len(sound.written); i++ {
			if gap := sound.written[i].at - sound.written[i-1].at; gap < 5*time.Millisecond || gap > 35*time.Millisecond {
				t.Errorf("sound %d comes %s after the one before", i, gap)
			}
		}
	})
}

// Of several sizes all go on at the next key frame that they have in common.
func TestPlay_SizesOfOnePictureGoOnTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small, large := newTape(), newTape()
		go func() {
			time.Sleep(time.Second)
			small.requests <- struct{}{}
		}()
		playFor(t, 3*time.Second, // key frames each second, and each three seconds
			Part{pretend(transport.VP8, 250, 40*time.Millisecond, 25), small},
			Part{pretend(transport.VP8, 250, 40*time.Millisecond, 75), large})
		for name, tape := range map[string]*tape{"small": small, "large": large} {
			if keys := tape.keys(); len(keys) < 2 || keys[len(keys)-1] < 2*time.Second && name == "small" {
				t.Errorf("%s: key frames at %v", name, keys)
			}
		}
		if at := large.keys()[1]; at < time.Second || at > 1080*time.Millisecond {
			t.Errorf("the large one goes on at %v, want 1.04s", at)
		}
	})
}

// One that has no key frame there is silent until its next: what comes before refers to
// pictures that were skipped. Its time goes on.
func TestPlay_ASizeWithoutAKeyFrameIsSilentUntilItsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small, large := newTape(), newTape()
		go func() {
			time.Sleep(time.Second)
			small.requests <- struct{}{}
		}()
		playFor(t, 6*time.Second, // at 0, 2, 4 … and at 0, 3.4, 6.8 …
			Part{pretend(transport.VP8, 200, 40*time.Millisecond, 50), small},
			Part{pretend(transport.VP8, 200, 40*time.Millisecond, 85), large})
		silent := 0
		for i, w := range large.written {
			if w.empty {
				silent++
			} else if i > 0 && large.written[i-1].empty && !w.key {
				t.Errorf("picture %d goes on without a key frame", i)
			}
		}
		if silent < 34 || silent > 36 {
			t.Errorf("%d pictures are silent, want the 35 between 2 and 3.4 s", silent)
		}
		for _, tape := range []*tape{small, large} {
			for i := 1; i < len(tape.written); i++ {
				if w := tape.written[i]; w.at != tape.written[i-1].rtp {
					t.Fatalf("sample %d written at %s, its RTP time says %s", i, w.at, tape.written[i-1].rtp)
				}
			}
		}
	})
}

// keys is when key frames were written.
func (p *tape) keys() (at []time.Duration) {
	for _, w := range p.written {
		if w.key {
			at = append(at, w.at)
		}
	}
	return at
}

func TestPlay_DoesNotSkipForEveryViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture := newTape()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		go func() {
			for ctx.Err() == nil {
				select {
				case picture.requests <- struct{}{}:
				case <-ctx.Done():
				}
			}
		}()
		_ = Play(ctx, Part{pretend(transport.VP8, 1000, 40*time.Millisecond, 125), picture})
		keys := 0
		for _, w := range picture.written {
			if w.key {
				keys++
			}
		}
		if keys < 18 || keys > 22 {
			t.Errorf("%d key frames in 10 s of constant asking, want one every half second", keys)
		}
	})
}

func TestPlay_MovesTheTimeLineAfterALongStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture := &sleepy{tape: newTape()}
		playFor(t, 10*time.Second, Part{pretend(transport.VP8, 50, 40*time.Millisecond, 25), picture})
		burst := 0
		for i := 1; i < len(picture.written); i++ {
			if picture.written[i].at == picture.written[i-1].at {
				burst++
			}
		}
		if burst > 1 {
			t.Errorf("%d pictures in one burst after the stop", burst)
		}
	})
}

// sleepy is a writer that hangs once.
type sleepy struct{ *tape }

func (s *sleepy) WriteSample(sample transport.Sample) error {
	if len(s.written) == 20 {
		time.Sleep(3 * time.Second)
	}
	return s.tape.WriteSample(sample)
}

func TestPlay_EndsWithTheErrorOfAFile(t *testing.T) {
	path := testclip.Make(t, "vp8.ivf", 0.2)
	clip := openClip(t, path)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if err := Play(t.Context(), Part{clip, newTape()}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names the file", err)
	}
}

func TestInput_PassesPacketsOn(t *testing.T) {
	input, err := ListenRTP(netip.MustParseAddrPort("127.0.0.1:0"), transport.VP8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.Close() }()
	sender, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(input.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	writer := newTape()
	go func() { ended <- Play(ctx, Part{input, writer}) }()
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96}, Payload: []byte{0x10, 0x11}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := sender.Write(raw); err != nil {
			t.Fatal(err)
		}
		<-writer.came
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Play ended with %v", err)
	}
}

func TestInput_SaysWhichPacketsAreTooLong(t *testing.T) {
	input, err := ListenRTP(netip.MustParseAddrPort("127.0.0.1:0"), transport.VP8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.Close() }()
	sender, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(input.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	if _, err := sender.Write(make([]byte, 1460)); err != nil {
		t.Fatal(err)
	}
	if err := Play(t.Context(), Part{input, newTape()}); err == nil || !strings.Contains(err.Error(), "pkt_size") {
		t.Errorf("Play ended with %v, want the advice to use shorter packets", err)
	}
}
