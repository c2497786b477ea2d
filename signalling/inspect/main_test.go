package inspect

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// Some of these tests wait for what does not come, so all wait together.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err) // the flag has gone from package testing
	}
	goleak.VerifyTestMain(m)
}
