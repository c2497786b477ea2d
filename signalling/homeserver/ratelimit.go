package homeserver

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Class names what shares one rate limit: a group of endpoints, or a single
// one by method and pattern as in the table of routes, for example
// "PUT /sendToDevice/{type}/{txn}".
type Class string

// The groups. What is not listed belongs to ClassOther.
const (
	ClassLogin    Class = "login"
	ClassRegister Class = "register"
	ClassCreate   Class = "create"
	ClassJoin     Class = "join"
	ClassMessage  Class = "message" // send and redact
	ClassState    Class = "state"   // PUT state
	ClassToDevice Class = "to_device"
	ClassDelayed  Class = "delayed" // restart, cancel, send and list; scheduling counts as message or state
	ClassKeys     Class = "keys"
	ClassSync     Class = "sync"
	ClassRead     Class = "read" // room contents, members, profiles
	ClassTurn     Class = "turn" // turnServer and rtc/transports
	ClassOther    Class = "other"
)

// Limit is a token bucket. Burst requests may come at once and one more every
// 1/PerSecond seconds after that. The zero Limit does not limit; a Burst of
// less than one with PerSecond above zero refuses everything.
type Limit struct {
	PerSecond float64
	Burst     int
}

// limiter counts per class and caller. It may be used from any goroutine.
type limiter struct {
	mu      sync.Mutex // a leaf
	limits  map[Class]Limit
	buckets map[bucketKey]*bucket
}

type bucketKey struct {
	class  Class
	caller string // user ID, or the address of who has no token
}

type bucket struct {
	tokens float64
	filled time.Time
}

// bucketsKept bounds the memory of the limiter: past it, full buckets are
// dropped, which changes nothing for their owners.
const bucketsKept = 10_000

func newLimiter(limits map[Class]Limit) *limiter {
	l := &limiter{limits: make(map[Class]Limit), buckets: make(map[bucketKey]*bucket)}
	for class, limit := range limits {
		l.limits[class] = limit
	}
	return l
}

func (l *limiter) set(class Class, limit Limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits[class] = limit
	for key := range l.buckets {
		if key.class == class {
			delete(l.buckets, key)
		}
	}
}

// allow takes a token from each class, or says after which time one will be
// there.
func (l *limiter) allow(caller string, now time.Time, classes ...Class) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, class := range classes {
		if wait, ok := l.take(class, caller, now); !ok {
			return wait, false
		}
	}
	return 0, true
}

func (l *limiter) take(class Class, caller string, now time.Time) (wait time.Duration, ok bool) {
	limit := l.limits[class]
	if limit == (Limit{}) {
		return 0, true
	}
	key := bucketKey{class, caller}
	b := l.buckets[key]
	if b == nil {
		l.sweep(now)
		b = &bucket{tokens: float64(limit.Burst), filled: now}
		l.buckets[key] = b
	}
	b.fill(limit, now)
	if b.tokens >= 1 {
		b.tokens--
		return 0, true
	}
	if limit.PerSecond <= 0 {
		return time.Minute, false
	}
	return time.Duration((1 - b.tokens) / limit.PerSecond * float64(time.Second)), false
}

func (b *bucket) fill(limit Limit, now time.Time) {
	b.tokens = min(b.tokens+now.Sub(b.filled).Seconds()*limit.PerSecond, float64(limit.Burst))
	b.filled = now
}

func (l *limiter) sweep(now time.Time) {
	if len(l.buckets) < bucketsKept {
		return
	}
	for key, b := range l.buckets {
		limit := l.limits[key.class]
		b.fill(limit, now)
		if b.tokens >= float64(limit.Burst) {
			delete(l.buckets, key)
		}
	}
}

// SetRateLimit changes the limit of one class for all callers at once, with
// full buckets. The zero Limit switches it off. Any goroutine may call it.
func (s *Server) SetRateLimit(class Class, limit Limit) { s.limits.set(class, limit) }

// Classes lists the groups, for messages and documentation.
func Classes() []Class {
	return []Class{
		ClassLogin, ClassRegister, ClassCreate, ClassJoin, ClassMessage, ClassState, ClassToDevice,
		ClassDelayed, ClassKeys, ClassSync, ClassRead, ClassTurn, ClassOther,
	}
}

// ParseLimit reads "CLASS=RATE/BURST", such as "login=0.5/20" or
// "PUT /sendToDevice/{type}/{txn}=10/50": RATE requests a second on average,
// BURST at once. The error says what would be right; a single endpoint is
// taken by its form, not looked up.
func ParseLimit(text string) (Class, Limit, error) {
	name, numbers, found := strings.Cut(text, "=")
	rate, burst, both := strings.Cut(numbers, "/")
	perSecond, errRate := strconv.ParseFloat(rate, 64)
	atOnce, errBurst := strconv.Atoi(burst)
	if !found || !both || errRate != nil || errBurst != nil || !(perSecond > 0) || math.IsInf(perSecond, 0) || atOnce < 1 {
		return "", Limit{}, fmt.Errorf("%q is not a rate limit; write class=requests a second/burst, such as login=0.5/20", text)
	}
	class := Class(name)
	if method, path, endpoint := strings.Cut(name, " "); !slices.Contains(Classes(), class) &&
		!(endpoint && method == strings.ToUpper(method) && strings.HasPrefix(path, "/")) {
		return "", Limit{}, fmt.Errorf("%q is no class of requests; use one of %v, or an endpoint such as PUT /sendToDevice/{type}/{txn}", name, Classes())
	}
	return class, Limit{PerSecond: perSecond, Burst: atOnce}, nil
}
