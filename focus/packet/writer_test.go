package packet

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtp"

	"meshfocus/internal/unit"
)

// subscriber's numbers, other than those of the publishers below.
var subscriber = map[Extension]uint8{
	MID: 3, AbsSendTime: 4, TransportNumber: 5, AudioLevel: 6, Orientation: 7, Descriptor: 8, RID: 9, RepairedRID: 10, LayersAllocation: 11, SendOffset: 12,
}

// rich is a publisher's packet with elements of every kind.
func rich(t testing.TB) *Packet {
	t.Helper()
	p := &Packet{Bytes: extended(0xBEDE,
		0x10, 'm', 0x20, 'q', 0x32, 1, 2, 3, 0x41, 4, 5, 0x50, 6, 0x60, 7, 0x72, 8, 9, 10, 0x80, 11, 0x92, 12, 13, 14)}
	numbers := extmap(t, map[Extension]uint8{MID: 1, RID: 2, AbsSendTime: 3, TransportNumber: 4, AudioLevel: 5, Orientation: 6, Descriptor: 7, LayersAllocation: 8, SendOffset: 9})
	if err := p.Parse(numbers); err != nil {
		t.Fatal(err)
	}
	return p
}

// judge reads a header with Pion's parser.
func judge(t testing.TB, header []byte) *rtp.Header {
	t.Helper()
	var h rtp.Header
	n, err := h.Unmarshal(header)
	if err != nil || n != len(header) {
		t.Fatalf("%d of %d bytes read: %v", n, len(header), err)
	}
	return &h
}

// values is what a header has under each number.
func values(h *rtp.Header) map[uint8]string {
	found := map[uint8]string{}
	for _, id := range h.GetExtensionIDs() {
		found[id] = string(h.GetExtension(id))
	}
	return found
}

func same(a, b map[uint8]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func TestWriter_WritesTheNumbersOfTheSubscriber(t *testing.T) {
	w := NewWriter(extmap(t, subscriber), false)
	o := &Fields{SSRC: 77, Timestamp: 88, Sequence: 99, PayloadType: 100, Marker: true, TransportNumber: 0x0102, SendTime: 0x030405}
	h := judge(t, w.Append(nil, o, rich(t)))
	if h.SSRC != 77 || h.Timestamp != 88 || h.SequenceNumber != 99 || h.PayloadType != 100 || !h.Marker || h.Padding {
		t.Errorf("wrote %+v", h)
	}
	// RIDs, the allocation of layers and the publisher's own times and mid stay behind.
	want := map[uint8]string{4: "\x03\x04\x05", 5: "\x01\x02", 6: "\x06", 7: "\x07", 8: "\x08\x09\x0a"}
	if got := values(h); !same(got, want) {
		t.Errorf("wrote the elements %q, want %q", got, want)
	}
	if h.ExtensionProfile != oneByteProfile {
		t.Errorf("wrote profile %x", h.ExtensionProfile)
	}
}

func TestWriter_PutsOurElementsBeforeThePublishers(t *testing.T) {
	w := NewWriter(extmap(t, map[Extension]uint8{MID: 3, Descriptor: 8}), false)
	o := &Fields{Own: []Element{{MID, []byte("audio")}, {Descriptor, []byte("new")}, {RID, []byte("unknown to him")}}}
	if got, want := values(judge(t, w.Append(nil, o, rich(t)))), (map[uint8]string{3: "audio", 8: "new"}); !same(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestWriter_TakesTheTwoByteFormWhenItMust(t *testing.T) {
	long := bytes.Repeat([]byte{1}, 17)
	cases := []struct {
		name    string
		numbers map[Extension]uint8
		twoByte bool
		own     []Element
		profile uint16
		want    map[uint8]string
	}{
		{"a long value", map[Extension]uint8{Descriptor: 8}, true, []Element{{Descriptor, long}}, twoByteProfile, map[uint8]string{8: string(long)}},
		{"a long value that is refused", map[Extension]uint8{Descriptor: 8, Orientation: 7}, false, []Element{{Descriptor, long}}, oneByteProfile, map[uint8]string{7: "\x07"}},
		{"no value", map[Extension]uint8{Descriptor: 8}, true, []Element{{Descriptor, nil}}, twoByteProfile, map[uint8]string{8: ""}},
		{"a number above 14", map[Extension]uint8{Orientation: 16}, true, nil, twoByteProfile, map[uint8]string{16: "\x07"}},
		{"a number above 14 that is refused", map[Extension]uint8{Orientation: 16, AudioLevel: 14}, false, nil, oneByteProfile, map[uint8]string{14: "\x06"}},
		{"not because it may", map[Extension]uint8{Orientation: 7}, true, nil, oneByteProfile, map[uint8]string{7: "\x07"}},
		{"not for what goes nowhere", map[Extension]uint8{Orientation: 7}, true, []Element{{MID, long}}, oneByteProfile, map[uint8]string{7: "\x07"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := NewWriter(extmap(t, c.numbers), c.twoByte)
			h := judge(t, w.Append(nil, &Fields{Own: c.own}, rich(t)))
			if got := values(h); h.ExtensionProfile != c.profile || !same(got, c.want) {
				t.Errorf("wrote %q in profile %x, want %q in %x", got, h.ExtensionProfile, c.want, c.profile)
			}
		})
	}
}

func TestWriter_PassesLongElementsOn(t *testing.T) {
	long := bytes.Repeat([]byte{9}, 40)
	p := &Packet{Bytes: extended(0x1000, append([]byte{1, 40}, long...)...)}
	if err := p.Parse(extmap(t, map[Extension]uint8{Descriptor: 1})); err != nil {
		t.Fatal(err)
	}
	numbers := extmap(t, map[Extension]uint8{Descriptor: 2})
	if got, want := values(judge(t, NewWriter(numbers, true).Append(nil, &Fields{}, p))), (map[uint8]string{2: string(long)}); !same(got, want) {
		t.Errorf("wrote %q", got)
	}
	if h := judge(t, NewWriter(numbers, false).Append(nil, &Fields{}, p)); h.Extension {
		t.Errorf("wrote %q to who cannot read it", values(h))
	}
}

func TestWriter_WritesNoExtensionOfNothing(t *testing.T) {
	for name, w := range map[string]*Writer{
		"no numbers":      NewWriter(&Numbers{}, true),
		"nothing to pass": NewWriter(extmap(t, map[Extension]uint8{PlayoutDelay: 1}), true),
	} {
		if got := w.Append(nil, &Fields{}, rich(t)); len(got) != HeaderLen {
			t.Errorf("%s: %d bytes, extension %v", name, len(got), judge(t, got).Extension)
		}
	}
}

func TestWriter_AppendsBehindWhatThereIs(t *testing.T) {
	w := NewWriter(extmap(t, subscriber), true)
	arena := append(make([]byte, 0, 2000), "something"...)
	o := &Fields{SSRC: 1, Padding: true}
	out := w.Append(arena, o, nil)
	if string(out[:9]) != "something" || &out[0] != &arena[0] {
		t.Error("what there was has moved or changed")
	}
	out = AppendPadding(out, 200)
	h, err := Parse(out[9:])
	if err != nil || h.PayloadAt != h.PayloadEnd {
		t.Errorf("padding alone reads %+v, %v", h, err)
	}
	if tight := w.Append(make([]byte, 3, 4), o, nil); !bytes.Equal(tight[3:], out[9:9+int(h.PayloadAt)]) {
		t.Error("where there is no room another header is written")
	}
}

func TestSendTime_IsSecondsIn24Bits(t *testing.T) {
	cases := map[unit.Instant]uint32{
		0:                              0,
		unit.Instant(time.Second):      1 << 18,
		unit.Instant(time.Second / 2):  1 << 17,
		unit.Instant(64 * time.Second): 0,
		unit.Instant(1000*time.Hour + 63*time.Second + 999999999): (1000*3600%64+63)%64<<18 | (1<<18 - 1),
		-unit.Instant(time.Second):                                63 << 18,
	}
	for now, want := range cases {
		if got := SendTime(now); got != want {
			t.Errorf("%v is %d, want %d", time.Duration(now), got, want)
		}
	}
	if got := SendTime(unit.Far); got >= 1<<24 {
		t.Errorf("the end of time is %d", got)
	}
	theirs := rtp.NewAbsSendTimeExtension(time.Unix(1000, 250000000))
	if got := SendTime(unit.Instant(1000*time.Second + 250*time.Millisecond)); (uint64(got)-theirs.Timestamp)&0xFFFFFF%(1<<18) != 0 {
		t.Errorf("a quarter of a second is %#x, Pion says %#x", got, theirs.Timestamp)
	}
}

// An allocation of layers, the names of layers and what is true of the publisher's
// leaving alone do not reach a subscriber, whatever it has agreed to.
func TestWriter_PassesNothingThatIsForUsAlone(t *testing.T) {
	numbers := &Numbers{}
	ours := []Extension{LayersAllocation, RID, RepairedRID, VideoTiming, SendOffset, MID}
	var elements []byte
	for i, e := range ours {
		if err := numbers.Set(e, uint8(i+1)); err != nil {
			t.Fatal(err)
		}
		elements = append(elements, uint8(i+1)<<4, 'x')
	}
	p := &Packet{Bytes: extended(0xBEDE, elements...)}
	if err := p.Parse(numbers); err != nil {
		t.Fatal(err)
	}
	for _, e := range ours {
		if !p.Elements.Has(e) {
			t.Fatalf("%v is not there", e)
		}
	}
	for _, twoByte := range []bool{false, true} {
		if header := NewWriter(numbers, twoByte).Append(nil, &Fields{}, p); len(header) != HeaderLen {
			t.Errorf("passed on as %x", header)
		}
	}
}
