package srtp

import (
	"testing"

	pion "github.com/pion/srtp/v3"
)

// pionContext makes Pion's counterpart to the ends of someMaster.
func pionContext(t testing.TB, p Profile, options ...pion.ContextOption) *pion.Context {
	t.Helper()
	key, salt := someMaster(t, p).secret()
	context, err := pion.CreateContext(key, salt, pion.ProtectionProfile(p), options...)
	if err != nil {
		t.Fatal(err)
	}
	return context
}
