package rival

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func TestProtobuf_ReadsWhatIsWritten(t *testing.T) {
	message := appendVarint(appendBytes(appendBytes(nil, 1, "offer"), 2, []byte{0, 255}), 3, 1<<40)
	message = append(message, 4<<3|wireFixed4, 1, 2, 3, 4, 5<<3|wireFixed8, 1, 2, 3, 4, 5, 6, 7, 8)
	got, err := readProtobuf(message)
	if err != nil || string(got.bytes[1]) != "offer" || !bytes.Equal(got.bytes[2], []byte{0, 255}) || got.number[3] != 1<<40 {
		t.Errorf("%+v, %v", got, err)
	}
	for length := range len(message) {
		// Cut short it is an error, or a message with fewer fields.
		if cut, err := readProtobuf(message[:length]); err == nil && len(cut.bytes)+len(cut.number) > 3 {
			t.Errorf("%d bytes were read as %+v", length, cut)
		}
	}
}

// TestDescription_IsWhatProtobufWrites holds it against the encoding of
// SessionDescription{type: "answer", sdp: "v=0", id: 7} by protoc.
func TestDescription_IsWhatProtobufWrites(t *testing.T) {
	if got, want := string(description("answer", "v=0", 7)), "\x0a\x06answer\x12\x03v=0\x18\x07"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestToken_IsSignedForTheRoom(t *testing.T) {
	parts := strings.Split(site{key: "k", secret: "s", room: "r"}.token("ann", `"canPublish":true`), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !strings.Contains(string(body), `"iss":"k","sub":"ann"`) || !strings.Contains(string(body), `"room":"r"`) || !strings.Contains(string(body), `"roomJoin":true,"canPublish":true`) {
		t.Errorf("%s, %v", body, err)
	}
}

func FuzzProtobuf_NeverPanics(f *testing.F) {
	f.Add([]byte("\x0a\x06answer\x12\x03v=0\x18\x07"))
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := readProtobuf(data)
		if err != nil {
			return
		}
		for _, value := range message.bytes {
			if len(value) > len(data) {
				t.Error("more was read than there is")
			}
		}
	})
}
