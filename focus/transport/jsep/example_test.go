package jsep_test

import (
	"fmt"

	"meshfocus/focus/transport/jsep"
)

// Two sides agree on a call: one sends sound, the other sound and a picture.
func Example() {
	wire := jsep.Transport{
		Ufrag: "frag", Password: "0123456789abcdefghijkl",
		Fingerprints: []jsep.Fingerprint{{Algorithm: "sha-256", Value: "00:11:22:33"}},
		Candidates:   []string{"candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"}, Complete: true,
	}
	voice := jsep.Track{Stream: "alice", ID: "voice", Sources: []jsep.Source{{SSRC: 1}}}
	camera := jsep.Track{Stream: "alice", ID: "camera", Sources: []jsep.Source{{SSRC: 2, RTX: 3}}}
	both := jsep.Wish{Lines: []jsep.Line{{Name: "audio", Kind: jsep.Audio, Track: &voice}, {Name: "video", Kind: jsep.Video, Track: &camera}}}
	sound := jsep.Wish{Lines: both.Lines[:1]}

	alice, bob := jsep.New(jsep.Config{ID: 1, CName: "a"}), jsep.New(jsep.Config{ID: 2, CName: "b"})
	alice, offer, err := alice.Offer(wire, both)
	if err != nil {
		panic(err)
	}
	read, err := jsep.Read(offer)
	if err != nil {
		panic(err)
	}
	bob, answer, err := bob.Answer(read, wire, sound)
	if err != nil {
		panic(err)
	}
	if read, err = jsep.Read(answer); err != nil {
		panic(err)
	}
	if alice, err = alice.Accept(read); err != nil {
		panic(err)
	}
	fmt.Println("alice is the", alice.Agreed().Role)
	for i, s := range bob.Agreed().Sections {
		fmt.Println(s.Kind, s.Direction, s.Formats[0].Codec.Name, alice.Agreed().Sections[i].Direction)
	}
	// Output:
	// alice is the server
	// audio sendrecv opus sendrecv
	// video recvonly VP8 sendonly
}
