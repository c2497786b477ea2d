package mailbox

import "sync"

// Tray is a queue that its owner empties at a time of its own: a loop waits for Wake,
// beside other things, and takes what has come. All but Wake and Take may be called
// from any goroutine.
type Tray[M any] struct {
	wake chan struct{} // capacity 1: something was put

	mu    sync.Mutex
	queue []M  // guarded by mu
	over  bool // guarded by mu
}

// NewTray makes an empty tray. It has no goroutine and need not be closed.
func NewTray[M any]() *Tray[M] { return &Tray[M]{wake: make(chan struct{}, 1)} }

// Wake holds a token when something may have come.
func (t *Tray[M]) Wake() <-chan struct{} { return t.wake }

// Put appends a message and returns at once; false behind Close.
func (t *Tray[M]) Put(message M) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	t.queue = append(t.queue, message)
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return true
}

// Take empties the tray, in order.
func (t *Tray[M]) Take() []M {
	t.mu.Lock()
	defer t.mu.Unlock()
	messages := t.queue
	t.queue = nil
	return messages
}

// Close has nothing more be taken, and gives what had come by then.
func (t *Tray[M]) Close() []M {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	return t.Take()
}
