package foreign

// wireSituations is what is on the wire in other forms than the libraries can
// be made to send.
func wireSituations() []situation {
	var all []situation
	for _, variant := range []struct{ name, about string }{
		{"plain", "a caller and a callee without a library"},
		{"bare", "descriptions without candidates, which come later one by one"},
		{"gathered", "descriptions with all candidates, of which none comes later"},
		{"unnumbered", "messages without seq"},
		{"sound first", "a call for sound only, to which a negotiate adds the picture"},
		{"unnamed", "nothing says what the stream is for"},
		{"sparse", "no party, invitee nor lifetime, and the version is a number"},
	} {
		all = append(all, situation{
			name: "wire: " + variant.name, about: variant.about, kinds: []Kind{Raw},
			run: func(s *scene) { s.wire(variant.name) },
		})
	}
	return all
}

// wire has a peer of a variant call our party, and another be called.
func (s *scene) wire(variant string) {
	s.Helper()
	party := s.party(middle)
	var peers []*Peer
	for _, name := range []string{first, last} {
		peer := s.peer(Raw, name)
		peer.Join(Wish{Room: s.room, Variant: variant})
		peers = append(peers, peer)
	}
	s.star(party, peers...)
	for _, peer := range peers {
		peer.Leave()
		s.gone(party, peer)
	}
}
