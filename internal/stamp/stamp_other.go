//go:build !linux

package stamp

import "net"

// Ask does nothing here.
func Ask(*net.UDPConn) {}

// Of knows nothing here.
func Of([]byte) (at int64, known bool) { return 0, false }
