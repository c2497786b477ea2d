// Package scenario is situations in which servers, meshes and homeservers are
// measured, as data: who publishes how much, who receives it, what happens
// meanwhile, and what is looked at. Pure: nothing here runs anything.
//
// A scenario is a YAML document (Parse); the library holds those that come with
// the program, and says of each what it stands for. Rates are packets a second,
// of one publisher unless it says otherwise.
package scenario

import (
	"time"

	"meshfocus/focus/transport/srtp"
)

// Kind is what a scenario looks at.
type Kind string

// The kinds.
const (
	// Cost: processor time of a forwarded packet, and its latency, at a rate.
	Cost Kind = "cost"
	// Capacity: the rate up to which no more than MaxLoss is lost.
	Capacity Kind = "capacity"
	// Memory: what a subscriber takes.
	Memory Kind = "memory"
	// Call: what people see and hear of each other: how soon, how late, how whole.
	Call Kind = "call"
	// Mesh: participants who connect each with each.
	Mesh Kind = "mesh"
	// Messages: to-device messages by way of a homeserver.
	Messages Kind = "messages"
	// Storm: devices that join a room of a homeserver at once.
	Storm Kind = "storm"
	// Relay: processor time of a packet that a TURN server relays, and its latency.
	Relay Kind = "relay"
)

// MaxLoss is how much a server may lose and still count as keeping up.
const MaxLoss = 0.001

// Scenario is one situation. In the kinds of servers that forward every
// subscriber receives from every publisher.
type Scenario struct {
	Name string `yaml:"name"`
	// Says is the situation in a few words, for tables: "1 → 50, 100 k/s, even";
	// StandsFor whom it matters to, in a sentence.
	Says      string `yaml:"says"`
	StandsFor string `yaml:"stands-for"`
	Kind      Kind   `yaml:"kind"`
	// Rivals are the targets besides ours that it is for.
	Rivals []string `yaml:"rivals"`

	Publishers  int `yaml:"publishers"`
	Subscribers int `yaml:"subscribers"`
	// Rate is that of each publisher, in bursts of so many packets that leave
	// together; of a search for the capacity, where it begins; of Messages, those
	// of all devices together; of a Relay, those of an allocation each way.
	Rate  float64 `yaml:"rate"`
	Burst int     `yaml:"burst"`
	// Cipher is the only one that parties offer.
	Cipher Cipher `yaml:"cipher"`
	// Tick is for servers that can gather what leaves for so long at most; 0 is as
	// they come, below 0 lets everything leave at once.
	Tick Tick `yaml:"tick"`
	// Lanes is how many cores the server has.
	Lanes int `yaml:"lanes"`
	// Sample lets parties receive one packet in so many, where receiving all
	// would be what limits; 0 is all.
	Sample int `yaml:"sample"`
	// Layers is how many encodings each publisher sends, each at half the rate of
	// the next, the last at Rate; subscribers are spread over them. 0 is one.
	Layers int `yaml:"layers"`
	// Scalable publishers of a Call send their layers in one stream (SVC), three of VP9.
	Scalable bool `yaml:"scalable"`
	// Lose is the part of what arrives that subscribers ask for again.
	Lose float64 `yaml:"lose"`

	// Codec is what publishers of a Call send, with sound in Opus.
	Codec string `yaml:"codec"`
	// Source and Sound are files that publishers of a Call send instead: IVF with VP8,
	// VP9 or AV1, or H.264 in annex B form, whose codec it is then, and Ogg Opus. In a
	// scenario of a file they are where that is. "" is the pictures and sound of ours.
	Source string `yaml:"source"`
	Sound  string `yaml:"sound"`
	// Leave is how often a subscriber of a Call, or a party of a Mesh, leaves and another joins, and Change how
	// often subscribers want another layer. 0 is never.
	Leave  time.Duration `yaml:"leave"`
	Change time.Duration `yaml:"change"`
	// Speak is how often another publisher of a Call begins to speak, whose largest
	// layer all want, and of the others the smallest. 0 is never.
	Speak time.Duration `yaml:"speak"`
	// Path is what lies between server and subscribers of a Call, from so long after
	// the beginning on; nil is nothing.
	Path []Stretch `yaml:"path"`

	// Parties of a Mesh, Devices of Messages and Storm.
	Parties int `yaml:"parties"`
	Devices int `yaml:"devices"`
	// Allocations of a Relay.
	Allocations int `yaml:"allocations"`
	// Delay is by how much each request to the homeserver is late.
	Delay time.Duration `yaml:"delay"`
}

// Stretch is what a path is like from an instant on.
type Stretch struct {
	From time.Duration `yaml:"from"`
	// Bandwidth is bit/s of IP packets, 0 without bound; Delay one way; Loss a part
	// of 1, at random; Queue how long a packet may wait.
	Bandwidth int64         `yaml:"bandwidth"`
	Delay     time.Duration `yaml:"delay"`
	Loss      float64       `yaml:"loss"`
	Queue     time.Duration `yaml:"queue"`
}

// Tick is a time, or "off", which is below 0.
type Tick time.Duration

// Cipher is the name of a protection profile of SRTP.
type Cipher string

// The ciphers, by names for people.
const (
	GCM Cipher = "aes-gcm"
	CM  Cipher = "aes-cm"
)

// Profile gives the one of SRTP.
func (c Cipher) Profile() srtp.Profile {
	if c == CM {
		return srtp.AES128CMSHA1
	}
	return srtp.AES128GCM
}

// Streams is how many subscribers receive altogether: copies of each packet,
// times publishers.
func (s Scenario) Streams() int { return s.Publishers * s.Subscribers }

// Layer is the layer that a subscriber asks for, by its number among them.
func (s Scenario) Layer(subscriber int) int { return subscriber % max(s.Layers, 1) }

// Total is the rate at which all subscribers together receive, or a relay relays.
func (s Scenario) Total() float64 {
	if s.Kind == Relay {
		return 2 * s.Rate * float64(s.Allocations)
	}
	var total float64
	for i := range s.Subscribers {
		below := max(s.Layers, 1) - 1 - s.Layer(i)
		total += s.Rate * float64(s.Publishers) / float64(int(1)<<below)
	}
	return total
}
