package lib

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// run runs a tool in this folder and fails with what it says.
func run(t *testing.T, tool string, arguments ...string) {
	t.Helper()
	if said, err := exec.Command(tool, arguments...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", tool, err, said)
	}
}

func TestModules_DoAsTheirTestsSay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	run(t, "node", append([]string{"--test", "--test-reporter=spec"}, files...)...)
}

func TestModules_HaveTheTypesTheySay(t *testing.T) {
	run(t, "../../../internal/npm/node_modules/.bin/tsc", "-p", "jsconfig.json")
}
