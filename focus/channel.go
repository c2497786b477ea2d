package focus

import (
	"context"
	"fmt"

	"meshfocus/focus/transport"
)

// longestMessage is the longest message that is read on a data channel (RFC 8841
// section 6.1: what everybody takes).
const longestMessage = 64 << 10

// OpenChannel opens a data channel to the party, of a label that Send and messages of
// others know it by. It waits until there can be one.
func (p *Party) OpenChannel(ctx context.Context, label string) error {
	channel, err := p.bundle.OpenChannel(ctx, label)
	if err != nil {
		return fmt.Errorf("party %s: %w", p.key, err)
	}
	if !p.open(channel) {
		return ErrClosed
	}
	return nil
}

// Send sends a message on the party's data channel of a label. It never waits: the
// error is ErrChannel if there is none or too much waits there already.
func (p *Party) Send(label string, message []byte, text bool) error {
	p.mutex.Lock()
	channel := p.channels[label]
	p.mutex.Unlock()
	if channel == nil || channel.Buffered() > mostBuffered {
		return fmt.Errorf("%w: %s", ErrChannel, label)
	}
	return channel.Write(message, text)
}

// mostBuffered is how many bytes wait for one who takes nothing: four of the longest
// messages.
const mostBuffered = 4 * longestMessage

// Hear has the party get, on its data channel of a label, what another sends on its
// channel of the same label, or no longer. Messages for which it has no channel, or
// no room, are dropped and counted. It ends with either party.
func (p *Party) Hear(owner, label string, on bool) {
	p.say(func() { p.session.roster.hear(p.key, ear{owner, label}, on) })
}

// open takes a channel in and has it read, false if the party has ended.
func (p *Party) open(channel *transport.Channel) bool {
	label := channel.Label()
	p.mutex.Lock()
	over := p.over
	if !over {
		p.channels[label] = channel
		p.readers.Go(func() { p.read(channel) })
	}
	p.mutex.Unlock()
	if over {
		_ = channel.Close()
		return false
	}
	p.events.put(ChannelReady{label})
	return true
}

// read passes on what comes on a channel until it is closed. The next message is read
// when the session has dealt with the one before: who says much waits, by SCTP.
func (p *Party) read(channel *transport.Channel) {
	buffer, label := make([]byte, longestMessage), channel.Label()
	for {
		n, text, err := channel.Read(buffer)
		if err != nil {
			break // also one that is too long: what comes behind it cannot be told apart
		}
		message := MessageReceived{label, append([]byte(nil), buffer[:n]...), text}
		done := make(chan struct{})
		if !p.session.mail.Put(func() { p.session.relay(p, message); close(done) }) {
			break
		}
		<-done
	}
	_ = channel.Close()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.channels[label] == channel {
		delete(p.channels, label)
	}
}

// relay hands a message of a party to its holder and to those who hear it.
func (s *Session) relay(from *Party, message MessageReceived) {
	if from.gone {
		return
	}
	from.events.put(message)
	for _, key := range s.roster.hearers(ear{from.key, message.Label}) {
		if p := s.parties[key]; p != nil && p.Send(message.Label, message.Data, message.Text) == nil {
			s.relayed.Add(1)
		} else {
			s.dropped.Add(1)
		}
	}
}

// Relayed counts messages that were passed on, dropped those that found no channel or
// no room.
func (s *Session) Relayed() (passed, dropped uint64) { return s.relayed.Load(), s.dropped.Load() }
