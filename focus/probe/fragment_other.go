//go:build !linux

package probe

// setDontFragment: sizes are measured with fragments allowed.
func setDontFragment(uintptr, bool) error { return errNoFragments }
