package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport"
)

func TestSafeName_KeepsHostileNamesHarmless(t *testing.T) {
	tests := map[string]string{
		"@alice:example.org/DEVICE": "alice_example.org_DEVICE",
		"../../etc/passwd":          "etc_passwd",
		"..":                        "participant",
		"":                          "participant",
		"/":                         "participant",
		".hidden":                   "hidden",
		"-rf":                       "rf",
		"a\x00b\nc":                 "a_b_c",
		"C:\\windows":               "C__windows",
		"名前":                        "participant",
		strings.Repeat("x", 300):    strings.Repeat("x", 100),
	}
	for name, want := range tests {
		if got := SafeName(name); got != want {
			t.Errorf("SafeName(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	f.Add("@alice:example.org/DEVICE")
	f.Add("../..")
	f.Fuzz(func(t *testing.T, name string) {
		safe := SafeName(name)
		if safe == "" || len(safe) > maxName || safe[0] == '.' || safe[0] == '-' || filepath.Base(safe) != safe || strings.ContainsAny(safe, "/\\\x00") {
			t.Errorf("SafeName(%q) = %q", name, safe)
		}
	})
}

func TestFile_NumbersFilesOfOneName(t *testing.T) {
	directory := t.TempDir()
	sample := transport.Sample{Codec: transport.Opus, Data: []byte{0xf8}, KeyFrame: true, Arrived: time.Now()}
	for _, want := range []string{"a_b.webm", "a_b-2.webm", "a_b-3.webm"} {
		file := NewFile(directory, "a/b", nil)
		if err := file.write("camera", sample); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if file.Path() != filepath.Join(directory, want) {
			t.Errorf("file is %s, want %s", file.Path(), want)
		}
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 3 {
		t.Errorf("%d files, want 3", len(entries))
	}
}
