package rival

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"meshfocus/bench/party"
)

// patience is how long a description may take.
const patience = 30 * time.Second

// seat is one websocket to LiveKit with the End that it speaks for. Its loop
// answers what comes; it ends with the socket.
type seat struct {
	end    *party.End
	socket *websocket.Conn
	loop   sync.WaitGroup
	// tracks is the server's names for what the End publishes, all that are wanted
	// when responsePublished is there; the loop's until then.
	tracks map[string]string
	stop   chan struct{}

	writing sync.Mutex // guards writing to the socket

	mu     sync.Mutex // guards what follows
	heard  map[int]chan struct{}
	wanted int // tracks
	err    error
	ended  chan struct{}
}

func newSeat(end *party.End, socket *websocket.Conn) *seat {
	s := &seat{end: end, socket: socket, tracks: make(map[string]string), wanted: 1, stop: make(chan struct{}), heard: make(map[int]chan struct{}), ended: make(chan struct{})}
	s.loop.Go(s.listen)
	s.loop.Go(s.ping)
	return s
}

// say sends a request.
func (s *seat) say(field int, message []byte) { s.write(appendBytes(nil, field, message)) }

// write sends; what fails is heard of by listen.
func (s *seat) write(message []byte) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.socket.WriteMessage(websocket.BinaryMessage, message)
}

// await waits until a response of a kind has come and was dealt with.
func (s *seat) await(ctx context.Context, field int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-s.mark(field):
		return nil
	case <-s.ended:
		return fmt.Errorf("%w: livekit, %s: %w", ErrRefused, s.end.Name, s.err)
	case <-ctx.Done():
		return fmt.Errorf("%w: livekit, %s: no response of kind %d: %w", ErrRefused, s.end.Name, field, ctx.Err())
	}
}

// want says that one track more is to be published.
func (s *seat) want() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted++
}

// complete reports whether all tracks that are wanted are published. The loop calls it.
func (s *seat) complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tracks) >= s.wanted
}

// mark gives what is closed by the first response of a kind.
func (s *seat) mark(field int) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard[field] == nil {
		s.heard[field] = make(chan struct{})
	}
	return s.heard[field]
}

// listen is the loop. It ends with the socket, or with a message that cannot be
// dealt with.
func (s *seat) listen() {
	defer close(s.ended)
	for {
		_, data, err := s.socket.ReadMessage()
		if err == nil {
			err = s.take(data)
		}
		if err != nil {
			s.err = err
			return
		}
	}
}

// take deals with one response.
func (s *seat) take(data []byte) error {
	response, err := readProtobuf(data)
	if err != nil {
		return err
	}
	for field, content := range response.bytes {
		message := protobuf{}
		switch field {
		case responseAnswer, responseOffer, responseTrickle, responsePublished:
			if message, err = readProtobuf(content); err != nil {
				return err
			}
		}
		if err := s.deal(field, message); err != nil {
			return err
		}
		if field == responsePublished && !s.complete() {
			continue
		}
		select {
		case <-s.mark(field):
		default:
			close(s.mark(field))
		}
	}
	return nil
}

func (s *seat) deal(field int, message protobuf) error {
	switch field {
	case responseAnswer:
		return s.end.Accept(string(message.bytes[descriptionSDP]))
	case responseOffer:
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		answer, err := s.end.Answer(ctx, string(message.bytes[descriptionSDP]))
		if err != nil {
			return err
		}
		s.say(requestAnswer, description("answer", answer, message.number[descriptionID]))
	case responseTrickle:
		candidate, err := candidateOf(message)
		if err != nil {
			return err
		}
		return s.end.AddCandidate(candidate)
	case responsePublished:
		published, err := readProtobuf(message.bytes[publishedTrack])
		if err != nil {
			return err
		}
		s.tracks[string(message.bytes[publishedName])] = string(published.bytes[publishedID])
	case responseLeave:
		return fmt.Errorf("it was asked to leave")
	}
	return nil
}

// ping tells the server that we live, until we leave.
func (s *seat) ping() {
	ticker := time.NewTicker(liveKitPing)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.write(appendVarint(nil, requestPing, uint64(time.Now().UnixMilli())))
		case <-s.ended:
			return
		case <-s.stop:
			return
		}
	}
}

// leave says so, closes the socket and waits for the loops. Who only closes is kept a
// place for a while, in case it comes back.
func (s *seat) leave() {
	close(s.stop)
	s.say(requestLeave, nil)
	_ = s.socket.Close()
	s.loop.Wait()
}
