// Package stamp asks the kernel when it had a datagram (SO_TIMESTAMPNS, socket(7)), which
// is earlier than when a program reads it. Elsewhere than on Linux nothing is known.
package stamp
