package account

import (
	"os/exec"
	"path/filepath"
	"testing"
)

func TestScripts_PassTheirOwnTests(t *testing.T) {
	files, err := filepath.Glob("test/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests found: %v", err)
	}
	run(t, "node", append([]string{"--test"}, files...)...)
}

func TestScripts_HaveTheTypesTheySay(t *testing.T) {
	run(t, "../../../internal/npm/node_modules/.bin/tsc", "-p", "jsconfig.json")
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}
