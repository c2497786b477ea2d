package message_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/secret"
	"meshfocus/signalling/message"
)

const key16 = "AAECAwQFBgcICQoLDA0ODw"

var rawKey16 = secret.Of([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})

func TestParseMediaKey_ReadsTheFormsThatAreSent(t *testing.T) {
	fresh := message.MediaKey{RoomID: "!r:hs", MemberID: "stay", Index: 3, Key: rawKey16}
	element := message.MediaKey{
		RoomID: "!r:hs", MemberID: "@a:hs:DEV", DeviceID: "DEV", Index: 255, Key: rawKey16, SentAt: time.UnixMilli(1_790_000_000_000).UTC(),
	}
	early := element
	early.MemberID, early.SentAt = "", time.Time{}
	for _, test := range []struct {
		name, eventType, content string
		want                     message.MediaKey
	}{
		{"the newest text", message.TypeMediaKeyStable, `{"room_id":"!r:hs","member_id":"stay","media_key":{"index":3,"key":"` + key16 + `"}}`, fresh},
		{"its unstable name, padded", message.TypeMediaKey, `{"room_id":"!r:hs","member_id":"stay","media_key":{"index":3,"key":"` + key16 + `=="}}`, fresh},
		{"with a format", message.TypeMediaKey, `{"room_id":"!r:hs","member_id":"stay","format":0,"media_key":{"index":3.0,"key":"` + key16 + `"}}`, fresh},
		{"with a version", message.TypeMediaKey, `{"room_id":"!r:hs","member_id":"stay","version":"0","media_key":{"index":3,"key":"` + key16 + `"}}`, fresh},
		{"js-sdk 43", message.TypeMediaKeyElement, `{"keys":{"index":255,"key":"` + key16 + `=="},"room_id":"!r:hs","member":{"claimed_device_id":"DEV","id":"@a:hs:DEV"},
			"session":{"call_id":"","application":"m.call","scope":"m.room"},"sent_ts":1790000000000}`, element},
		{"builds of early 2025", message.TypeMediaKeyElement, `{"keys":{"index":255,"key":"` + key16 + `"},"roomId":"!r:hs","member":{"claimed_device_id":"DEV"}}`, early},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := message.ParseMediaKey(test.eventType, []byte(test.content))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
			if !got.Key.Equal(test.want.Key) {
				t.Error("the key is another")
			}
		})
	}
}

func TestParseMediaKey_TellsAllThatIsWrongAndNeverTheKey(t *testing.T) {
	for _, test := range []struct {
		name, eventType, content string
		want                     []string
	}{
		{"nothing", message.TypeMediaKey, `{}`, []string{"room_id", "member_id", "media_key"}},
		{"no index and a bad key", message.TypeMediaKey, `{"room_id":"!r","member_id":"s","media_key":{"key":"sec=ret"}}`, []string{"media_key.index", "media_key.key"}},
		{"an index beyond", message.TypeMediaKey, `{"room_id":"!r","member_id":"s","media_key":{"index":256,"key":"` + key16 + `"}}`, []string{"media_key.index"}},
		{"half an index", message.TypeMediaKey, `{"room_id":"!r","member_id":"s","media_key":{"index":1.5,"key":"` + key16 + `"}}`, []string{"media_key.index"}},
		{"a short key", message.TypeMediaKey, `{"room_id":"!r","member_id":"s","media_key":{"index":1,"key":"c2VjcmV0"}}`, []string{"media_key.key"}},
		{"a list of keys", message.TypeMediaKeyElement, `{"keys":[{"index":1,"key":"c2VjcmV0"}],"room_id":"!r","member":{}}`, []string{"keys", "member.claimed_device_id"}},
		{"a form of tomorrow", message.TypeMediaKey, `{"room_id":"!r","member_id":"s","format":1,"media_key":{"index":1,"key":"` + key16 + `"}}`, []string{"format"}},
		{"no member", message.TypeMediaKeyElement, `{"keys":{"index":1,"key":"` + key16 + `"},"room_id":"!r"}`, []string{"member"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := message.ParseMediaKey(test.eventType, []byte(test.content))
			var faults message.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("the error is %v", err)
			}
			for _, path := range test.want {
				found := false
				for _, fault := range faults {
					found = found || fault.Path == path
				}
				if !found {
					t.Errorf("%v does not name %s", err, path)
				}
			}
			for _, shown := range []string{"c2VjcmV0", "sec=ret", key16} {
				if strings.Contains(err.Error(), shown) {
					t.Errorf("%v shows the key", err)
				}
			}
		})
	}
	if _, err := message.ParseMediaKey(message.TypeInvite, []byte(`{}`)); !errors.Is(err, message.ErrUnknownType) {
		t.Errorf("an invite: %v", err)
	}
	for eventType, want := range map[string]bool{message.TypeMediaKey: true, message.TypeMediaKeyStable: true, message.TypeMediaKeyElement: true, message.TypeReport: false} {
		if message.IsMediaKey(eventType) != want {
			t.Errorf("%s: not %v", eventType, want)
		}
	}
}

func TestMediaKey_BelongsToOneStayOfOneDevice(t *testing.T) {
	party := message.Party{UserID: "@a:hs", DeviceID: "DEV"}
	for _, test := range []struct {
		name string
		key  message.MediaKey
		want bool
	}{
		{"of the stay", message.MediaKey{MemberID: "stay"}, true},
		{"of another stay", message.MediaKey{MemberID: "before"}, false},
		{"by user and device", message.MediaKey{MemberID: "@a:hs:DEV", DeviceID: "DEV"}, true},
		{"another device is claimed", message.MediaKey{MemberID: "stay", DeviceID: "OTHER"}, false},
		{"of another user", message.MediaKey{MemberID: "@b:hs:DEV"}, false},
		{"only the device", message.MediaKey{DeviceID: "DEV"}, true},
		{"nothing at all", message.MediaKey{}, false},
	} {
		if got := test.key.Of(party, "stay"); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestMediaKey_EncodesWhatIsReadAndRefusesWhatIsNot(t *testing.T) {
	k := message.MediaKey{RoomID: "!r:hs", MemberID: "stay", Index: 7, Key: rawKey16}
	text, err := k.Encode()
	if err != nil || string(text) != `{"media_key":{"index":7,"key":"`+key16+`"},"member_id":"stay","room_id":"!r:hs"}` {
		t.Fatalf("%s, %v", text, err)
	}
	_, err = message.MediaKey{Key: secret.Of([]byte("secret"))}.Encode()
	for _, want := range []string{"room_id", "member_id", "media_key.key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if said := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(said, "13") || strings.Contains(said, "0xd") {
		t.Errorf("it prints its key: %s", said)
	}
}

func FuzzParseMediaKey(f *testing.F) {
	f.Add(uint8(0), []byte(`{"room_id":"!r:hs","member_id":"stay","media_key":{"index":3,"key":"`+key16+`"}}`))
	f.Add(uint8(2), []byte(`{"keys":{"index":255,"key":"`+key16+`=="},"room_id":"!r:hs","member":{"claimed_device_id":"DEV","id":"@a:hs:DEV"},"sent_ts":1e12}`))
	f.Add(uint8(1), []byte(`{"format":0,"media_key":[]}`))
	types := []string{message.TypeMediaKey, message.TypeMediaKeyStable, message.TypeMediaKeyElement}
	f.Fuzz(func(t *testing.T, form uint8, content []byte) {
		eventType := types[int(form)%len(types)]
		k, err := message.ParseMediaKey(eventType, content)
		if err != nil {
			return
		}
		if k.Key.Len() < message.MinMediaKey || k.Key.Len() > message.MaxMediaKey || k.RoomID == "" {
			t.Errorf("%s reads as %+v", content, k)
		}
		if k.MemberID == "" {
			return
		}
		text, err := k.Encode()
		if err != nil {
			return // what is read may be odd, what is written may not
		}
		again, err := message.ParseMediaKey(message.TypeMediaKey, text)
		if err != nil || again.Index != k.Index || !again.Key.Equal(k.Key) || again.MemberID != k.MemberID || again.RoomID != k.RoomID {
			t.Errorf("%+v became %+v, %v", k, again, err)
		}
		if !bytes.Contains(text, []byte(base64.RawStdEncoding.EncodeToString(k.Key.Reveal()))) {
			t.Errorf("%s does not carry the key", text)
		}
	})
}
