package discrete

// ring is a queue that keeps its memory.
type ring[T any] struct {
	cells       []T // a power of two, or none
	first, next uint
}

func (r *ring[T]) size() int { return int(r.next - r.first) }

func (r *ring[T]) front() *T { return &r.cells[r.first&uint(len(r.cells)-1)] }

func (r *ring[T]) pop() { r.first++ }

func (r *ring[T]) push(value T) {
	if r.size() == len(r.cells) {
		grown := make([]T, max(16, 2*len(r.cells)))
		n := 0
		for at := r.first; at != r.next; at++ {
			grown[n] = r.cells[at&uint(len(r.cells)-1)]
			n++
		}
		r.cells, r.first, r.next = grown, 0, uint(n)
	}
	r.cells[r.next&uint(len(r.cells)-1)] = value
	r.next++
}
