package packet

// Before reports whether the number a comes before b, the shorter way round.
// Opposite numbers are neither before nor behind each other.
func Before(a, b uint16) bool { return a != b && b-a < 1<<15 }

// Unwrapper follows a counter that wraps, so that its values can be compared and
// counted over hours: uint16 for sequence numbers, uint32 for timestamps. The
// zero Unwrapper is ready. It belongs to one loop.
type Unwrapper[T uint16 | uint32] struct {
	newest int64
	begun  bool
}

// Unwrap gives the value without wrap that n stands for: the one next to the
// newest there was. The first is n itself, so that those before it may be below
// 0. A jump of half the range or more reads as one backwards.
func (u *Unwrapper[T]) Unwrap(n T) int64 {
	value := u.Peek(n)
	if !u.begun || value > u.newest {
		u.newest, u.begun = value, true
	}
	return value
}

// Peek gives what Unwrap would, and forgets n again.
func (u *Unwrapper[T]) Peek(n T) int64 {
	if !u.begun {
		return int64(n)
	}
	ahead := n - T(u.newest)
	if ahead <= ^T(0)>>1 {
		return u.newest + int64(ahead)
	}
	return u.newest - int64(-ahead)
}

// Newest gives the highest value there was, and whether there was any.
func (u *Unwrapper[T]) Newest() (value int64, begun bool) { return u.newest, u.begun }
