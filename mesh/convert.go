package mesh

import (
	"meshfocus/focus/transport"
	"meshfocus/signalling/message"
)

// The two wings have a description and a candidate each; here is where they
// are turned into each other.

func toTransport(d message.Description) transport.Description {
	return transport.Description{Type: d.Type, SDP: d.SDP}
}

func toMessage(d transport.Description) message.Description {
	return message.Description{Type: d.Type, SDP: d.SDP}
}

func candidatesToTransport(list []message.Candidate) []transport.Candidate {
	converted := make([]transport.Candidate, len(list))
	for i, c := range list {
		converted[i] = transport.Candidate{
			Candidate: c.Candidate, Mid: c.SDPMid, MLineIndex: c.SDPMLineIndex, UsernameFragment: c.UsernameFragment,
		}
	}
	return converted
}

func candidatesToMessage(list []transport.Candidate) []message.Candidate {
	converted := make([]message.Candidate, len(list))
	for i, c := range list {
		converted[i] = message.Candidate{
			Candidate: c.Candidate, SDPMid: c.Mid, SDPMLineIndex: c.MLineIndex, UsernameFragment: c.UsernameFragment,
		}
	}
	return converted
}
