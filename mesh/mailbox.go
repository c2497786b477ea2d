package mesh

import "sync"

// mailbox lets loops talk without waiting for each other. It is not bounded:
// what fills it is limited where it enters (see envelope and inbox).
type mailbox[T any] struct {
	wake chan struct{} // holds a token when the queue may not be empty

	mu    sync.Mutex
	queue []T // guarded by mu
}

func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{wake: make(chan struct{}, 1)}
}

// put never blocks. Any goroutine may call it.
func (b *mailbox[T]) put(item T) {
	b.mu.Lock()
	b.queue = append(b.queue, item)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take empties the mailbox, in order. The owner calls it after wake.
func (b *mailbox[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.queue
	b.queue = nil
	return items
}
