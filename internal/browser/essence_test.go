package browser

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEssence_IsTheEndWithoutTraces(t *testing.T) {
	var said []string
	for i := range 20 {
		said = append(said, fmt.Sprintf("15:04:05.000 trace: step %d", i), fmt.Sprintf("15:04:05.000 log: %d %s", i, strings.Repeat("ä", 300)))
	}
	lines := Essence(said)
	if len(lines) != 15 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, fmt.Sprintf("15:04:05.000 log: %d ", i+5)) || utf8.RuneCountInString(line) != 200 || !utf8.ValidString(line) {
			t.Errorf("line %d is %q", i, line)
		}
	}
	if few := Essence([]string{"15:04:05.000 trace: x", "15:04:05.000 uncaught: y"}); len(few) != 1 || few[0] != "15:04:05.000 uncaught: y" {
		t.Errorf("of few lines it keeps %q", few)
	}
	if len(Essence(nil)) != 0 {
		t.Error("of nothing it makes something")
	}
}

// A console.error of a page with the same words is not excused: it does not come this way.
func TestOfTheMachine_IsWhatNoPageCanHelp(t *testing.T) {
	if !ofTheMachine("The AudioContext encountered an error from the audio device or the WebAudio renderer.") {
		t.Error("a starved audio device is held against the page")
	}
	if ofTheMachine("Failed to load resource: net::ERR_CONNECTION_REFUSED") {
		t.Error("what the page asked for is not held against it")
	}
}
