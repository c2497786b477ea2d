// Package testcard holds the clip that the lobby plays: ten seconds of a
// moving test picture (VP8, 320x180, 15 frames a second, a key frame every two
// seconds) and a climbing tone (Opus), made to loop without a seam.
//
// It is data, not a player; generate.sh makes it again.
package testcard

import _ "embed"

// Video is an IVF file with VP8.
//
//go:embed card.ivf
var Video []byte

// Audio is an Ogg file with Opus.
//
//go:embed card.ogg
var Audio []byte
