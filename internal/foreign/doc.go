// Package foreign is a bench on which calls with clients that nobody here
// wrote are tried: GroupCall of matrix-js-sdk 43 and 36 and Hydrogen, as
// published on npm, in headless Chromium with its fake camera and microphone.
//
// It is not a part of the program. Its pages (peers/) drive the libraries by
// their public interfaces; where a library cannot make a variant of the wire
// format, raw.js speaks it without a library. A Workshop bundles the pages and
// serves them, a Peer is one page in a call, a Home a homeserver with rooms
// for it, and a Grid what came of it all. The situations and our own parties
// are in the tests: `go test` tries one, `make interop` all.
//
// Everything is driven from one test's goroutine. Bytes are payload bytes,
// brightness runs from 0 to 255.
package foreign
