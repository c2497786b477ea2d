package homeserver

import (
	"fmt"
	"net/url"
	"strings"

	"meshfocus/signalling/homeserver/journal"
)

// Buckets of the journal and the parts of their keys. Values are JSON.
const (
	bucketMeta     = "meta"     // keyCeiling, keyName
	bucketUser     = "user"     // user
	bucketDevice   = "device"   // user, device
	bucketKeys     = "keys"     // user, device
	bucketOneTime  = "onetime"  // user, device, algorithm, key ID
	bucketFallback = "fallback" // user, device, algorithm
	bucketInbox    = "inbox"    // user, device, position
	bucketTxn      = "txn"      // user, device, transaction
	bucketData     = "data"     // user, room, type
	bucketFilter   = "filter"   // user, number
	bucketRoom     = "room"     // room
	bucketEvent    = "event"    // room, position
	bucketReceipt  = "receipt"  // room, user, type, thread
	bucketAlias    = "alias"    // alias
	bucketDelayed  = "delayed"  // delay ID

	keyCeiling = "ceiling" // see model.ceiling
	keyName    = "name"    // of the server
)

// key joins parts, which may hold anything a client sends, into one journal
// key that split takes apart again.
func key(parts ...string) string {
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(part))
	}
	return b.String()
}

// split is the inverse of key for a known number of parts.
func split(joined string, want int) ([]string, error) {
	parts := strings.Split(joined, "/")
	if len(parts) != want {
		return nil, fmt.Errorf("key %q has %d parts; it must have %d", joined, len(parts), want)
	}
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", joined, err)
		}
		parts[i] = plain
	}
	return parts, nil
}

// positionPart writes a position so that keys sort as positions do.
func positionPart(position int64) string { return fmt.Sprintf("%016x", position) }

// put is the entry that sets a value. Everything the model writes can be
// marshalled: raw JSON in it was checked when it came in.
func put(bucket, key string, value any) journal.Entry {
	data, err := encode(value)
	if err != nil {
		panic(fmt.Sprintf("homeserver: %s %s: %v", bucket, key, err))
	}
	return journal.Entry{Bucket: bucket, Key: key, Value: data}
}

// drop is the entry that deletes a value.
func drop(bucket, key string) journal.Entry { return journal.Entry{Bucket: bucket, Key: key} }
