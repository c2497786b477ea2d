// Package jsep makes offers, answers them and says what was agreed: the rules
// of RFC 9429 for one bundle with rtcp-mux, without ICE, DTLS, sockets or time.
//
// A Session is where a negotiation stands. It is a value: Offer, Answer and
// Accept give the next one and leave the former as it was, so that who keeps
// the former can go back to it. They are given what we would like (a Wish) and
// the parameters of our transport (a Transport), and give text to carry to the
// other side. Once an answer was written or accepted, Agreed is the table of
// what both sides have: for each m-section its mid, direction, payload types,
// header extensions and what the other side sends, and for all of them the
// other side's ICE credentials, fingerprints and candidates and our roles.
//
// # How it is driven
//
// Nothing runs here and nothing is random: whoever owns a Session calls it.
// Before answering, Read the offer and ask Restarts, because an offer with new
// ICE credentials wants new ones of ours in the answer:
//
//	offer, err := jsep.Read(text)
//	if session.Restarts(offer) { … } // new credentials in local
//	session, text, err = session.Answer(offer, local, wish)
//
// # What is said, and what is taken
//
// Written is what RFC 9429 section 5 asks for, with everything in one bundle
// (max-bundle) and its transport repeated in every section, as browsers do it.
// Read is more: attributes and lines that mean nothing here are passed over,
// old forms of the data section (draft-ietf-mmusic-sctp-sdp-05) are
// understood, and a section that cannot be taken is refused alone. An error
// wraps ErrDescription, ErrState or ErrWish and says what was wrong.
//
// Mids, the numbers of payload types and of header extensions never change
// for a section while it lives (RFC 8285 section 7), and mean the same in all
// sections (RFC 9143 sections 9.1.1 and 12).
//
// Simulcast (RFC 8853) is received only: a Line asks for layers once, when it
// is new; the layers of whoever offers some are taken. We send one encoding.
//
// Sections of RFCs are cited where a rule comes from. Payload types and
// extension numbers are those on the wire; sizes are bytes.
package jsep
