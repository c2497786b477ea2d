package srtp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

var profiles = []Profile{AES128CMSHA1, AES128GCM, AES256GCM}

func TestNewKeys_CutsMaterialAsRFC5764Says(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			material := bytes.Join([][]byte{
				bytes.Repeat([]byte{'c'}, p.keyLen()), bytes.Repeat([]byte{'s'}, p.keyLen()),
				bytes.Repeat([]byte{'C'}, p.saltLen()), bytes.Repeat([]byte{'S'}, p.saltLen()),
			}, nil)
			keys, err := NewKeys(p, material)
			if err != nil {
				t.Fatal(err)
			}
			clear(material)
			for _, want := range []struct {
				of        Master
				key, salt string
			}{{keys.Client, "c", "C"}, {keys.Server, "s", "S"}} {
				key, salt := want.of.secret()
				if got := string(key); got != strings.Repeat(want.key, p.keyLen()) {
					t.Errorf("key %q, want all %q", got, want.key)
				}
				if got := string(salt); got != strings.Repeat(want.salt, p.saltLen()) {
					t.Errorf("salt %q, want all %q", got, want.salt)
				}
				if want.of.Profile() != p {
					t.Errorf("profile %v, want %v", want.of.Profile(), p)
				}
			}
		})
	}
}

func TestKeys_OfTheWrongShapeAreRefused(t *testing.T) {
	for _, p := range profiles {
		for _, size := range []int{0, p.MaterialLen() - 1, p.MaterialLen() + 1} {
			if _, err := NewKeys(p, make([]byte, size)); !errors.Is(err, ErrKeyLength) {
				t.Errorf("%v, %d bytes: %v, want ErrKeyLength", p, size, err)
			}
		}
		if _, err := NewMaster(p, make([]byte, p.keyLen()), make([]byte, p.saltLen()+1)); !errors.Is(err, ErrKeyLength) {
			t.Errorf("%v, salt too long: %v, want ErrKeyLength", p, err)
		}
	}
	const unknown Profile = 0x0002 // HMAC_SHA1_32, which nobody should use
	if _, err := NewKeys(unknown, nil); !errors.Is(err, ErrProfile) {
		t.Errorf("%v, want ErrProfile", err)
	}
	if _, err := NewMaster(unknown, nil, nil); !errors.Is(err, ErrProfile) {
		t.Errorf("%v, want ErrProfile", err)
	}
	if _, err := NewSealer(Master{}); !errors.Is(err, ErrProfile) {
		t.Errorf("sealer without a key: %v, want ErrProfile", err)
	}
	if _, err := NewOpener(Master{}); !errors.Is(err, ErrProfile) {
		t.Errorf("opener without a key: %v, want ErrProfile", err)
	}
}

// Nothing of a key may come out of any way of printing what holds it, be it
// itself, something behind a pointer, or a field that package fmt reads without
// asking.
func TestKeys_AreNeverPrinted(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			material := []byte(strings.Repeat("#key material#", 7))[:p.MaterialLen()]
			keys, err := NewKeys(p, material)
			if err != nil {
				t.Fatal(err)
			}
			s, o := ends(t, keys.Client)
			hidden := struct {
				keys   Keys
				master *Master
				sealer *Sealer
				opener *Opener
			}{keys, &keys.Client, s, o}
			for name, value := range map[string]any{
				"Keys": keys, "*Keys": &keys, "Master": keys.Client, "*Master": &keys.Server,
				"Sealer": s, "Opener": o, "in unexported fields": hidden, "behind a pointer": &hidden,
				"in a slice": []Master{keys.Client}, "in a map": map[string]Master{"a": keys.Server},
			} {
				checkSilent(t, name, value, material)
			}
		})
	}
}

func checkSilent(t *testing.T, name string, value any, material []byte) {
	t.Helper()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%p", "%T"} {
		fmt.Fprintf(&out, verb+"\n", value)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
	if marshalled, err := json.Marshal(value); err == nil {
		out.Write(marshalled)
	}
	said := strings.ToLower(out.String())
	for _, piece := range []string{
		"#key", "material", // as it is
		hex.EncodeToString(material[:4]),       // in hexadecimal
		fmt.Sprintf("% x", material[:4]),       // with spaces
		fmt.Sprint(material[:4])[1:10],         // in decimal
		fmt.Sprintf("%#v", material[:4])[7:20], // in Go's syntax
	} {
		if strings.Contains(said, piece) {
			t.Errorf("%s: says %q in\n%s", name, piece, out.String())
		}
	}
}

func TestMaster_EqualsItselfAlone(t *testing.T) {
	key, salt := make([]byte, 16), make([]byte, 12)
	master := func() Master {
		m, err := NewMaster(AES128GCM, key, salt)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := master()
	if again := master(); !first.Equal(again) || !again.Equal(first) {
		t.Error("the same key and salt are two masters")
	}
	for _, change := range []*byte{&key[15], &salt[0]} {
		*change++
		if first.Equal(master()) {
			t.Error("others are the same")
		}
		*change--
	}
	if (Master{}).Equal(Master{}) || first.Equal(Master{}) {
		t.Error("no key is the same as another")
	}
}
