// Package account is the page of someone who has a Matrix account: the browser
// speaks to the homeserver itself by the client-server API, locks its call
// messages with Olm (matrix-sdk-crypto-wasm, vendored) and hands what it finds
// to the call library as a Signaller. docs/decisions says why.
//
// It is JavaScript; Go has only the tests: the modules under Node, their types
// with tsc, the vendored library against its package, and the whole in a
// browser. Package call serves the files.
//
// Its modules, from pure to edge: membership, policy, room, stickies, beat
// (contents and decisions); forms, post (one member event), vault (keys), outbox
// (order and repetition), client (requests); signaller (all of them, in a call)
// and listener (who calls, while there is none); session, rooms, device,
// doorbell, ringview, stage, main (the page).
package account
