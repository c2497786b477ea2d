package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/signalling/message"
)

// attemptTimeout bounds one request of the outbox.
const attemptTimeout = 15 * time.Second

// outbox is the loop that sends to-device messages.
//
// It owns the queue. Send hands it parcels through a mailbox that never
// blocks; each attempt runs on a goroutine of its own, at most MaxInFlight at
// once, and comes back as a message.
//
// It ends with its context: attempts are cancelled and waited for, and every
// parcel that is left gets ErrClosed. It also ends when the homeserver
// refuses our token.
type outbox struct {
	account *Account
	queue   *queue
	prefix  string // of transaction IDs, new with every Open
	results chan result

	mutex sync.Mutex
	// guarded by mutex
	mailbox []*parcel
	count   uint64
	closed  bool

	sent, givenUp, retries atomic.Uint64
	queued                 atomic.Int64

	// arrived has room for one: something is in the mailbox.
	arrived chan struct{}
}

// result is an attempt that came back.
type result struct {
	parcel *parcel
	err    error
}

func newOutbox(a *Account) *outbox {
	return &outbox{
		account: a,
		queue:   newQueue(a.config.MaxInFlight),
		prefix:  "meshfocus" + rand.Text()[:12],
		results: make(chan result, a.config.MaxInFlight),
		arrived: make(chan struct{}, 1),
	}
}

// Send queues a signal for one device and returns at once. Signals to one
// device keep their order; another device's trouble does not delay them. Done
// is called once, on some goroutine: with nil when the homeserver took the
// signal, else with why it was given up. The room of the signal decides about
// encryption in EncryptAuto.
//
// Signals sent before Run wait for it. After Run done gets ErrClosed, before
// Send returns.
func (a *Account) Send(to message.Party, signal message.Signal, done func(error)) {
	if done == nil {
		done = func(error) {}
	}
	limit := a.config.SendLimit
	if signal.Kind == message.Invite && signal.Lifetime > 0 {
		limit = min(limit, signal.Lifetime)
	}
	p := &parcel{to: to, room: signal.RoomID, deadline: time.Now().Add(limit), done: done}
	p.eventType, p.content, p.last = signal.Encode()
	if !a.outbox.post(p) {
		done(fmt.Errorf("send %s to %s: %w", signal.Kind, to, ErrClosed))
	}
}

// post gives a parcel its transaction ID and puts it into the mailbox.
func (o *outbox) post(p *parcel) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.closed {
		return false
	}
	o.count++
	p.transaction = fmt.Sprintf("%s.%d", o.prefix, o.count)
	o.mailbox = append(o.mailbox, p)
	o.queued.Add(1)
	select {
	case o.arrived <- struct{}{}:
	default:
	}
	return true
}

// run is the loop. Its only error is ErrBadToken.
func (o *outbox) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var attempts sync.WaitGroup
	defer func() {
		cancel()
		attempts.Wait()
		o.close()
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		o.collect()
		ready, expired, wake := o.queue.start(time.Now())
		for _, p := range expired {
			o.end(p, fmt.Errorf("%w after %d attempts to %s: %w", ErrObsolete, p.attempts, p.to, p.reason()))
		}
		for _, p := range ready {
			attempts.Go(func() { o.results <- result{p, o.attempt(ctx, p)} })
		}
		timer.Reset(untilWake(wake))
		select {
		case <-ctx.Done():
			return nil
		case <-o.arrived:
		case <-timer.C:
		case back := <-o.results:
			if err := o.settle(back); err != nil {
				return err
			}
		}
	}
}

func untilWake(wake time.Time) time.Duration {
	if wake.IsZero() {
		return time.Hour
	}
	return time.Until(wake)
}

// collect moves the mailbox into the queue. What could not be encoded is told
// here, never inside Send.
func (o *outbox) collect() {
	o.mutex.Lock()
	arrived := o.mailbox
	o.mailbox = nil
	o.mutex.Unlock()
	for _, p := range arrived {
		if p.last != nil {
			o.end(p, fmt.Errorf("send to %s: %w", p.to, p.last))
			continue
		}
		o.queue.push(p)
	}
}

// settle takes an attempt's result. It gives ErrBadToken when that ends all.
func (o *outbox) settle(back result) error {
	p := back.parcel
	how, after := judge(back.err)
	p.last = back.err
	gone := o.queue.finish(p, how, after, time.Now(), o.account.random())
	switch {
	case gone && back.err == nil:
		o.end(p, nil)
	case gone:
		o.end(p, fmt.Errorf("send to %s: %w", p.to, back.err))
	default:
		o.retries.Add(1)
		o.account.log.Log(context.Background(), levelOfFailure(classify(back.err).kind, p.attempts), "sending failed, will try again",
			"party", p.to.String(), "attempts", p.attempts, "err", back.err)
	}
	if classify(back.err).kind == faultToken {
		return o.account.explain("send", back.err)
	}
	return nil
}

// judge sorts the error of an attempt.
func judge(err error) (how outcome, after time.Duration) {
	found := classify(err)
	switch {
	case err == nil:
		return outcomeSent, 0
	case errors.Is(err, ErrNoKeys), errors.Is(err, ErrUntrusted):
		return outcomeDrop, 0
	case found.kind == faultLimited:
		return outcomeLimited, found.retryAfter
	case found.kind.passing():
		return outcomeRetry, found.retryAfter
	default:
		return outcomeDrop, 0
	}
}

// attempt seals the parcel, once, and sends it.
func (o *outbox) attempt(ctx context.Context, p *parcel) error {
	deadline := time.Now().Add(attemptTimeout)
	if p.deadline.Before(deadline) {
		deadline = p.deadline
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if p.sealed == nil {
		if err := o.seal(ctx, p); err != nil {
			return err
		}
	}
	body := map[string]map[string]map[string]json.RawMessage{
		"messages": {p.to.UserID: {p.to.DeviceID: p.sealed}},
	}
	return o.account.call(ctx, http.MethodPut, clientPath("v3", "sendToDevice", p.sealedType, p.transaction), nil, body, nil)
}

// seal decides about encryption (decision D23): Olm wherever it is possible;
// cleartext in mode prefer, and only to a device of which the homeserver says
// that it has no keys. A session that fails is never a reason for it.
func (o *outbox) seal(ctx context.Context, p *parcel) error {
	mode := o.account.config.mode(o.account.rooms.encrypted(p.room))
	if mode == EncryptOff && p.locked {
		return ErrNoKeys
	}
	if mode == EncryptOff {
		p.sealedType, p.sealed = p.eventType, p.content
		return nil
	}
	sealed, err := o.account.crypto.encrypt(ctx, p.to, p.eventType, p.content)
	switch {
	case err == nil:
		p.sealedType, p.sealed = message.TypeEncrypted, sealed
	case errors.Is(err, ErrNoKeys) && mode == EncryptPrefer && !p.locked:
		if o.account.noted.first("sent cleartext", p.to) {
			o.account.log.Info("sending cleartext: the device publishes no encryption keys", "party", p.to.String(), "room", p.room)
		}
		p.sealedType, p.sealed = p.eventType, p.content
	default:
		return err
	}
	return nil
}

// reason is why a parcel is still here.
func (p *parcel) reason() error {
	if p.last != nil {
		return p.last
	}
	return errors.New("other messages came first")
}

// close refuses everything that is left or comes later.
func (o *outbox) close() {
	o.mutex.Lock()
	o.closed = true
	left := o.mailbox
	o.mailbox = nil
	o.mutex.Unlock()
	for _, p := range append(o.queue.drain(), left...) {
		o.end(p, fmt.Errorf("send to %s: %w", p.to, ErrClosed))
	}
}

// end tells what became of a parcel.
func (o *outbox) end(p *parcel, err error) {
	o.queued.Add(-1)
	if err == nil {
		o.sent.Add(1)
	} else {
		o.givenUp.Add(1)
	}
	p.done(err)
}
