// Package simulcast is the room for layers: several encodings of one source,
// and how to choose among them and join them without a seam.
//
// It is empty so far. The headless party sends one layer, which it reads from
// a file, and nothing is forwarded yet, so there is nothing to choose.
package simulcast
