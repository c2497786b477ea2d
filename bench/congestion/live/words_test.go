package live

import (
	"net/netip"
	"strings"
	"testing"

	"meshfocus/bench/congestion"
	"meshfocus/internal/simnet/discrete"
)

const offered = "v=0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=candidate:1 1 udp 2130706431 fd00::1 4242 typ host\r\na=candidate:2 1 udp 2130706430 127.0.0.1 4000 typ host generation 0\r\na=end-of-candidates\r\n" +
	"a=rtpmap:111 opus/48000/2\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n"

func TestWords_NameTheBottleneckAlone(t *testing.T) {
	address, err := own(offered)
	if err != nil || address != netip.MustParseAddrPort("127.0.0.1:4000") {
		t.Errorf("we are at %v (%v)", address, err)
	}
	if _, err := own(hidden(offered)); err == nil {
		t.Error("a hidden address is found")
	}
	got := far(offered, netip.MustParseAddrPort("127.0.0.1:5000"))
	if strings.Count(got, "a=candidate:") != 1 || !strings.Contains(got, "0.0.0.0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\na=end-of-candidates\r\na=rtpmap:111") {
		t.Errorf("the description is\n%s", got)
	}
}

func TestKinds_ReadHeadersInTheClear(t *testing.T) {
	known := kindsOf(offered)
	packet := func(first, second byte) []byte { return append([]byte{first, second}, make([]byte, 20)...) }
	for _, c := range []struct {
		name string
		of   []byte
		want discrete.Kind
	}{
		{"sound", packet(0x90, 111), discrete.Sound},
		{"the last of a picture", packet(0x90, 0x80|96), discrete.Video},
		{"sent again", packet(0x90, 97), discrete.Repair},
		{"padding", packet(0xb0, 97), discrete.Padding},
		{"a picture with padding", packet(0xb0, 96), discrete.Video},
		{"a report", packet(0x8f, 205), discrete.Feedback},
		{"STUN", packet(0, 1), 0},
		{"DTLS", packet(22, 254), 0},
		{"too short", []byte{0x80, 111}, 0},
	} {
		if got := known.of(c.of); got != c.want {
			t.Errorf("%s is %v", c.name, got)
		}
	}
}

// A frame has the size that is wanted, or that of its picture; the first is a key
// frame of its size (RFC 6386 section 9.1).
func TestPicture_FillsFrames(t *testing.T) {
	for width, ivf := range map[int][]byte{160: small, 320: medium, 640: large} {
		p := newPicture(ivf)
		if len(p.frames) != 4 {
			t.Fatalf("%d frames", len(p.frames))
		}
		for n := range 9 {
			f := p.frame(n, 5000)
			if key := f[0]&1 == 0; len(f) != 5000 || key != (n == 0) {
				t.Errorf("frame %d has %d bytes, key %v", n, len(f), key)
			}
		}
		key := p.frame(0, 1)
		if got := int(key[6]) | int(key[7]&0x3f)<<8; got != width || len(key) < 500 {
			t.Errorf("%d wide, %d bytes", got, len(key))
		}
	}
}

func TestCompare_HoldsTheMedianAgainstReality(t *testing.T) {
	result := func(used, queue float64) congestion.Result {
		return congestion.Result{Figures: []congestion.Figure{{Metric: congestion.Utilisation, Value: used}, {Metric: congestion.Queue95, Value: queue}}}
	}
	trial := Trial{Name: "made up"}
	simulated := []congestion.Result{result(0.9, 20), result(0.2, 500), result(1, 30)}
	for _, c := range []struct {
		used, queue float64
		want        bool
	}{{0.77, 69, true}, {0.76, 69, false}, {0.77, 71, false}, {1.03, 0, true}, {1.04, 0, false}} {
		real := result(c.used, c.queue)
		if got := Held(trial.Compare(simulated, &real)); got != c.want {
			t.Errorf("%v and %v ms: %v", c.used, c.queue, got)
		}
	}
}
