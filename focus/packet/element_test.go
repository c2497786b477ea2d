package packet

import (
	"bytes"
	"errors"
	"testing"
)

// extmap gives a few extensions their numbers.
func extmap(t testing.TB, pairs map[Extension]uint8) *Numbers {
	t.Helper()
	var numbers Numbers
	for e, number := range pairs {
		if err := numbers.Set(e, number); err != nil {
			t.Fatal(err)
		}
	}
	return &numbers
}

// extended is a packet with the elements in a header extension of the profile,
// and "payload" behind.
func extended(profile uint16, elements ...byte) []byte {
	for len(elements)%4 != 0 {
		elements = append(elements, 0)
	}
	length := len(elements) / 4
	return joined(with(0x90), []byte{byte(profile >> 8), byte(profile), byte(length >> 8), byte(length)}, elements, []byte("payload"))
}

func TestElements_FindsWhatIsKnown(t *testing.T) {
	numbers := extmap(t, map[Extension]uint8{MID: 1, AudioLevel: 2, Descriptor: 14, Orientation: 200})
	cases := []struct {
		name string
		data []byte
		want map[Extension]string
	}{
		{"none", with(0x80), nil},
		{"one", extended(0xBEDE, 0x10, 'm'), map[Extension]string{MID: "m"}},
		{"several", extended(0xBEDE, 0x20, 5, 0x12, 'm', 'i', 'd', 0xE0, 9), map[Extension]string{MID: "mid", AudioLevel: "\x05", Descriptor: "\x09"}},
		{"padding between", extended(0xBEDE, 0, 0, 0x20, 5, 0, 0, 0, 0x10, 'm'), map[Extension]string{MID: "m", AudioLevel: "\x05"}},
		{"an unknown one is passed over", extended(0xBEDE, 0x41, 1, 2, 0x10, 'm'), map[Extension]string{MID: "m"}},
		{"the first of two counts", extended(0xBEDE, 0x10, 'a', 0x10, 'b'), map[Extension]string{MID: "a"}},
		{"number 15 ends it", extended(0xBEDE, 0x10, 'm', 0xF7, 0x20, 5), map[Extension]string{MID: "m"}},
		{"padding with a length ends it", extended(0xBEDE, 0x10, 'm', 0x01, 7, 7, 0x20, 5), map[Extension]string{MID: "m"}},
		{"sixteen bytes", extended(0xBEDE, append([]byte{0x1F}, "sixteen bytes in"...)...), map[Extension]string{MID: "sixteen bytes in"}},
		{"two-byte form", extended(0x1000, 1, 3, 'm', 'i', 'd', 0, 200, 1, 7, 2, 0), map[Extension]string{MID: "mid", Orientation: "\x07", AudioLevel: ""}},
		{"the figure of RFC 8285 section 4.2", extended(0xBEDE, 0x10, 'a', 0x21, 'b', 'c', 0, 0, 0xE3, 'd', 'e', 'f', 'g'), map[Extension]string{MID: "a", AudioLevel: "bc", Descriptor: "defg"}},
		{"the figure of RFC 8285 section 4.3", extended(0x1000, 1, 0, 2, 1, 'b', 0, 14, 4, 'd', 'e', 'f', 'g'), map[Extension]string{MID: "", AudioLevel: "b", Descriptor: "defg"}},
		{"number 15 is nothing there", extended(0x1000, 15, 1, 1, 1, 1, 'm'), map[Extension]string{MID: "m"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := &Packet{Bytes: c.data}
			if err := p.Parse(numbers); err != nil {
				t.Fatal(err)
			}
			for e := None; e < extensions; e++ {
				want, has := c.want[e]
				if p.Elements.Has(e) != has || string(p.Value(e)) != want {
					t.Errorf("%v is %q", e, p.Value(e))
				}
			}
		})
	}
}

func TestElements_RefusesWhatReachesBeyondTheEnd(t *testing.T) {
	numbers := extmap(t, map[Extension]uint8{MID: 1})
	for name, data := range map[string][]byte{
		"one-byte form":              extended(0xBEDE, 0, 0, 0x11, 1),
		"one-byte form, unknown":     extended(0xBEDE, 0, 0, 0x41, 1),
		"two-byte form":              extended(0x1000, 0, 1, 2, 1),
		"two-byte form, no length":   extended(0x1000, 0, 0, 0, 1),
		"two-byte form, all of bits": extended(0x100F, 1, 255, 0, 1),
	} {
		p := &Packet{Bytes: data}
		if err := p.Parse(numbers); !errors.Is(err, ErrExtension) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestElements_ForgetsThePacketBefore(t *testing.T) {
	numbers := extmap(t, map[Extension]uint8{MID: 1})
	p := &Packet{Bytes: extended(0xBEDE, 0x10, 'm')}
	if err := p.Parse(numbers); err != nil || !p.Elements.Has(MID) {
		t.Fatal(err)
	}
	p.Bytes = with(0x80)
	if err := p.Parse(numbers); err != nil || p.Elements.Has(MID) || p.Value(MID) != nil {
		t.Errorf("%v, and a mid of %q", err, p.Value(MID))
	}
}

func TestNumbers_AreOneForEachMeaning(t *testing.T) {
	var numbers Numbers
	for _, number := range []uint8{0, 15} {
		if err := numbers.Set(MID, number); !errors.Is(err, ErrNumber) {
			t.Errorf("number %d: %v", number, err)
		}
	}
	if err := errors.Join(numbers.Set(MID, 1), numbers.Set(MID, 1), numbers.Set(RID, 255)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"taken by another": numbers.Set(RID, 1), "of nothing": numbers.Set(None, 3), "of what there is not": numbers.Set(extensions, 3),
	} {
		if !errors.Is(err, ErrNumber) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := numbers.Set(MID, 4); err != nil || numbers.Meaning(1) != None || numbers.Meaning(4) != MID || numbers.Number(MID) != 4 {
		t.Errorf("moved to 4: %v, and %v has 1, %v has 4", err, numbers.Meaning(1), numbers.Meaning(4))
	}
	if err := numbers.Set(RID, 1); err != nil || numbers.Meaning(255) != None {
		t.Errorf("the number that is free again: %v", err)
	}
}

func TestExtension_HasItsNameInDescriptions(t *testing.T) {
	for e := None + 1; e < extensions; e++ {
		if e.String() == "" || ExtensionOf(e.String()) != e {
			t.Errorf("%d is called %q, which is %d", uint8(e), e, ExtensionOf(e.String()))
		}
	}
	for _, uri := range []string{"", "urn:ietf:params:rtp-hdrext:toffset:2"} {
		if got := ExtensionOf(uri); got != None {
			t.Errorf("%q is %v", uri, got)
		}
	}
	if got := extensions.String(); got != "Extension(16)" {
		t.Errorf("one too many is called %q", got)
	}
	set := Set(MID, SendOffset)
	for e := None; e < extensions; e++ {
		if set.Has(e) != (e == MID || e == SendOffset) {
			t.Errorf("the set has %v wrong", e)
		}
	}
	if !bytes.Equal((&Packet{Bytes: plain}).Value(MID), nil) {
		t.Error("a packet that was not read has a mid")
	}
}
