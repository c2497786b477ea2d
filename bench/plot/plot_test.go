package plot

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"testing"
)

// What was vendored is what VENDORED.md says.
func TestVendor_IsWhatItSays(t *testing.T) {
	said, err := os.ReadFile("vendor/VENDORED.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"VENDORED.md": true}
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+) \| ([0-9a-f]{64}) \|$`).FindAllStringSubmatch(string(said), -1) {
		content, err := os.ReadFile("vendor/" + row[1])
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != row[2] {
			t.Errorf("%s has sum %x", row[1], sum)
		}
		listed[row[1]] = true
	}
	files, err := os.ReadDir("vendor")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !listed[f.Name()] {
			t.Errorf("%s is not listed", f.Name())
		}
	}
}
