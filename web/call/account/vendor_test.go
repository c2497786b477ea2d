package account

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const npmPackage = "../../../internal/npm/node_modules/matrix-js-sdk-43/node_modules/@matrix-org/matrix-sdk-crypto-wasm"

// sumLine is a row of the table in VENDORED.md.
var sumLine = regexp.MustCompile(`(?m)^\| (\S+) \| ([0-9a-f]{64}) \|$`)

func TestVendor_HoldsExactlyWhatThePageSaysAndThePackageHas(t *testing.T) {
	page, err := os.ReadFile("vendor/VENDORED.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"VENDORED.md": true}
	for _, row := range sumLine.FindAllStringSubmatch(string(page), -1) {
		name, want := row[1], row[2]
		stored, body := unpacked(t, name)
		listed[stored] = true
		if got := fmt.Sprintf("%x", sha256.Sum256(body)); got != want {
			t.Errorf("%s has sum %s, VENDORED.md says %s", name, got, want)
		}
		original, err := os.ReadFile(filepath.Join(npmPackage, name))
		if err != nil {
			t.Fatalf("%v; internal/scripts/npm installs the package", err)
		}
		if !bytes.Equal(original, body) {
			t.Errorf("%s is not the one of the npm package", name)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(npmPackage, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`"version": "([^"]+)"`).FindSubmatch(manifest)
	if version == nil || !strings.HasPrefix(string(page), "# @matrix-org/matrix-sdk-crypto-wasm "+string(version[1])+"\n") {
		t.Errorf("VENDORED.md names another version than %s", version)
	}
	err = fs.WalkDir(os.DirFS("vendor"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !listed[name] {
			t.Errorf("vendor/%s is not listed in VENDORED.md", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unpacked reads a vendored file, which may lie there as gzip.
func unpacked(t *testing.T, name string) (stored string, body []byte) {
	t.Helper()
	if body, err := os.ReadFile(filepath.Join("vendor", name)); err == nil {
		return name, body
	}
	packed, err := os.Open(filepath.Join("vendor", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	body, err = io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return name + ".gz", body
}
