package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestBytes_AreNotSeenWhoeverPrintsThem(t *testing.T) {
	raw := []byte("sixteen bytes ok")
	within := struct {
		Name string
		Key  Bytes
		Many []Bytes
	}{"a key", Of(raw), []Bytes{Of(raw)}}
	var said bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%08b"} {
		fmt.Fprintf(&said, verb+"\n", within.Key)
		fmt.Fprintf(&said, verb+"\n", within)
		fmt.Fprintf(&said, verb+"\n", &within)
	}
	fmt.Fprintln(&said, fmt.Errorf("cannot use %v of %w", within, fmt.Errorf("%v", within.Key)))
	text, err := json.Marshal(within)
	if err != nil {
		t.Fatal(err)
	}
	said.Write(text)
	slog.New(slog.NewTextHandler(&said, nil)).Info("a key", "key", within.Key, "all", within)
	slog.New(slog.NewJSONHandler(&said, nil)).Info("a key", "key", within.Key, "all", within)
	for name, shape := range map[string]string{
		"text": string(raw), "hex": hex.EncodeToString(raw), "HEX": strings.ToUpper(hex.EncodeToString(raw)),
		"base64": base64.StdEncoding.EncodeToString(raw), "numbers": strings.Trim(fmt.Sprint(raw), "[]"),
		"a byte": fmt.Sprintf("0x%x, 0x%x", raw[0], raw[1]),
	} {
		if strings.Contains(said.String(), shape) {
			t.Errorf("it was printed as %s", name)
		}
	}
	if !strings.Contains(said.String(), hidden) {
		t.Error("nothing says that something is hidden")
	}
}

func TestBytes_AreACopyAndCompareAsTheyAre(t *testing.T) {
	raw := []byte{1, 2, 3}
	kept := Of(raw)
	raw[0] = 9
	if !bytes.Equal(kept.Reveal(), []byte{1, 2, 3}) || kept.Len() != 3 {
		t.Error("it changed with what it was made of")
	}
	if !kept.Equal(Of([]byte{1, 2, 3})) || kept.Equal(Of([]byte{1, 2})) || kept.Equal(Bytes{}) || !(Bytes{}).Equal(Bytes{}) {
		t.Error("equal is not equal")
	}
}
