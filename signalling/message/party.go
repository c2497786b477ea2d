package message

import "unicode/utf16"

// Party is one end of a call: a Matrix user on one of their devices. Both
// strings are opaque; the zero Party is nobody. Comparable, usable as a map key.
type Party struct {
	UserID   string
	DeviceID string
}

// Before reports whether p orders before q, which makes p the caller of the
// pair: users first, devices second, each by UTF-16 code unit as JavaScript
// compares strings (MSC3401 "who calls whom", decision D21).
func (p Party) Before(q Party) bool {
	if p.UserID != q.UserID {
		return lessUTF16(p.UserID, q.UserID)
	}
	return lessUTF16(p.DeviceID, q.DeviceID)
}

// String gives "@user:server/DEVICE" for logs and tables.
func (p Party) String() string { return p.UserID + "/" + p.DeviceID }

func lessUTF16(a, b string) bool {
	x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return len(x) < len(y)
}
