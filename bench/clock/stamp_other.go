//go:build !linux

package clock

import "net"

func stamped(*net.UDPConn) {}

func came(_ []byte, seen int64) int64 { return seen }
