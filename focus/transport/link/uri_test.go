package link

import "testing"

func TestParseURI_ReturnsForWhateverStandsBehindBrackets(t *testing.T) {
	for text, want := range map[string]int{
		"stun:[::1]": 3478, "stun:[::1]:5": 5, "turns:[::1]?transport=tcp": 5349, "turn:a:1?transport=udp": 1, "stun:a": 3478,
		"stun:[::1]X": 0, "stun:[::1]]": 0, "turn:[::1]x:5": 0, "turn:[::1][::1]": 0, "stun:[": 0, "stun:": 0, "": 0, "a]b": 0,
	} {
		port := 0
		if uri, err := ParseURI(text); err == nil {
			port = uri.Port
		}
		if port != want {
			t.Errorf("%q has port %d, want %d", text, port, want)
		}
	}
}

func FuzzParseURI_Returns(f *testing.F) {
	for _, text := range []string{"stun:[::1]X\xf33", "turn:[a]b:3478", "stun:[::1]#x", "turns:[::1]:5?transport=tcp"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) { _, _ = ParseURI(text) })
}
